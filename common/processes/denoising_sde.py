"""Denoising SDE (Luo et al. 2023, IR-SDE's blind denoiser): a mean reverting process to x0 itself.

    dx = theta (x0 - x) dt + sigma dW,    a = 1,  b = 0,  s = level sqrt(1 - exp(-2 Theta))

with sigma^2 = 2 theta level^2 and phi = exp(-Theta): the chain forgets its noise while it adds
some, so its own reverse steps redraw more than those of a chain that only adds (phi = 1). A noisy
picture is a state of the process: `time_of_noise` says which.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.processes import clocks
from undrift.common.processes.process import Process


@dataclass(frozen=True)
class DenoisingSDE(Process):
    """level: stationary noise (units of the data); residue: exp(-Theta(1)); clock: () is cosine."""

    level: float = 75 / 255
    residue: float = 0.04
    clock: tuple[float, ...] = ()

    def theta(self, t: Tensor) -> Tensor:
        """Integrated rate Theta(t) from 0 to -ln(residue)."""
        share = clocks.tabulated(self.clock, t) if self.clock else clocks.cosine(t)
        return -math.log(self.residue) * share

    def a(self, t: Tensor) -> Tensor:
        return torch.ones_like(t)

    def b(self, t: Tensor) -> Tensor:
        return torch.zeros_like(t)

    def s(self, t: Tensor) -> Tensor:
        return self.level * torch.sqrt(-torch.expm1(-2 * self.theta(t)))

    def phi(self, t: Tensor) -> Tensor:
        return torch.exp(-self.theta(t))

    def time_of_noise(self, sigma: float) -> float:
        """The time whose noise is sigma; on a discrete clock the step of the authors' rule.

        They take the step with Theta nearest to -ln(1 - sigma^2/level^2 + 1e-6)/2. Raises
        InputError unless 0 < sigma < level.
        """
        if not 0 < sigma < self.level:
            raise InputError(f"noise {sigma:g}: this process has 0 to {self.level:g}")
        theta = -math.log(1 - (sigma / self.level) ** 2 + 1e-6) / 2
        if not self.clock:
            from undrift.common.grids import time_of_ratio

            return time_of_ratio(self, sigma, self.level)
        steps = len(self.clock) - 1
        times = torch.arange(steps + 1, dtype=torch.float64) / steps
        return int((self.theta(times) - theta).abs().argmin()) / steps
