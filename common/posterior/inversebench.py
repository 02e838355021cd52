"""RED-Diff, DiffPIR and PnP-DM as the InverseBench suite runs them (Zheng et al. 2025).

Its DPS is `DPSShift` on Euler-Maruyama steps without a last denoising, its LGD is `LGDShift` with
`official`, its DAPS is `DAPS` with `ends_clean`. What differs from the papers:

RED-Diff begins at 0, weighs the gradient of the whole sum of squares against lambda (eps_hat - eps)
with one lambda for all times, and hands a (mu + rho eps) to a network that expects mu + rho eps.
DiffPIR takes one gradient step, D + s^2 A^T (m - A D) / (weight sigma^2), where the proximal point
was meant: for non-linear A, and unstable where s^2 |A|^2 exceeds twice weight sigma^2.
PnP-DM cuts its grid of s/a below each rho, but takes each step with the length of the one before.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError
from undrift.common.grids import time_of_ratio
from undrift.common.posterior.conditional import replaced
from undrift.common.posterior.proximal import DiffPIR
from undrift.common.posterior.red_diff import RedDiff
from undrift.common.posterior.split_gibbs import SplitGibbs
from undrift.common.solvers.loop import Draw, run_plan
from undrift.common.solvers.plan import Step


@dataclass(frozen=True)
class InverseBenchRedDiff(RedDiff):
    """Begin it at 0 with rate .02. sigma is not used; draw k is eps of step k, nothing on mu."""

    official: bool = True

    def _gradient(
        self, mu: Tensor, t: float, draw: Draw, number: int, y: Tensor | None, level: Tensor | None
    ) -> Tensor:
        a, s = self.ends_at(t)
        noise = draw(number).to(mu)
        x = a * mu + s * noise
        with torch.no_grad():
            clean = self.denoise(a * x, t, y, level).x0  # the denoiser divides by a once more
        operator, left = self.linearised(mu)
        return -2 * operator.adjoint(left) + self.weight * ((x - clean) * a / s - noise)


@dataclass(frozen=True)
class InverseBenchDiffPIR(DiffPIR):
    """weight: their lamb, 8 by default; with `Redrawn(1)`, their xi."""

    weight: float = 8.0

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        estimate = self.denoise(x, t, y, level)
        operator, left = self.linearised(estimate.x0)
        stride = self.ends_at(t)[1] ** 2 / (self.weight * self.sigma**2)
        return replaced(estimate, estimate.x0 + stride * operator.adjoint(left))


def polynomial_ratios(
    count: int, top: float = 10.0, bottom: float = 0.01, power: float = 7.0
) -> tuple[float, ...]:
    """s/a of the grid: `count` values from top to bottom (EDM's rule), then 0."""
    high, low = top ** (1 / power), bottom ** (1 / power)
    return *((high + k / (count - 1) * (low - high)) ** power for k in range(count)), 0.0


@dataclass(frozen=True)
class InverseBenchPnPDM(SplitGibbs):
    """ratios: s/a of the grid of all prior steps, falling to 0; for processes with a = 1.

    Raises InputError for others.
    """

    ratios: tuple[float, ...] = polynomial_ratios(100)

    def prior_step(
        self, z: Tensor, rho: float, draw: Draw, number: int, y: Tensor | None, level: Tensor | None
    ) -> tuple[Tensor, int]:
        steps = self.steps(rho)
        x = run_plan(self.denoise, z, steps, y=y, level=level, draw=lambda k: draw(number + k - 1))
        return x, number + len(steps)

    def steps(self, rho: float) -> list[Step]:
        """Euler-Maruyama from the last s/a that is not below rho, with the lengths mixed up."""
        below = sum(ratio < rho for ratio in self.ratios)
        lengths = [2 * old * (old - new) for old, new in itertools.pairwise(self.ratios)]
        plan = []
        for ratio, length in zip(
            self.ratios[-below - 1 : -1], _tail(lengths, below + 1), strict=False
        ):
            pull = length / ratio**2
            t = time_of_ratio(self.process, ratio, self.sigma_d)
            if abs(self.ends_at(t)[0] - 1) > 1e-6:
                raise InputError(
                    f"InverseBenchPnPDM got {self.process!r} with a = {self.ends_at(t)[0]:g}; "
                    "expected a variance exploding process, a = 1; SplitGibbs takes any"
                )
            plan.append(Step(t, (1 - pull,), (pull,), 0.0, math.sqrt(length)))
        return plan


def _tail(values: Sequence[float], count: int) -> Sequence[float]:
    """The last `count` values, or all of them: one early, since there are fewer lengths."""
    return values[-min(count, len(values)) :]
