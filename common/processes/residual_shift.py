"""Residual shifting (ResShift, Yue, Wang and Loy, NeurIPS 2023; TPAMI 2024).

    x_t = x0 + eta(t) (y - x0) + kappa sqrt(eta(t)) eps                                  Eq. (2)

so a = 1 - eta, b = eta, s = kappa sqrt(eta), and phi = 1: the forward chain only adds.
sqrt(eta) follows a warped geometric law from `first` at time `knee` to `last` at t = 1, Eq. (5);
below the knee it falls linearly to 0. Integer step i of T = 1/knee sits at t = (i + 1)/T, where
the published values are met exactly.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.processes.process import Process


@dataclass(frozen=True)
class ResidualShift(Process):
    """kappa: noise at the degraded end (units of the data); first, last: ends of sqrt(eta)."""

    kappa: float = 2.0
    first: float = 0.02
    last: float = 0.99
    power: float = 0.3
    knee: float = 1 / 15

    def root_eta(self, t: Tensor) -> Tensor:
        """sqrt(eta) at t; Eq. (5) with the ends named explicitly."""
        place = ((t - self.knee) / (1 - self.knee)).clamp(min=0)
        law = self.first * torch.exp(math.log(self.last / self.first) * place**self.power)
        return torch.where(t <= self.knee, self.first * t / self.knee, law)

    def a(self, t: Tensor) -> Tensor:
        return 1 - self.root_eta(t) ** 2

    def b(self, t: Tensor) -> Tensor:
        return self.root_eta(t) ** 2

    def s(self, t: Tensor) -> Tensor:
        return self.kappa * self.root_eta(t)

    def phi(self, t: Tensor) -> Tensor:
        return torch.ones_like(t)


def published(
    steps: int = 15, minimum: float = 0.04, kappa: float = 2.0, **other: float
) -> ResidualShift:
    """The process of the authors' configurations: 15 steps with minimum .04, or 4 with .2.

    Their code takes first = min(minimum / kappa, minimum) and counts `last` as sqrt(eta), not eta.
    """
    return ResidualShift(kappa, min(minimum / kappa, minimum), knee=1 / steps, **other)
