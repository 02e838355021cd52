"""Predictor-corrector sampling (Song et al. 2021, algorithms 2 to 5; SGMSE+, Richter et al. 2023).

At each time first `corrections` steps of Langevin dynamics at fixed noise, then one Euler step of
the reverse SDE:

    corrector  x <- x + e score + sqrt(2 e) xi,    e = 2 (snr s)^2            "ald", annealed
                                                   e = 2 (snr |xi|/|score|)^2  "langevin"
    predictor  x <- x - dt [f x + k y - g^2 score] + g sqrt(dt) xi

with score = -(x - b y - a D)/s^2 and norms averaged over the batch. The last predictor step, over
dt = t to the clean end, draws nothing and its mean is returned, as in the authors' program. A
corrector costs as many calls as a predictor. `fixed_step` is their dt before June 2024, and
StoRM's: one length for all, whatever the grid.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from undrift.common.errors import UsageError, nearest
from undrift.common.processes.process import Process, rates
from undrift.common.solvers.plan import Node, Noise, Step, first_order, nodes

CORRECTORS = ("ald", "langevin", "none")


@dataclass(frozen=True)
class NormedLangevin(Step):
    """A Langevin step whose length is set by the norms of noise and score; a, s, b of its time."""

    a: float = 1.0
    b: float = 0.0
    s: float = 1.0
    snr: float = 0.5

    def advance(
        self, states: Sequence[Tensor], values: Sequence[Tensor], y: Tensor | None, noise: Noise
    ) -> Tensor:
        """The next state; see `Step.advance`."""
        x, drawn = states[0], noise()
        gap = x - self.a * values[0] if y is None else x - self.a * values[0] - self.b * y
        score = -gap / self.s**2
        length = 2 * (self.snr * _norm(drawn) / _norm(score)) ** 2
        return x + length * score + torch.sqrt(2 * length) * drawn


@dataclass(frozen=True)
class PredictorCorrector:
    """snr: of the corrector, .5 (.33 for reverberation). fixed_step: dt of every predictor step.

    Raises UsageError for an unknown corrector.
    """

    corrector: str = "ald"
    snr: float = 0.5
    corrections: int = 1
    fixed_step: float | None = None
    order: int = field(default=1, init=False)

    def __post_init__(self) -> None:
        if self.corrector not in CORRECTORS:
            raise UsageError(
                f"corrector {self.corrector!r} is not one of {', '.join(CORRECTORS)}"
                f"{nearest(self.corrector, CORRECTORS)}"
            )

    def plan(self, process: Process, times: Sequence[float]) -> list[Step]:
        grid = nodes(process, times)
        slopes = torch.stack(rates(process, torch.tensor(times, dtype=torch.float64))).T.tolist()
        steps: list[Step] = []
        for (old, new), slope in zip(itertools.pairwise(grid), slopes, strict=False):
            if math.isinf(old.lam):  # nothing to correct, and the slopes are infinite
                steps.append(first_order(old, new, 0.0, new.s))
                continue
            if self.corrector != "none":
                steps += [self._correction(old)] * self.corrections
            dt = old.t - new.t if self.fixed_step is None else self.fixed_step
            steps.append(_prediction(old, slope, dt, draws=new is not grid[-1]))
        return steps

    def _correction(self, old: Node) -> Step:
        if self.corrector == "langevin":
            # B and sigma say that it calls and draws; `advance` does not use their values.
            return NormedLangevin(
                old.t, (1.0,), (1.0,), 0.0, 1.0, a=old.a, b=old.b, s=old.s, snr=self.snr
            )
        e = 2 * self.snr**2  # over s^2
        return Step(old.t, (1 - e,), (e * old.a,), e * old.b, math.sqrt(2 * e) * old.s)


def _prediction(old: Node, slope: Sequence[float], dt: float, draws: bool) -> Step:
    f, k, g2 = slope
    pull = g2 * dt / old.s**2
    A, B, C = 1 - f * dt - pull, pull * old.a, -k * dt + pull * old.b
    return Step(old.t, (A,), (B,), C, math.sqrt(g2 * dt) if draws else 0.0)


def _norm(value: Tensor) -> Tensor:
    """Mean over the batch of the norm of each item."""
    return torch.linalg.vector_norm(value.flatten(1), dim=1).mean()
