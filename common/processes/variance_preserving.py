"""Variance preserving diffusion (DDPM, Ho et al. 2020; VP-SDE, Song et al. 2021, Eq. (11)).

    a = exp(-B(t)/2),   b = 0,   s = sqrt(1 - a^2),   phi = a,      B(t) = integral of beta

with beta linear from beta_0 to beta_1. A discrete schedule (beta_1 .. beta_T, a_i^2 = prod (1 -
beta)) is given as the table of -ln(1 - beta), whose integer step i sits at t = i/T.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.processes import clocks
from undrift.common.processes.process import Process


@dataclass(frozen=True)
class VariancePreserving(Process):
    """beta_0, beta_1: rates at both ends; a `clock` with `total` = B(1) replaces them."""

    beta_0: float = 0.1
    beta_1: float = 20.0
    clock: tuple[float, ...] = ()
    total: float | None = None

    def decay(self, t: Tensor) -> Tensor:
        """B(t), the integral of beta from 0 to t."""
        if self.clock and self.total is not None:
            return self.total * clocks.tabulated(self.clock, t)
        mean = (self.beta_0 + self.beta_1) / 2
        return mean * clocks.linear(self.beta_0, self.beta_1, t)

    def a(self, t: Tensor) -> Tensor:
        return torch.exp(-self.decay(t) / 2)

    def b(self, t: Tensor) -> Tensor:
        return torch.zeros_like(t)

    def s(self, t: Tensor) -> Tensor:
        return torch.sqrt(-torch.expm1(-self.decay(t)))

    def phi(self, t: Tensor) -> Tensor:
        return self.a(t)


def discrete(betas: Sequence[float]) -> VariancePreserving:
    """The process of a discrete schedule of betas for integer steps 1..T, values met exactly."""
    increments = [-math.log1p(-beta) for beta in betas]
    return VariancePreserving(clock=clocks.running_sum(increments), total=math.fsum(increments))
