"""Brownian bridge between x0 and y (BBDM, Li et al., CVPR 2023).

    x_t = (1 - m) x0 + m y + sqrt(2 spread m (1 - m)) eps                             Eq. (4), (6)

phi = 1 - m. The exact bridge has m = t and is pinned to y at t = 1 (s = 0), so its first reverse
step must draw fresh noise. The published discrete one runs m from .001 to .999 over T steps; with
`inset` = .001 and `knee` = 1/T integer step i sits at t = (i + 1)/T and m falls to 0 below.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.processes.process import Process


@dataclass(frozen=True)
class BrownianBridge(Process):
    """spread: variance in the middle is spread/2 (squared units of the data)."""

    spread: float = 1.0
    inset: float = 0.0
    knee: float = 0.0

    def m(self, t: Tensor) -> Tensor:
        """Position on the bridge, 0 at x0 and 1 - inset at t = 1."""
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


def published(steps: int = 1000, spread: float = 1.0) -> BrownianBridge:
    """BBDM's linear schedule: m from .001 to .999 in `steps` equal steps."""
    return BrownianBridge(spread, inset=0.001, knee=1 / steps)
