"""DAPS (Zhang et al. 2025): decoupled annealing, each level drawn afresh from a clean signal.

At each level t, from noisy to clean:

    x0_hat = the end of the probability flow from x_t          (a few steps of DDIM to s/a = .01)
    x0 ~ N(x0_hat, rho^2) times the likelihood of m,           rho = s/a (Eq. (7))
    x_t' = a' x0 + b' y + s' n                                 (Prop. 1)

A may be non-linear. Even with exact draws the result is too wide by 20 to 30 %, as N(x0_hat, rho^2)
is not p(x0 | x_t); the published sigma is seven times too small, which makes it too narrow.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.grids import time_of_ratio
from undrift.common.posterior.conditional import Conditional
from undrift.common.posterior.given_estimate import Langevin, exact_draw, score_of
from undrift.common.processes.process import marginal
from undrift.common.solvers.ddim import DDIM
from undrift.common.solvers.loop import Draw, run_plan


@dataclass(frozen=True)
class DAPS(Conditional):
    """inner: how x0 is drawn, None for exact draws (linear operators). calls: of each flow.

    low: s/a at which a flow ends. ends_clean: the last call is at `low` and its estimate the end
    (InverseBench), in place of a last step to `low`. shrunk: rho is shrunk by sigma_d, as it is for
    the posterior of lone pixels, r^2 = rho^2 sigma_d^2 / (rho^2 + sigma_d^2), in place of rho^2.
    """

    inner: Langevin | None = field(default_factory=Langevin)
    calls: int = 5
    low: float = 0.01
    shrunk: bool = False
    ends_clean: bool = False
    price = "5F (`calls`)"

    def run(
        self,
        times: Sequence[float],
        start: Tensor,
        draw: Draw,
        *,
        seen: Draw | None = None,
        y: Tensor | None = None,
        level: Tensor | None = None,
        watch: Callable[[Tensor, Tensor, Tensor], None] | None = None,
    ) -> Tensor:
        """Samples from `start` (b, c, *space) at times[0]; the last time is that of the result.

        draw: a normal like the state by number, 0 being the start's; each level takes those of
        `inner` (1 if exact) and one more. seen: like the measurement, by number of the level, for
        exact draws. watch: called with the state, x0_hat and x0 of each level.
        """
        x, number = start, 1
        for k, (t, later) in enumerate(itertools.pairwise(times)):
            mean = self.flow_end(x, t, y, level)
            share = k / (len(times) - self.ends_clean)
            x0 = self._drawn(mean, t, share, draw, number, seen, k)
            number += 1 if self.inner is None else self.inner.draws
            if watch is not None:
                watch(x, mean, x0)
            time = torch.tensor(later, dtype=torch.float64)
            x = marginal(self.process, x0, y, time, draw(number).to(x)) if later > 0 else x0
            number += 1
        return x

    def flow_end(self, x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Tensor:
        """x0_hat: where DDIM goes from x at t, on Karras' grid down to s/a = `low`."""
        a, s = self.ends_at(t)
        low = min(self.low, 0.5 * s / a)
        top, bottom = (s / a) ** (1 / 7), low ** (1 / 7)
        count = self.calls - self.ends_clean
        ratios = [(top + k / count * (bottom - top)) ** 7 for k in range(1, count + 1)]
        grid = [t, *(time_of_ratio(self.process, r, self.sigma_d) for r in ratios)]
        end = x
        if len(grid) > 1:
            end = run_plan(self.denoise, x, DDIM().plan(self.process, grid), y=y, level=level)
        if self.ends_clean:
            return self.denoise(end, grid[-1], y, level).x0
        last = torch.tensor(grid[-1], dtype=torch.float64)
        given = 0.0 if y is None else float(self.process.b(last)) * y
        return (end - given) / float(self.process.a(last))

    def _drawn(
        self,
        mean: Tensor,
        t: float,
        share: float,
        draw: Draw,
        number: int,
        seen: Draw | None,
        k: int,
    ) -> Tensor:
        a, s = self.ends_at(t)
        width = self.shrunk_variance(t) ** 0.5 if self.shrunk else s / a
        if self.inner is not None:
            score = score_of(self.operator, self.measurement, self.sigma, mean, width)
            return self.inner.run(score, mean, share, draw, number)
        if seen is None:
            raise InputError("exact draws need normals like the measurement; pass seen")
        noises = draw(number), seen(k)
        return exact_draw(self.operator, self.measurement, self.sigma, mean, width, noises)
