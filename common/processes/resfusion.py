"""Resfusion (Shi et al., NeurIPS 2024): the chain of DDPM about the residual, started half-way.

    x_t = r x0 + (1 - r) (y - x0) + sqrt(1 - r^2) eps,   r = sqrt(prod alpha)            Eq. (20)

so a = 2 r - 1, b = 1 - r, s = sqrt(1 - r^2) and phi = r: x_t - (y - x0) is a plain DDPM state. At
r = 1/2 nothing of x0 is left (a = 0, b = 1/2) and a sampler can begin: the published schedule of T
steps is cut there, to T' of them (Eq. (27)), and integer step i of 1..T' sits at t = i/T'.
The network predicts "resnoise", eps + k (y - x0), which stays regular at a = 0.
"""

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.processes import clocks
from undrift.common.processes.process import Process

_HALF = 0.5
_FEWEST = {"linear": 10, "cosine": 2}


@dataclass(frozen=True)
class Resfusion(Process):
    """steps: T before the cut, 12 in the paper; schedule: "linear" or "cosine" (their "Pro").

    Raises InputError for another schedule, or for so few linear steps that a beta before the cut
    comes near 1, where the published rule finds no start.
    """

    steps: int = 12
    schedule: str = "linear"

    def __post_init__(self) -> None:
        if self.schedule not in _FEWEST:
            raise InputError(f"schedule is {self.schedule!r}; expected 'linear' or 'cosine'")
        if self.steps < _FEWEST[self.schedule]:
            raise InputError(
                f"steps is {self.steps}; the published {self.schedule} schedule begins at "
                f"{_FEWEST[self.schedule]}"
            )

    @property
    def calls(self) -> int:
        """T', the number of steps that are left: 5 for T = 12."""
        return len(_decay(self.schedule, self.steps)) - 1

    def root(self, t: Tensor) -> Tensor:
        """r(t), from 1 to about 1/2."""
        return torch.exp(-self._lost(t) / 2)

    def _lost(self, t: Tensor) -> Tensor:
        return clocks.tabulated(_decay(self.schedule, self.steps), t)

    def a(self, t: Tensor) -> Tensor:
        return 2 * self.root(t) - 1

    def b(self, t: Tensor) -> Tensor:
        return 1 - self.root(t)

    def s(self, t: Tensor) -> Tensor:
        return torch.sqrt(-torch.expm1(-self._lost(t)))

    def phi(self, t: Tensor) -> Tensor:
        return self.root(t)

    def last_multiplier(self, t: Tensor) -> Tensor:
        return self.root(t) / self.root((t - 1 / self.calls).clamp(min=0))


@functools.cache
def _decay(schedule: str, steps: int) -> tuple[float, ...]:
    """-ln(r^2) after 0, 1, ..., T' steps."""
    roots = [1.0]
    for beta in _betas(schedule, steps):
        if beta >= 1:
            break
        roots.append(roots[-1] * math.sqrt(1 - beta))
    first = next((i for i, root in enumerate(roots) if root <= _HALF), len(roots))
    if first < len(roots) and _HALF - roots[first] > 0.01:
        roots = [*roots[:first], _HALF]
    last = min(range(1, len(roots)), key=lambda i: abs(roots[i] - _HALF))
    return tuple(-2 * math.log(root) for root in roots[: last + 1])


def _betas(schedule: str, steps: int) -> list[float]:
    if schedule == "linear":
        return [(0.1 + 19.9 * i / (steps - 1)) / steps for i in range(steps)]
    bend = [math.cos((i / steps + 0.008) / 1.008 * math.pi / 2) ** 2 for i in range(steps + 1)]
    return [min(1 - bend[i + 1] / bend[i], 0.999) for i in range(steps)]
