"""Pseudo-inverse guidance (PiGDM, Song et al. 2023) in its score form, for noisy measurements.

    D_m = D + V A^T (r^2 A A^T + sigma^2 I)^-1 (m - A D),     r^2 = rho^2 v0 / (rho^2 + v0)

V A^T w is one vector-Jacobian product. The paper has v0 = 1 (r^2 = rho^2/(1 + rho^2)); with the
real variance v0 = sigma_d^2 of the signals it is nearer to the posterior. `jacobian_free` replaces
V by r^2 I as well (JFPS): no derivative of the network at all.
"""

from dataclasses import dataclass

from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.posterior.conditional import Conditional, replaced


@dataclass(frozen=True)
class PiGDM(Conditional):
    """jacobian_free: V is taken as r^2 I. sigma = 0 is the noiseless form of the paper."""

    jacobian_free: bool = False
    noiseless = True

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        if self.jacobian_free:
            return self._free(x, t, y, level)
        point = self.prior_moments(x, t, y, level)
        operator, left = self.linearised(point.x0)
        variance = self.shrunk_variance(t)
        pulled = operator.gain(left, variance, self.sigma**2) / variance
        return replaced(point.estimate, point.x0 + point.times(pulled))

    def _free(self, x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        estimate = self.denoise(x, t, y, level)
        operator, left = self.linearised(estimate.x0)
        gained = operator.gain(left, self.shrunk_variance(t), self.sigma**2)
        return replaced(estimate, estimate.x0 + gained)
