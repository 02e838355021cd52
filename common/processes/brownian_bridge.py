"""Brownian bridge between x0 and y (BBDM, Li et al., CVPR 2023).

    x_t = (1 - m) x0 + m y + sqrt(2 spread m (1 - m)) eps                             Eq. (4), (6)

phi = 1 - m. The exact bridge has m = t and is pinned to y at t = 1 (s = 0), so its first reverse
step must draw fresh noise. The published discrete one runs m from .001 to .999 over T steps; with
`inset` = .001 and `knee` = 1/T integer step i sits at t = (i + 1)/T and m falls to 0 below. With
a `growth` g, m_i is g^(T i/(T - 1)) / g^T instead: the law that the authors' code calls "sin".
"""

import functools
import itertools
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.processes import clocks
from undrift.common.processes.process import Process

_GROWTH = 1.0075


@dataclass(frozen=True)
class BrownianBridge(Process):
    """spread: variance in the middle is spread/2 (squared units of the data)."""

    spread: float = 1.0
    inset: float = 0.0
    knee: float = 0.0
    growth: float = 0.0

    def __post_init__(self) -> None:
        """Raises InputError for a growth without the knee that says how many steps there are."""
        if self.growth and not self.knee:
            raise InputError("a growing bridge is a table: give knee = 1/T, T its number of steps")

    def m(self, t: Tensor) -> Tensor:
        """Position on the bridge, 0 at x0 and 1 - inset at t = 1."""
        if self.growth:
            return clocks.tabulated(_growing(self.growth, round(1 / self.knee), self.inset), t)
        if not self.knee:
            return (1 - self.inset) * t
        place = (t - self.knee) / (1 - self.knee)
        law = self.inset + (1 - 2 * self.inset) * place
        return torch.where(t < self.knee * (1 - 1e-9), self.inset * t / self.knee, law)

    def a(self, t: Tensor) -> Tensor:
        return 1 - self.m(t)

    def b(self, t: Tensor) -> Tensor:
        return self.m(t)

    def s(self, t: Tensor) -> Tensor:
        m = self.m(t)
        return torch.sqrt((2 * self.spread * m * (1 - m)).clamp(min=0))

    def forward_std(self, t: Tensor) -> Tensor:
        return torch.sqrt(2 * self.spread * self.m(t))

    def phi(self, t: Tensor) -> Tensor:
        return 1 - self.m(t)


@functools.cache
def _growing(growth: float, steps: int, inset: float) -> tuple[float, ...]:
    """0, then m of every step; the last one is set by hand, as the authors do."""
    rising = [growth ** (steps * (i / (steps - 1) - 1)) for i in range(steps - 1)]
    return (0.0, *rising, 1 - inset)


def published(steps: int = 1000, spread: float = 1.0, law: str = "linear") -> BrownianBridge:
    """BBDM's schedules: m from .001 to .999 in equal steps, or its "sin", which is exponential.

    Raises InputError for another law.
    """
    if law not in ("linear", "sin"):
        raise InputError(f"law is {law!r}; expected 'linear' or 'sin'")
    return BrownianBridge(spread, 0.001, 1 / steps, _GROWTH if law == "sin" else 0.0)


def skipped(calls: int, steps: int = 1000) -> list[float]:
    """Times of BBDM's sampler with fewer calls than steps; 200 in the paper.

    Indices fall evenly from the last one to 1, then 0. Raises InputError where that rule divides
    by zero (2 calls) or names an index twice (more than about steps/2 calls): take
    `grids.uniform` there.
    """
    if calls == steps:
        return [i / steps for i in range(steps, -1, -1)]
    if not 3 <= calls <= steps:
        raise InputError(f"calls is {calls}; the published grid needs 3 to {steps} of them")
    stride = (steps - 1) / (calls - 2)
    places = torch.arange(steps - 1, 1, -stride, dtype=torch.float32)  # theirs, rounding and all
    indices = [*places.long().tolist(), 1, 0]
    if any(low >= high for high, low in itertools.pairwise(indices)):
        raise InputError(
            f"the published grid of {calls} calls out of {steps} steps names an index twice; "
            f"take at most {steps // 2 + 1} calls, or all {steps}"
        )
    return [(i + 1) / steps for i in indices] + [0.0]
