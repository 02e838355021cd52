"""Stochastic control guidance (Huang et al. 2024): of several next states the best one is taken.

From each state `candidates` states are drawn by the prior's own step, and the one whose estimate
explains the measurement best, least |m - A(D(x'))|, goes on (Sec. 4, the greedy form). Neither A
nor the network is differentiated. With one candidate it draws from the prior; with many it follows
the data ever more closely, without a limit at the posterior: sigma is not used.
"""

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.posterior.conditional import Conditional
from undrift.common.solvers.loop import Draw
from undrift.common.solvers.plan import Step


@dataclass(frozen=True)
class SCG(Conditional):
    """candidates: next states a step, each one call of the network; 512 in the literature."""

    candidates: int = 16
    noiseless = True
    price = "16F (`candidates`)"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.candidates < 1:
            raise InputError(f"SCG got {self.candidates} candidates; expected 1 or more")

    def run(
        self,
        x: Tensor,
        steps: Sequence[Step],
        draw: Draw,
        y: Tensor | None = None,
        level: Tensor | None = None,
    ) -> Tensor:
        """Carries x (b, *shape_in) through steps of first order that draw noise but for the last.

        draw: normals like x by number; step k takes 1 + k candidates ... (k + 1) candidates.
        Returns the estimate of the last step. Raises InputError for other plans.
        """
        if not steps or any(step.depth != 1 or step.sigma <= 0 for step in steps[:-1]):
            raise InputError("SCG needs steps of first order that draw noise: ancestral()")
        x0 = self._estimate(x, steps[0].t, y, level)
        for number, (step, following) in enumerate(itertools.pairwise(steps)):
            begin, best = (x, x0), x.new_full((len(x),), math.inf)
            for k in range(self.candidates):
                noise = draw(1 + number * self.candidates + k).to(x)
                new = step.advance([begin[0]], [begin[1]], y, functools.partial(_same, noise))
                told = self._estimate(new, following.t, y, level)
                cost = self._cost(told)
                better = (cost < best).reshape(-1, *[1] * (x.ndim - 1))
                best = torch.minimum(cost, best)
                x, x0 = torch.where(better, new, x), torch.where(better, told, x0)
        return steps[-1].advance([x], [x0], y, functools.partial(_same, torch.zeros_like(x)))

    def _estimate(self, x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Tensor:
        with torch.no_grad():
            return self.denoise(x, t, y, level).x0

    def _cost(self, x0: Tensor) -> Tensor:
        """|m - A(x0)|^2 of each item, (b,)."""
        return (self.measurement - self.operator(x0)).abs().square().flatten(1).sum(1)


def _same(noise: Tensor) -> Tensor:
    return noise
