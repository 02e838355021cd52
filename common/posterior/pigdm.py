"""Pseudo-inverse guidance (PiGDM, Song et al. 2023) in its score form, for noisy measurements.

    D_m = D + V A^T (r^2 A A^T + sigma^2 I)^-1 (m - A D),     r^2 = rho^2 v0 / (rho^2 + v0)

V A^T w is one vector-Jacobian product. The paper has v0 = 1 (r^2 = rho^2/(1 + rho^2)); with the
real variance v0 = sigma_d^2 of the signals it is nearer to the posterior. `jfps.JFPS` replaces V by
r^2 I as well: no derivative of the network at all.
"""

from dataclasses import dataclass

from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.posterior.conditional import Conditional, replaced


@dataclass(frozen=True)
class PiGDM(Conditional):
    """sigma = 0 is the noiseless form of the paper."""

    noiseless = True
    derivative = True
    price = "1F+1B"

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        point = self.prior_moments(x, t, y, level)
        operator, left = self.linearised(point.x0)
        pulled = self.gained(operator, left, t) / self.shrunk_variance(t)
        return replaced(point.estimate, point.x0 + point.times(pulled))
