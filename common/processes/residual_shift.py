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

from undrift.common.errors import InputError
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
    steps: int = 15,
    minimum: float = 0.04,
    kappa: float = 2.0,
    variant: str = "journal",
    **other: float,
) -> ResidualShift:
    """The process of the authors' configurations: 15 steps with minimum .04, or 4 with .2.

    variant: "journal" (TPAMI; all released weights), first = min(minimum / kappa, minimum), or
    "conference" (NeurIPS), where it is at most sqrt(.001) as well, which changes the 4-step
    schedule and any with kappa 1. Their code counts `last` as sqrt(eta), not eta. Raises
    InputError for another variant.
    """
    if variant not in ("journal", "conference"):
        raise InputError(f"variant is {variant!r}; expected 'journal' or 'conference'")
    first = min(minimum / kappa, minimum)
    if variant == "conference":
        first = min(first, math.sqrt(0.001))
    return ResidualShift(kappa, first, knee=1 / steps, **other)


def respaced(steps: int, calls: int) -> list[float]:
    """Times of the authors' `timestep_respacing`: every (steps/calls)-th index, then 0.

    It leaves out the last index, so that a run starts below the full noise. Raises InputError
    unless 1 <= calls <= steps.
    """
    if not 1 <= calls <= steps:
        raise InputError(f"calls is {calls}; expected a number from 1 to {steps}")
    indices = [int(steps / calls * i) for i in range(calls)]
    return [(i + 1) / steps for i in reversed(indices)] + [0.0]


def input_scale(process: ResidualShift, t: Tensor, space: str = "latent") -> Tensor:
    """What their networks divide x_t by: sqrt(s^2 + 1) in "latent", 3 s + 1 in "pixel" space.

    Raises InputError for another space.
    """
    s = process.s(t)
    if space == "latent":
        return torch.sqrt(s**2 + 1)
    if space == "pixel":
        return 3 * s + 1
    raise InputError(f"space is {space!r}; expected 'latent' or 'pixel'")
