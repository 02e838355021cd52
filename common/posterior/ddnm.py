"""DDNM and DDNM+ as their code runs them (Wang et al. 2023): eta = .85, 100 steps.

Without noise (algorithm 1) the estimate is projected but the noise of the state is kept,

    x' = a' (D + A^+ (m - A D)) + s' (sqrt(1 - eta^2) eps_hat + eta n),

a step of `Redrawn(eta**2)` pushed by a' A^+ (m - A D). With noise (DDNM+, Eqs. (17)-(19)) each
singular direction is scaled so that the step has just the noise it should: the very step of DDRM
with eta_b = 1, begun from plain noise, so that both have one output law. `proximal.DDNM` is the
projection as a conditional denoiser.
"""

from dataclasses import dataclass

from torch import Tensor

from undrift.common.posterior.ddrm import DDRM
from undrift.common.posterior.shifted import Shifted
from undrift.common.posterior.tweedie import Moments
from undrift.common.solvers.loop import Draw


@dataclass(frozen=True)
class DDNMShift(Shifted):
    """For exact measurements; sigma is not used. Run it on a plan of `Redrawn`."""

    def point(self, x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Moments:
        return self.without_graph(x, t, y, level)

    def shift(self, point: Moments, t: float, later: float) -> Tensor:
        operator, left = self.linearised(point.x0)
        return self.weight * self.ends_at(later)[0] * operator.pinv(left)


@dataclass(frozen=True)
class DDNMPlus(DDRM):
    """DDRM with eta_b = 1 from plain noise; for linear operators with a cheap SVD."""

    def start(self, t: float, draw: Draw) -> Tensor:
        """Noise alone; draw 0 has the coordinates of the SVD."""
        svd, given, _ = self._spectrum()
        return self.ends_at(t)[1] * svd.v(draw(0).to(given))
