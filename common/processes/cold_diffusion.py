"""Cold diffusion (Bansal et al. 2023; CoreDiff, Gao et al. 2023): no noise, only degradation.

    x_t = (1 - t) x0 + t y,      s = 0

CoreDiff's sampler x <- x - D(x1, x2, t) + D(x1, x2, t'), with x1 the estimate and x2 the degraded
end that it implies, x2 = (x - (1 - t) x1)/t, is the ordinary step of every solver here: without
noise the state itself says what y is, and both come to (1 - t') x1 + t' x2.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.processes.process import Process


@dataclass(frozen=True)
class ColdDiffusion(Process):
    """The straight path without noise."""

    def a(self, t: Tensor) -> Tensor:
        return 1 - t

    def b(self, t: Tensor) -> Tensor:
        return t * 1.0

    def s(self, t: Tensor) -> Tensor:
        return torch.zeros_like(t)

    def phi(self, t: Tensor) -> Tensor:
        return torch.ones_like(t)


def published(steps: int = 10) -> tuple[float, ...]:
    """CoreDiff's times: k/(T - 1) for k = T - 1 .. 0, where the last is .001, and then 0."""
    return (*(k / (steps - 1) for k in range(steps - 1, 0, -1)), 0.001, 0.0)
