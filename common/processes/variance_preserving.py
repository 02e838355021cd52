"""Variance preserving diffusion (DDPM, Ho et al. 2020; VP-SDE, Song et al. 2021, Eq. (11)).

    a = exp(-B(t)/2),   b = 0,   s = sqrt(1 - a^2),   phi = a,      B(t) = integral of beta

with beta linear from beta_0 to beta_1. A discrete schedule (beta_1 .. beta_T, a_i^2 = prod (1 -
beta)) is given as the table of -ln(1 - beta), whose integer step i sits at t = i/T.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.processes import clocks
from undrift.common.processes.process import Process


@dataclass(frozen=True)
class VariancePreserving(Process):
    """beta_0, beta_1: rates at both ends; a `clock` with `total` = B(1) replaces them.

    zero_snr: a is shifted and stretched so that it vanishes at t = 1 (Lin et al. 2024, algorithm
    1), leaving it as it is at the first step of a clock.
    """

    beta_0: float = 0.1
    beta_1: float = 20.0
    clock: tuple[float, ...] = ()
    total: float | None = None
    zero_snr: bool = False

    def decay(self, t: Tensor) -> Tensor:
        """B(t), the integral of beta from 0 to t."""
        if self.clock and self.total is not None:
            return self.total * clocks.tabulated(self.clock, t)
        mean = (self.beta_0 + self.beta_1) / 2
        return mean * clocks.linear(self.beta_0, self.beta_1, t)

    def a(self, t: Tensor) -> Tensor:
        a = torch.exp(-self.decay(t) / 2)
        if not self.zero_snr:
            return a
        first = 1 / (len(self.clock) - 1) if self.clock else 0.0
        early, last = (torch.exp(-self.decay(torch.full_like(t, v)) / 2) for v in (first, 1.0))
        stretched = (a - last) * early / (early - last)
        return torch.where(t >= 1, torch.zeros_like(a), torch.where(t < first, a, stretched))

    def b(self, t: Tensor) -> Tensor:
        return torch.zeros_like(t)

    def s(self, t: Tensor) -> Tensor:
        if self.zero_snr:
            return torch.sqrt(1 - self.a(t) ** 2)
        return torch.sqrt(-torch.expm1(-self.decay(t)))

    def phi(self, t: Tensor) -> Tensor:
        return self.a(t)


def discrete(betas: Sequence[float]) -> VariancePreserving:
    """The process of a discrete schedule of betas for integer steps 1..T, values met exactly."""
    increments = [-math.log1p(-beta) for beta in betas]
    return VariancePreserving(clock=clocks.running_sum(increments), total=math.fsum(increments))


def cosine(steps: int = 1000, largest: float = 0.999) -> VariancePreserving:
    """The cosine schedule (Nichol and Dhariwal 2021, Eq. (17)) with betas up to `largest`.

    LeFusion has 300 steps and betas up to .9999.
    """
    bend = [math.cos((i / steps + 0.008) / 1.008 * math.pi / 2) ** 2 for i in range(steps + 1)]
    pairs = itertools.pairwise(bend)
    return discrete([min(1 - later / now, largest) for now, later in pairs])


def syndiff(
    steps: int = 4, beta_0: float = 0.1, beta_1: float = 20.0, first: float = 1e-8
) -> VariancePreserving:
    """SynDiff's few large steps (Ozbey et al. 2023): the continuous schedule at .001 + .999 i/T.

    In front of them its program has a step of beta = `first`, here the first of T + 1. In its
    single precision that step leaves no noise, as with first = 0.
    """
    levels = []
    for i in range(steps + 1):
        t = 0.001 + 0.999 * i / steps
        levels.append(-0.5 * t**2 * (beta_1 - beta_0) - t * beta_0)
    pairs = itertools.pairwise(levels)
    return discrete([first, *(-math.expm1(later - now) for now, later in pairs)])
