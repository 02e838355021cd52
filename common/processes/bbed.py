"""BBED (Lay et al. 2023): a Brownian bridge with exponential diffusion, for speech.

    dx = (y - x)/(1 - t) dt + sqrt(theta) k^t dW,      a = 1 - t,   b = t,   phi = 1 - t
    s^2 = theta (1 - t)^2 * integral from 0 to t of k^(2 u) / (1 - u)^2 du                Eq. (8)
        = theta (1 - t) [k^(2 t) - 1 + t + 2 k^2 ln k (1 - t) (Ei(2 (t-1) ln k) - Ei(-2 ln k))]

The bridge is pinned to y at t = 1 (s = 0); the authors start at t = .999 or, for speed, at .5.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.processes.process import Process

_TERMS = 60  # of a series in 2 ln k: double precision up to k = 100


@dataclass(frozen=True)
class BBED(Process):
    """k: base of the growing diffusion, above 1; theta: its scale (squared units of the data).

    The defaults are those of the authors' program; complex noise of total variance 1 as in OUVE.
    """

    k: float = 2.6
    theta: float = 0.52

    def a(self, t: Tensor) -> Tensor:
        return 1 - t

    def b(self, t: Tensor) -> Tensor:
        return t

    def s(self, t: Tensor) -> Tensor:
        growth = 2 * math.log(self.k)
        left = 1 - t
        # (1 - t) (Ei(-(1 - t) g) - Ei(-g)); Ei(-x) = euler + ln x + series(x), finite at t = 1
        tail = torch.xlogy(left, left) + left * (_series(left * growth) - _series_at(growth))
        inner = torch.expm1(growth * t) + t + self.k**2 * growth * tail
        return torch.sqrt((self.theta * left * inner).clamp(min=0))

    def phi(self, t: Tensor) -> Tensor:
        return 1 - t


def _series(x: Tensor) -> Tensor:
    """Sum over n >= 1 of (-x)^n / (n n!), the entire part of Ei(-x)."""
    total, power = torch.zeros_like(x), torch.ones_like(x)
    for n in range(1, _TERMS):
        power = power * (-x / n)
        total = total + power / n
    return total


def _series_at(x: float) -> float:
    return float(_series(torch.tensor(x, dtype=torch.float64)))
