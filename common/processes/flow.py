"""Flow matching on straight lines (Lipman et al. 2023; rectified flow, Liu et al. 2023).

    x_t = (1 - t) x0 + t eps

a = 1 - t, b = 0, s = t and phi = a. Time here runs from the data (t = 0) to the noise (t = 1),
the reverse of Lipman et al.; their velocity at 1 - t is minus the one of `predictions.velocity`.
At t = 1 a vanishes, so a network must predict x0 or the velocity there, never the noise.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.processes.process import Process


@dataclass(frozen=True)
class Flow(Process):
    """`scale`: standard deviation of the noise at t = 1 (units of the data)."""

    scale: float = 1.0

    def a(self, t: Tensor) -> Tensor:
        return 1 - t

    def b(self, t: Tensor) -> Tensor:
        return torch.zeros_like(t)

    def s(self, t: Tensor) -> Tensor:
        return self.scale * t

    def phi(self, t: Tensor) -> Tensor:
        return 1 - t
