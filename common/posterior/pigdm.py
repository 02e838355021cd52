"""Pseudo-inverse guidance (PiGDM, Song et al. 2023) in its score form, for noisy measurements.

    D_m = D + V A^T (r^2 A A^T + sigma^2 I)^-1 (m - A D),     r^2 = rho^2 v0 / (rho^2 + v0)

V A^T w is one vector-Jacobian product. The paper has v0 = 1 (r^2 = rho^2/(1 + rho^2)); with the
real variance v0 = sigma_d^2 of the signals it is nearer to the posterior. `jfps.JFPS` replaces V by
r^2 I as well: no derivative of the network at all. The derivative of a small network is wrong at
noise far above the signal, where V = (s^2/a) J magnifies it beyond all bounds; `most` caps what V
does to a vector at so many times what r^2 I does.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.posterior.conditional import Conditional, replaced


@dataclass(frozen=True)
class PiGDM(Conditional):
    """sigma = 0 is the noiseless form of the paper. most: |V u| <= most r^2 |u|; above 0."""

    most: float = math.inf
    noiseless = True
    derivative = True
    price = "1F+1B"

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        point = self.prior_moments(x, t, y, level)
        operator, left = self.linearised(point.x0)
        gained = self.gained(operator, left, t)
        moved = point.times(gained / self.shrunk_variance(t))
        if math.isfinite(self.most):
            moved = moved * (self.most * _length(gained) / _length(moved)).clamp(max=1)
        return replaced(point.estimate, point.x0 + moved)


def _length(v: Tensor) -> Tensor:
    """Of each item, (b, 1, ...), and never 0."""
    length = torch.linalg.vector_norm(v.flatten(1), dim=1).clamp(min=1e-30)
    return length.reshape(-1, *[1] * (v.ndim - 1))
