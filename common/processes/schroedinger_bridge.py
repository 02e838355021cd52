"""Schroedinger bridges between paired signals (Jukic et al. 2024; Chen et al. 2023).

A reference diffusion with mean factor alpha and variance alpha^2 rho^2 is tied to y at t = 1:

    a = alpha rho_bar^2/rho_1^2,   b = alpha/alpha_1 rho^2/rho_1^2,   s = alpha rho_bar rho/rho_1

with rho_bar^2 = rho_1^2 - rho^2 and phi = a: a Brownian bridge in the clock rho^2/rho_1^2.

    "ve"    alpha = 1,          rho^2 = c (k^(2t) - 1)/(2 ln k)          (SB-VE, the speech models)
    "vp"    alpha = exp(-B/2),  rho^2 = c (exp(B) - 1),   B = low t + (high - low) t^2/2
    "gmax"  alpha = 1,          rho^2 = B
    "bb"    alpha = 1,          rho^2 = c t
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.errors import InputError, nearest
from undrift.common.processes.process import Process

KINDS = ("ve", "vp", "gmax", "bb")


@dataclass(frozen=True)
class SchroedingerBridge(Process):
    """kind: one of `KINDS`; c: scale of the variance; k: of "ve"; low, high: rates of B.

    Complex data whose noise has total variance 1 need c halved for two real channels. Raises
    InputError for another kind.
    """

    kind: str = "ve"
    c: float = 0.4
    k: float = 2.6
    low: float = 0.01
    high: float = 20.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(
                f"kind {self.kind!r} is not one of {', '.join(KINDS)}{nearest(self.kind, KINDS)}"
            )

    def alpha(self, t: Tensor) -> Tensor:
        """Mean factor of the reference diffusion."""
        return torch.exp(-self._rate(t) / 2) if self.kind == "vp" else torch.ones_like(t)

    def clock(self, t: Tensor) -> Tensor:
        """rho^2/rho_1^2, from 0 to 1."""
        return self.variance(t) / self.variance(torch.ones_like(t))

    def a(self, t: Tensor) -> Tensor:
        return self.alpha(t) * (1 - self.clock(t))

    def b(self, t: Tensor) -> Tensor:
        return self.alpha(t) / self.alpha(torch.ones_like(t)) * self.clock(t)

    def s(self, t: Tensor) -> Tensor:
        u = self.clock(t)
        total = self.variance(torch.ones_like(t))
        return self.alpha(t) * torch.sqrt((total * u * (1 - u)).clamp(min=0))

    def phi(self, t: Tensor) -> Tensor:
        return self.a(t)

    def forward_std(self, t: Tensor) -> Tensor:
        return torch.sqrt(self.alpha(t) * self.variance(t))

    def _rate(self, t: Tensor) -> Tensor:
        return self.low * t + (self.high - self.low) * t**2 / 2

    def variance(self, t: Tensor) -> Tensor:
        """rho^2, the variance of the reference diffusion over alpha^2."""
        if self.kind == "ve":
            growth = 2 * math.log(self.k)
            return self.c * torch.expm1(growth * t) / growth
        if self.kind == "vp":
            return self.c * torch.expm1(self._rate(t))
        return self._rate(t) if self.kind == "gmax" else self.c * t


def published(kind: str = "ve") -> SchroedingerBridge:
    """The settings of the papers: c = .4, k = 2.6 for "ve", c = .3 for "vp", 1 for "bb"."""
    return SchroedingerBridge(kind, {"ve": 0.4, "vp": 0.3}.get(kind, 1.0))
