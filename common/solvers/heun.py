"""Heun's method in rho = s/a, with churn (EDM, Karras et al. 2022, algorithms 1 and 2).

With v = z/a the probability flow is dv/drho = eps, so

    v^ = v0 + (rho1 - rho0) eps0,     v1 = v0 + (rho1 - rho0)(eps0 + eps1)/2.

The last step, to rho = 0, and a step from a singular start are of first order. Churn puts noise
back before a step, v += S_noise sqrt(rho^2 (1 + gamma)^2 - rho^2) xi, without a call; where a
process has no noise that high, gamma is what it has (at t = 1 none).
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from undrift.common.errors import UsageError
from undrift.common.processes.process import Process, time_of_angle
from undrift.common.solvers.plan import Node, Step, nodes
from undrift.common.solvers.recorder import Recorder, noise_of
from undrift.common.solvers.stages import end_step


@dataclass(frozen=True)
class Heun:
    """2 n - 1 calls for n steps to a clean end; deterministic unless churn is set.

    churn: their S_churn, shared among the steps; low, high: S_tmin and S_tmax, the range of rho in
    which it acts; noise: S_noise. second: False takes Euler steps instead (their "Euler" ablation).
    Raises UsageError for a negative number.
    """

    churn: float = 0.0
    low: float = 0.0
    high: float = math.inf
    noise: float = 1.0
    second: bool = True
    order: int = field(default=2, init=False)

    def __post_init__(self) -> None:
        if min(self.churn, self.low, self.high, self.noise) < 0:
            raise UsageError(f"churn, low, high and noise are not negative, got {self}")
        object.__setattr__(self, "order", 2 if self.second else 1)

    def plan(self, process: Process, times: Sequence[float]) -> list[Step]:
        grid = nodes(process, times)
        run = Recorder(grid[0])
        for old, new in itertools.pairwise(grid):
            self._churn(run, process, old, len(grid) - 1)
            self._step(run, run.node, new)
        return run.steps

    def _step(self, run: Recorder, old: Node, new: Node) -> None:
        state, value = run.call()
        end_step(run, state, value, old, new)  # Euler in rho is the step of a frozen estimate
        if self.second and new.s > 0 and math.isfinite(old.lam):
            half = new.a * (new.s / new.a - old.s / old.a) / 2
            slope = noise_of(state, value, old) + noise_of(*run.call(), new)
            run.move(state * (new.a / old.a) + slope * half, new)

    def _churn(self, run: Recorder, process: Process, old: Node, count: int) -> None:
        if (
            not self.churn
            or not math.isfinite(old.lam)
            or not self.low <= old.s / old.a <= self.high
        ):
            return
        gamma = min(self.churn / count, math.sqrt(2) - 1)
        psi = torch.tensor(math.atan((1 + gamma) * old.s / old.a), dtype=torch.float64)
        raised = float(time_of_angle(process, psi, 1.0))
        if raised <= old.t:
            return
        new = nodes(process, [raised, old.t])[0]
        if not math.isfinite(new.lam):
            return
        gained = max(0.0, (new.s / new.a) ** 2 - (old.s / old.a) ** 2)
        run.stir(new, self.noise * new.a * math.sqrt(gained))
