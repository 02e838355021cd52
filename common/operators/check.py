"""Is the adjoint of an operator its adjoint?  <A x, v> = <x, A^H v> for random x and v.

The product is Re sum conj(u) v. Published operators fail this test (nearest upsampling for the
transpose of bicubic shrinking, the identity for that of a blur), and then every solver that
trusts them converges to something else.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.noise import Noise
from undrift.common.operators.operator import Field, Operator


@dataclass(frozen=True)
class AdjointReport:
    """The worst of several probes; str() of it is one readable line.

    error: |<Ax,v> - <x,A^H v>| over the largest of the two and |Ax|, which is what the product with
    a v of unit variance is of the order of; ok: whether it is within `tolerance`.
    """

    operator: str
    forward: float
    backward: float
    error: float
    tolerance: float
    hint: str = ""

    @property
    def ok(self) -> bool:
        return self.error <= self.tolerance

    def __str__(self) -> str:
        verdict = "is" if self.ok else "is NOT"
        text = (
            f"the adjoint of {self.operator} {verdict} its adjoint: <Ax, v> = {self.forward:.6g}, "
            f"<x, A^H v> = {self.backward:.6g}, relative error {self.error:.2g} "
            f"(allowed {self.tolerance:.2g})"
        )
        return f"{text}; {self.hint}" if self.hint else text


def probe(
    shape: tuple[int, ...], field: Field, number: int, dtype: torch.dtype = torch.float64
) -> Tensor:
    """Standard normal values of `shape` with one batch axis of 1; complex for a complex field."""
    n = int(torch.Size(shape).numel())
    parts = [Noise(7919, "probe", k)((1, 1, n), draw=number, dtype=dtype) for k in (0, 1)]
    found = torch.complex(*parts) if field == "complex" else parts[0]
    return found.reshape(1, *shape)


def inner(u: Tensor, v: Tensor) -> float:
    """Re <u, v>."""
    return float((u.conj() * v).real.sum() if u.is_complex() or v.is_complex() else (u * v).sum())


def check_adjoint(
    operator: Operator,
    dtype: torch.dtype = torch.float64,
    tolerance: float | None = None,
    probes: int = 4,
    device: torch.device | str = "cpu",
) -> AdjointReport:
    """Tests a linear operator in `dtype` (real precision); read `.ok`, print it, or `.error`.

    tolerance: allowed relative error, by default 1e-10 in float64 and 1e-4 in float32. Operators
    that take any field are tried on real and on complex signals. A wrong constant factor is named.
    """
    if tolerance is None:
        tolerance = 1e-10 if dtype == torch.float64 else 1e-4
    pairs: list[tuple[float, float]] = []
    errors: list[float] = []
    fields: list[Field] = ["real", "complex"] if operator.field_in == "any" else [operator.field_in]
    for field in fields:
        for number in range(probes):
            x = probe(operator.shape_in, field, 2 * number, dtype).to(device)
            out = field if operator.field_out == "any" else operator.field_out
            v = probe(operator.shape_out, out, 2 * number + 1, dtype).to(device)
            y = operator(x)
            back = getattr(operator, "adjoint")(v)  # noqa: B009 - non-linear ones have none
            pairs.append((inner(y, v), inner(x, back)))
            errors.append(_apart(*pairs[-1], float(torch.linalg.vector_norm(y))))
    worst = max(range(len(pairs)), key=errors.__getitem__)
    hint = "" if errors[worst] <= tolerance else _hint(pairs)
    return AdjointReport(repr(operator), *pairs[worst], errors[worst], tolerance, hint)


def _apart(a: float, b: float, usual: float) -> float:
    if a != a or b != b:
        return float("inf")
    return abs(a - b) / max(abs(a), abs(b), usual, 1e-300)


def _hint(pairs: list[tuple[float, float]]) -> str:
    ratios = [a / b for a, b in pairs if b]
    constant = len(ratios) == len(pairs) and max(ratios) - min(ratios) < 1e-3 * abs(ratios[0])
    if constant and abs(ratios[0] - 1) > 1e-3:
        return f"it is off by a constant factor only: multiply it by {ratios[0]:.6g}"
    return "write it as the transpose of every step, in reverse order"


def dense_matrix(operator: Operator, dtype: torch.dtype = torch.float64) -> Tensor:
    """The matrix of a linear operator, column by column: for tests and tiny problems.

    Complex-linear operators give a complex (m, n) matrix, others a real one; an operator from real
    to complex values gives the 2 m rows of the real and then the imaginary parts.
    """
    n = int(torch.Size(operator.shape_in).numel())
    eye = torch.eye(n, dtype=dtype).reshape(n, *operator.shape_in)
    if operator.field_in == "complex":
        eye = eye.to(dtype.to_complex())
    columns = operator(eye).reshape(n, -1)
    if columns.is_complex() and operator.field_in != "complex":
        columns = torch.cat([columns.real, columns.imag], 1)
    return columns.T.contiguous()
