"""PiGDM as the authors' code runs it (Song et al. 2023; noiseless form): a DDIM step, then

    x' = x' + weight a_t a_t' (dD/dx)^T A^+ (m - A D)

It starts at a A^+ m + s n. sigma never enters, and where A^+ is ill-conditioned it diverges;
`pigdm.PiGDM` is the score form with noise.
"""

from dataclasses import dataclass

from torch import Tensor

from undrift.common.posterior.shifted import Shifted
from undrift.common.posterior.tweedie import Moments


@dataclass(frozen=True)
class PiGDMShift(Shifted):
    """weight: 1 in the paper. rcond: singular values up to rcond max(s) count as zero."""

    rcond: float | None = None

    def shift(self, point: Moments, t: float, later: float) -> Tensor:
        operator, left = self.linearised(point.x0)
        pulled = point.pull(operator.pinv(left, self.rcond))
        return self.weight * point.a * self.ends_at(later)[0] * pulled
