"""Part of the signal is known: after every step it is drawn anew from its own path.

Where the clean values k are known the state at time t is a k + b k + s z, whatever the sampler
does, and so it is put there: the replacement of RePaint (Lugmayr et al., CVPR 2022, Eq. (8a)) and
of I2SB's inpainting, in which y equals x0 outside the hole. The rest of the step is left as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from undrift.common.processes.process import Process
from undrift.common.solvers.plan import Noise, Solver, Step


@dataclass(frozen=True)
class Replacement(Step):
    """x where `unknown` is 1, and share known + sigma z where it is 0."""

    unknown: Tensor = field(default_factory=lambda: torch.ones(()))
    known: Tensor = field(default_factory=lambda: torch.zeros(()))
    share: float = 1.0

    def advance(
        self, states: Sequence[Tensor], values: Sequence[Tensor], y: Tensor | None, noise: Noise
    ) -> Tensor:
        """The next state; see `Step.advance`."""
        fixed = self.share * self.known
        if self.sigma > 0:
            fixed = fixed + self.sigma * noise()
        return self.unknown * states[0] + (1 - self.unknown) * fixed


@dataclass(frozen=True)
class KnownPixels:
    """Another solver's plan with a replacement after each step.

    unknown: 1 in the hole and 0 where `known` holds; both broadcast over (b, c, *space). process:
    the path of the known part, if it is not the one that is sampled. Each replacement has a draw
    number of its own.
    """

    solver: Solver
    unknown: Tensor
    known: Tensor
    process: Process | None = None

    @property
    def order(self) -> int:
        """The one of the solver inside."""
        return self.solver.order

    def plan(self, process: Process, times: Sequence[float]) -> list[Step]:
        steps, path = self.solver.plan(process, times), self.process or process
        reached = [*(step.t for step in steps[1:]), float(times[-1])]
        plan = []
        for step, t in zip(steps, reached, strict=True):
            time = torch.tensor(t, dtype=torch.float64)
            share, sigma = float(path.a(time) + path.b(time)), float(path.s(time))
            plan += [
                step,
                Replacement(
                    t, (1.0,), (), 0.0, sigma, unknown=self.unknown, known=self.known, share=share
                ),
            ]
        return plan
