"""Split-Gibbs sampling (PnP-DM, Wu et al. 2024): the measurement and the prior take turns.

At each width rho of a falling sequence,

    z ~ exp(-|m - A(z)|^2 / (2 sigma^2) - |z - x|^2 / (2 rho^2))       (likelihood step)
    x ~ p(x0 | x0 + rho n = z)                                          (prior step)

The prior step runs the reverse process from the time where s/a = rho, with a z (+ b y) as its
state. Exact for a single mode when both draws are exact, the last rho is small and the widths fall
slowly; it does not cross from one mode to another. The published sequence is .93^k 10 down to .02.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.grids import by_log_snr, time_of_ratio
from undrift.common.posterior.conditional import Conditional
from undrift.common.posterior.given_estimate import Langevin, exact_draw, score_of
from undrift.common.solvers.exponential import Exponential
from undrift.common.solvers.loop import Draw, run_plan
from undrift.common.solvers.plan import Solver


def falling(
    count: int = 100, top: float = 10.0, bottom: float = 0.02, decay: float = 0.93
) -> tuple[float, ...]:
    """The published widths: top decay^k, not below `bottom`; a tuple of `count`."""
    return tuple(max(top * decay**k, bottom) for k in range(count))


@dataclass(frozen=True)
class SplitGibbs(Conditional):
    """inner: how z is drawn, None for exact draws (linear operators).

    solver, calls: of each prior step; a solver that draws no noise gives one x for each z, which is
    not a draw of p(x0 | z).
    """

    inner: Langevin | None = None
    solver: Solver = field(default_factory=lambda: Exponential(2, eta=1.0))
    calls: int = 20
    price = "20F (`calls`)"

    def run(
        self,
        widths: Sequence[float],
        start: Tensor,
        draw: Draw,
        *,
        seen: Draw | None = None,
        y: Tensor | None = None,
        level: Tensor | None = None,
        watch: Callable[[Tensor, Tensor], None] | None = None,
    ) -> Tensor:
        """Samples from `start` x (b, c, *space), one turn a width rho; returns the last x.

        draw: normals like the state by number, taken in order from 1. seen: like the measurement,
        by number of the turn, for exact draws. watch: called with z and x after each turn.
        Raises InputError for a rho that the process does not reach.
        """
        x, number = start, 1
        for k, rho in enumerate(widths):
            z, number = self._likelihood(x, rho, k / len(widths), draw, number, seen, k)
            x, number = self.prior_step(z, rho, draw, number, y, level)
            if watch is not None:
                watch(z, x)
        return x

    def prior_step(
        self, z: Tensor, rho: float, draw: Draw, number: int, y: Tensor | None, level: Tensor | None
    ) -> tuple[Tensor, int]:
        """A draw of x0 from z = x0 + rho n, and the number of the next draw."""
        t = time_of_ratio(self.process, rho, self.sigma_d)
        time = torch.tensor(t, dtype=torch.float64)
        a, b = float(self.process.a(time)), float(self.process.b(time))
        state = a * z if y is None else a * z + b * y
        steps = self.solver.plan(
            self.process, by_log_snr(self.process, self.calls, self.sigma_d, t)
        )
        x = run_plan(
            self.denoise, state, steps, y=y, level=level, draw=lambda k: draw(number + k - 1)
        )
        return x, number + len(steps)

    def _likelihood(
        self,
        x: Tensor,
        rho: float,
        share: float,
        draw: Draw,
        number: int,
        seen: Draw | None,
        k: int,
    ) -> tuple[Tensor, int]:
        if self.inner is not None:
            score = score_of(self.operator, self.measurement, self.sigma, x, rho)
            moved = self.inner.run(score, x, share, draw, number)
            return moved, number + self.inner.draws
        if seen is None:
            raise InputError("exact draws need normals like the measurement; pass seen")
        noises = draw(number), seen(k)
        z = exact_draw(self.operator, self.measurement, self.sigma, x, rho, noises)
        return z, number + 1
