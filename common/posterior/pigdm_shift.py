"""PiGDM as the authors' code runs it (Song et al. 2023; noiseless form): a DDIM step, then

    x' = x' + weight a_t a_t' (dD/dx)^T A^+ (m - A D)

It starts at a A^+ m + s n. sigma never enters, and where A^+ is ill-conditioned it diverges;
`pigdm.PiGDM` is the score form with noise. `DiagonalPiGDMShift` is the rendition beside the code of
TMPD, with noise but with A A^T taken as 1:

    x' = x' + weight a_t (dD/dx)^T A^T (m - A D) / (1 + sigma^2/r),     r = s^2 v0 / (s^2 + v0)

after an ancestral step, D clipped.
"""

from dataclasses import dataclass

from torch import Tensor

from undrift.common.posterior.shifted import Shifted
from undrift.common.posterior.tweedie import Moments


@dataclass(frozen=True)
class PiGDMShift(Shifted):
    """weight: 1 in the paper. rcond: singular values up to rcond max(s) count as zero."""

    rcond: float | None = None
    operators = "linear"

    def shift(self, point: Moments, t: float, later: float) -> Tensor:
        operator, left = self.linearised(point.x0)
        pulled = point.pull(operator.pinv(left, self.rcond))
        return self.weight * point.a * self.ends_at(later)[0] * pulled


@dataclass(frozen=True)
class DiagonalPiGDMShift(Shifted):
    """v0: variance of the signals, 1 in the code."""

    v0: float = 1.0

    def shift(self, point: Moments, t: float, later: float) -> Tensor:
        operator, left = self.linearised(point.x0)
        variance = point.s**2 * self.v0 / (point.s**2 + self.v0)
        pulled = point.pull(operator.adjoint(left / (1 + self.sigma**2 / variance)))
        return self.weight * point.a * pulled
