"""OUVE (SGMSE: Welker et al. 2022, SGMSE+: Richter et al. 2023): an Ornstein-Uhlenbeck drift to y
under noise that grows geometrically, dx = theta (y - x) dt + low (high/low)^t sqrt(2 L) dW.

    a = exp(-theta t),   b = 1 - a,   phi = a,   L = ln(high/low)
    s^2 = low^2 L/(theta + L) (exp(2 L t) - exp(-2 theta t))                       Eqs. (5), (6)

a(1) is far from 0 (.22 at 16 kHz): samplers start at y + s z, so a part of x0 is taken for y. The
papers store complex spectrograms whose noise has total variance 1: two real channels with unit
noise each need low and high divided by the root of two.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.processes.process import Process


@dataclass(frozen=True)
class OUVE(Process):
    """theta: stiffness; low, high: noise rates sigma_min and sigma_max (units of the data)."""

    theta: float = 1.5
    low: float = 0.05
    high: float = 0.5

    @property
    def growth(self) -> float:
        """L, the logarithm of high/low."""
        return math.log(self.high / self.low)

    def a(self, t: Tensor) -> Tensor:
        return torch.exp(-self.theta * t)

    def b(self, t: Tensor) -> Tensor:
        return -torch.expm1(-self.theta * t)

    def s(self, t: Tensor) -> Tensor:
        both = self.theta + self.growth
        scale = self.low * math.sqrt(self.growth / both)
        return scale * self.a(t) * torch.sqrt(torch.expm1(2 * both * t))

    def phi(self, t: Tensor) -> Tensor:
        return self.a(t)


def published(rate: int = 16) -> OUVE:
    """The settings of the released models for 16 or 48 kHz; raises ValueError for another rate."""
    if rate not in (16, 48):
        raise ValueError(f"rate is {rate}; expected 16 or 48 (kHz)")
    return OUVE() if rate == 16 else OUVE(theta=2.0, low=0.1, high=1.0)
