"""PiGDM without the network's derivative (JFPS): V is taken as r^2 I.

    D_m = D + r^2 A^T (r^2 A A^T + sigma^2)^-1 (m - A D),     r^2 = rho^2 v0 / (rho^2 + v0)

One call of the network and nothing else. Exact where the pixels of x0 are independent with the
variance v0 = sigma_d^2; where they are not, unmeasured pixels learn nothing from measured ones in
a step, which costs most for inpainting. `proximal.DiffPIR` is the same for a flat prior, v0 = inf.
"""

from dataclasses import dataclass

from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.posterior.conditional import Conditional, replaced


@dataclass(frozen=True)
class JFPS(Conditional):
    """sigma = 0 projects."""

    noiseless = True

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        estimate = self.denoise(x, t, y, level)
        operator, left = self.linearised(estimate.x0)
        return replaced(estimate, estimate.x0 + self.gained(operator, left, t))
