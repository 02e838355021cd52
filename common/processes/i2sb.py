"""Image-to-image Schroedinger bridge (I2SB, Liu et al., ICML 2023): a bridge in its own clock.

    x_t = x0 (1 - v/S) + y v/S + sqrt(v (S - v)/S) eps,   v(t) = sum of beta_i           Eq. (11)

so b = v/S, a = phi = 1 - b; the rates are symmetric in time and largest in the middle. The sampler
moves on exactly this bridge; the training code counts beta_i of the present step on both sides,
which differs by at most 5e-4 (`trained` = True). Integer step i of 0..T - 1 sits at t = (i + 1)/T.
Without noise (`cold`, their "ot_ode") a step is Euler's on the straight line, in the clock v.
The network predicts (x_t - x0)/sqrt(v), "displacement-scaled".
"""

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.processes import clocks
from undrift.common.processes.process import Process


@dataclass(frozen=True)
class I2SB(Process):
    """rate: beta_max of the paper, .3 or 1; S is then .141 or .247 (squared units of the data).

    steps: T. trained: marginals of the training code. cold: no noise at all.
    """

    rate: float = 0.3
    steps: int = 1000
    trained: bool = False
    cold: bool = False

    def forward_variance(self, t: Tensor) -> Tensor:
        """v(t): variance of the chain from x0 alone."""
        return clocks.tabulated(_variances(self.rate, self.steps)[0], t)

    def _backward_variance(self, t: Tensor) -> Tensor:
        forward, backward = _variances(self.rate, self.steps)
        if self.trained:
            return clocks.tabulated(backward, t)
        return forward[-1] - clocks.tabulated(forward, t)

    def a(self, t: Tensor) -> Tensor:
        backward = self._backward_variance(t)
        return backward / (self.forward_variance(t) + backward)

    def b(self, t: Tensor) -> Tensor:
        forward = self.forward_variance(t)
        return forward / (forward + self._backward_variance(t))

    def s(self, t: Tensor) -> Tensor:
        if self.cold:
            return torch.zeros_like(t)
        forward, backward = self.forward_variance(t), self._backward_variance(t)
        return torch.sqrt((forward * backward / (forward + backward)).clamp(min=0))

    def phi(self, t: Tensor) -> Tensor:
        return self.a(t)

    def forward_std(self, t: Tensor) -> Tensor:
        return torch.sqrt(self.forward_variance(t))


@functools.cache
def _variances(rate: float, steps: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """v before and after each step, and what remains from each step on, itself included."""
    low, high = math.sqrt(1e-4), math.sqrt(rate / steps)
    rising = [(low + (high - low) * i / (steps - 1)) ** 2 for i in range(steps // 2)]
    betas = rising + rising[::-1]
    forward = (0.0, *clocks.cumulated(betas))
    backward = clocks.cumulated(reversed(betas))[::-1]
    return forward, (backward[0], *backward)


def indices(calls: int, steps: int = 1000) -> list[int]:
    """The authors' grid of `calls` + 1 steps, last one to 0: equal strides by Python's round.

    Raises InputError unless 1 <= calls < steps.
    """
    if not 1 <= calls < steps:
        raise InputError(f"calls is {calls}; expected a number from 1 to {steps - 1}")
    stride, place, found = (steps - 1) / calls, 0.0, []
    for _ in range(calls + 1):
        found.append(round(place))
        place += stride
    return found[::-1]


def times(calls: int, steps: int = 1000, clean: bool = False) -> list[float]:
    """Times of `indices`; the last one is 1/T, not 0: the published sampler never gets clean.

    clean: end at 0 instead, as every other process here does.
    """
    found = [(i + 1) / steps for i in indices(calls, steps)]
    return [*found[:-1], 0.0] if clean else found


def network_times(t: Tensor, steps: int = 1000) -> Tensor:
    """What the authors' network is told: 1000 linspace(1e-4, 1, T) at the step of time t."""
    return 1000 * (1e-4 + (1 - 1e-4) * (t * steps - 1) / (steps - 1))
