"""DDNM and DDNM+ as their code runs them (Wang et al. 2023): eta = .85, 100 steps.

Without noise (algorithm 1) the estimate is projected but the noise of the state is kept,

    x' = a' (D + A^+ (m - A D)) + s' (sqrt(1 - eta^2) eps_hat + eta n),

a step of `Redrawn(eta**2)` pushed by a' A^+ (m - A D). With noise (DDNM+, Eqs. (17)-(19)) each
singular direction is scaled so that the step has just the noise it should: the very step of DDRM
with eta_b = 1, begun from plain noise, so that both have one output law. `travelled` goes back up
as RePaint does (algorithm 2). `proximal.DDNM` is the projection as a conditional denoiser; the
defects of the code are in `ddnm_official`.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.operators.svd import like
from undrift.common.posterior.ddrm import DDRM
from undrift.common.posterior.shifted import Shifted
from undrift.common.posterior.tweedie import Moments
from undrift.common.solvers.loop import Draw
from undrift.common.solvers.travel import visits

Move = Callable[[Tensor, float, float, Tensor], tuple[Tensor, Estimate]]
Renew = Callable[[Tensor, float, Tensor], Tensor]  # D, its time and a normal -> a state


@dataclass(frozen=True)
class DDNMShift(Shifted):
    """For exact measurements; sigma is not used. Run it on a plan of `Redrawn(eta**2)`.

    eta: of `move`, which `travelled` takes.
    """

    eta: float = 0.85
    operators = "linear"
    derivative = False
    price = "1F"

    def point(self, x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Moments:
        return self.without_graph(x, t, y, level)

    def shift(self, point: Moments, t: float, later: float) -> Tensor:
        operator, left = self.linearised(point.x0)
        return self.weight * self.ends_at(later)[0] * operator.pinv(left)

    def move(
        self, x: Tensor, t: float, later: float, noise: Tensor, level: Tensor | None = None
    ) -> tuple[Tensor, Estimate]:
        """The state at `later` and the prior's estimate; noise: like x."""
        point = self.point(x, t, None, level)
        (a, s), (a1, s1) = self.ends_at(t), self.ends_at(later)
        eps = (x - a * point.x0) / s
        kept = math.sqrt(1 - self.eta**2) * eps + self.eta * noise.to(x)
        return a1 * point.x0 + s1 * kept + self.shift(point, t, later), point.estimate

    def renewed(self, x0: Tensor, t: float, noise: Tensor) -> Tensor:
        """A state at t around x0; noise: like x0."""
        a, s = self.ends_at(t)
        return a * x0 + s * noise.to(x0)


@dataclass(frozen=True)
class DDNMPlus(DDRM):
    """DDRM with eta_b = 1 from plain noise; for linear operators with a cheap SVD."""

    def start(self, t: float, draw: Draw) -> Tensor:
        """Noise alone; draw 0 has the coordinates of the SVD."""
        svd, given, _ = self._spectrum()
        return self.ends_at(t)[1] * like(self.measurement, svd.v(draw(0).to(given)))

    def renewed(self, x0: Tensor, t: float, noise: Tensor) -> Tensor:
        """A state at t around x0; noise: in the coordinates of the SVD."""
        a, s = self.ends_at(t)
        return a * x0 + s * self._spectrum()[0].v(noise.to(x0))


def travelled(
    method: DDNMShift | DDNMPlus,
    times: Sequence[float],
    start: Tensor,
    draw: Draw,
    length: int = 1,
    repeat: int = 1,
    watch: Callable[[Tensor, Estimate | None], None] | None = None,
) -> Tensor:
    """Samples along descending times with time travel; ends at s/a = 0. Returns (b, c, *space).

    From every `length`-th time the walk goes `length` times back up, `repeat` - 1 times over, each
    time renewing the noise of the last estimate of the prior. draw: as the method's own, k + 1 in
    step k of the walk, up or down. watch: called with each new state and, on the way down, the
    estimate. Raises UsageError for a length or repeat below 1.
    """
    x, estimate = start, None
    walk = visits(len(times), length, repeat)
    for number, (now, later) in enumerate(itertools.pairwise(walk)):
        noise = draw(number + 1)
        if later < now:
            end = times[-1 - later] if later >= 0 else 0.0
            x, estimate = method.move(x, times[-1 - now], end, noise)
        elif estimate is not None:
            x = method.renewed(estimate.x0, times[-1 - later], noise)
        if watch is not None:
            watch(x, estimate if later < now else None)
    return x
