"""Moment matching posterior sampling (MMPS; Rozet et al. 2024): second-order Tweedie, solved.

    D_m = D + V A^T w,    (A V A^T + sigma^2) w = m - A D,     V u by one vector-Jacobian product

in `iterations` Krylov steps of one product each (`krylov`). Exact for Gaussian x0 | x_t; a
non-linear A is linearised at D.

The Jacobian of a trained network is neither symmetric nor surely positive. "cg" stops for an item
where the curvature is not that of a covariance, and what it has not explained by then is explained
with the variance r^2 of PiGDM: V A^T w + r^2 A^T w', (r^2 A A^T + sigma^2) w' = residual, so that
the measurement is met as closely as its noise asks for. "gmres" solves the system as it is.
`symmetric` takes (V + V^T) / 2, by a Jacobian-vector product more for each, as costly as two calls.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError, nearest
from undrift.common.operators.linear import LinearOperator
from undrift.common.posterior.conditional import Conditional, replaced
from undrift.common.posterior.krylov import Solved, System, conjugate_gradients, gmres, over
from undrift.common.posterior.tweedie import Moments

Method = Literal["cg", "gmres"]
METHODS = {"cg": conjugate_gradients, "gmres": gmres}


@dataclass(frozen=True)
class MomentMatching(Conditional):
    """iterations: vector-Jacobian products at a call, one more with a start of `warm`.

    tol: relative residual to stop at. method, symmetric: see the module. Raises InputError for an
    unknown method and for less than one iteration.
    """

    iterations: int = 5
    tol: float = 1e-4
    method: Method = "cg"
    symmetric: bool = False
    derivative = True
    price = "1F+5B (`iterations`)"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.method not in METHODS or self.iterations < 1:
            raise InputError(
                f"MomentMatching got method {self.method!r} and {self.iterations} iterations; "
                f"expected {' or '.join(METHODS)}, 1 or more{nearest(self.method, METHODS)}"
            )

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        point = self.prior_moments(x, t, y, level)
        operator, left = self.linearised(point.x0)
        found = self._solved(point, operator, left, t)
        correction = found.correction
        if bool(found.broken.any()):
            alone = operator.gain(found.residual, self.shrunk_variance(t), self.sigma**2)
            correction = correction + over(found.broken, alone) * alone
        return replaced(point.estimate, point.x0 + correction)

    def _solved(self, point: Moments, operator: LinearOperator, left: Tensor, t: float) -> Solved:
        """w and V A^T w; the start of the memory is used and it is given the new one."""

        def apply(p: Tensor) -> tuple[Tensor, Tensor]:
            moved = point.times(operator.adjoint(p), self.symmetric)
            return moved, operator(moved) + self.sigma**2 * p

        system = System(apply, left, torch.zeros_like(point.x0), self.sigma**2)
        start = None if self.warm is None else self.warm.start(t, left)
        found = METHODS[self.method](system, self.iterations, self.tol, start)
        if self.warm is not None:
            self.warm.keep(t, found.w)
        return found
