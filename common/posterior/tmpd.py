"""Tweedie moment projected diffusion (TMPD; Boys et al. 2023): the covariance of A D as a diagonal.

    D_m = D + V A^T (C + sigma^2)^-1 (m - A D),       C = diag of A V A^T by its row sums, A V A^T 1

Two products a call. The row sums are the diagonal only where A V A^T is diagonal; for blurs they
are far too large (the correction is too weak), and where the sum is negative it is cut at 0.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.posterior.conditional import Conditional, replaced


@dataclass(frozen=True)
class TMPD(Conditional):
    """See the module; real measurements only."""

    derivative = True
    price = "1F+2B"

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        point = self.prior_moments(x, t, y, level)
        operator, left = self.linearised(point.x0)
        sums = operator(point.times(operator.adjoint(torch.ones_like(left))))
        pulled = operator.adjoint(left / (sums.clamp(min=0) + self.sigma**2))
        return replaced(point.estimate, point.x0 + point.times(pulled))
