"""Reconstructions without a learned prior: zero-filled, and SENSE by conjugate gradients.

Zero-filled: A^H y / sum_c |S_c|^2, what is not measured taken as 0. SENSE (Pruessmann et al. 2001):
argmin |y - A x|^2 + lam |x|^2, that is (A^H A + lam) x = A^H y. Compressed sensing is in `sparse`.
"""

from torch import Tensor

from undrift.common.operators.linear import LinearOperator


def zero_filled(operator: LinearOperator, y: Tensor, power: Tensor | float = 1.0) -> Tensor:
    """(b, 2, *space) from y (b, coils, *space). power: sum_c |S_c|^2, which is divided out."""
    found = operator.adjoint(y)
    if isinstance(power, Tensor):
        return found / power.clamp(min=1e-6 * float(power.max()))
    return found / power


def cg_sense(
    operator: LinearOperator,
    y: Tensor,
    lam: float = 0.0,
    iterations: int = 100,
    tol: float | None = None,
) -> Tensor:
    """(b, 2, *space); lam >= 0 in units of A^H A. With lam = 0 the solution of least norm."""
    if lam == 0:
        return operator.pinv(y, tol=tol, iterations=iterations)
    return operator.solve(operator.adjoint(y), 1.0, lam, tol=tol, iterations=iterations)
