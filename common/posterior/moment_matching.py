"""Moment matching posterior sampling (MMPS; Rozet et al. 2024): second-order Tweedie, solved.

    D_m = D + V A^T (A V A^T + sigma^2 I)^-1 (m - A D),      V u by one vector-Jacobian product

The system is solved by `iterations` steps of conjugate gradients, each of one product; the products
of the search directions add up to the correction, so k steps cost k products. Exact for Gaussian
x0 | x_t. A learned Jacobian need not be symmetric: where a direction has no positive curvature the
solve stops there. A non-linear A is linearised at D.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.posterior.conditional import Conditional, replaced


@dataclass(frozen=True)
class MomentMatching(Conditional):
    """iterations: vector-Jacobian products at a call; tol: relative residual to stop at."""

    iterations: int = 5
    tol: float = 1e-4

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        point = self.prior_moments(x, t, y, level)
        operator, left = self.linearised(point.x0)
        correction = torch.zeros_like(point.x0)
        residual = left
        direction = left
        size = first = _dot(residual, residual)
        for _ in range(self.iterations):
            if bool((size <= self.tol**2 * first).all()):
                break
            moved = point.times(operator.adjoint(direction))  # V A^T p
            image = operator(moved) + self.sigma**2 * direction
            bend = _dot(direction, image)
            step = torch.where(bend > 0, size / torch.where(bend > 0, bend, 1), 0)
            correction = correction + _over(step, moved) * moved
            residual = residual - _over(step, image) * image
            after = torch.where(bend > 0, _dot(residual, residual), 0)
            share = torch.where(size > 0, after / torch.where(size > 0, size, 1), 0)
            direction, size = residual + _over(share, direction) * direction, after
        return replaced(point.estimate, point.x0 + correction)


def _dot(u: Tensor, v: Tensor) -> Tensor:
    """Re <u, v> of each item, (b,)."""
    product = (u.conj() * v).real if u.is_complex() else u * v
    return product.flatten(1).sum(1)


def _over(value: Tensor, like: Tensor) -> Tensor:
    return value.reshape(-1, *[1] * (like.ndim - 1))
