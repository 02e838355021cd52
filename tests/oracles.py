"""Truth to test against: the exact problems of `undrift.common.exact`, and laws of whole plans.

One component of a mixture makes everything affine: `law` then pushes a state through
any plan by running the sampling loop itself on the coefficients of (1, x_T, xi_1, xi_2, ...).
All tensors are float64; states are (n, d).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.exact import Mixture as Mixture
from undrift.common.exact import abs_at as abs_at
from undrift.common.exact import broad as broad
from undrift.common.exact import gaussian as gaussian
from undrift.common.exact import number as number
from undrift.common.processes import (
    BrownianBridge,
    Flow,
    MeanReverting,
    Process,
    ResidualShift,
    VariancePreserving,
)
from undrift.common.solvers import Step
from undrift.common.solvers.loop import run_plan

EVERY: dict[str, Process] = {
    "VP": VariancePreserving(),
    "IR-SDE": MeanReverting(),
    "residual shift": ResidualShift(),
    "Brownian bridge": BrownianBridge(),
    "flow": Flow(),
}


def flow_of_gaussian(
    data: Mixture, process: Process, x: Tensor, y: Tensor, t: float, n: float
) -> Tensor:
    """The exact probability-flow map t -> n for one Gaussian keeps the standardised state."""
    (a, b, s), (a1, b1, s1) = abs_at(process, t), abs_at(process, n)
    mean, variance = data.moments()
    unit = (x - b * y - a * mean) / torch.sqrt(a**2 * variance + s**2)
    return a1 * mean + b1 * y + torch.sqrt(a1**2 * variance + s1**2) * unit


@dataclass(frozen=True)
class Law:
    """A state as 1, x_T and the draws combine to it: mean and variance for each coordinate."""

    rows: Tensor  # (2 + draws, d)

    def mean(self, start: Tensor) -> Tensor:
        return self.rows[0] + self.rows[1] * start

    def variance(self, start: Tensor) -> Tensor:
        return self.rows[1] ** 2 * start + (self.rows[2:] ** 2).sum(0)


def law(
    data: Mixture, process: Process, steps: Sequence[Step], y: Tensor, widen: bool = False
) -> list[Law]:
    """The exact law of every state of a plan on Gaussian data, by running the real loop.

    The denoiser of one Gaussian is affine, D = mean + gain (z - a mean), and so is every step; a
    state is carried as its coefficients, (2 + len(steps), d). Entry k is the law after k steps.
    widen: the denoiser also tells the exact variance, and the loop uses it.
    """
    mean, variance = data.moments()
    constant = torch.zeros(2 + len(steps), len(mean), dtype=torch.float64)
    constant[0] = 1.0

    def denoise(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        a, b, s = abs_at(process, t)
        gain = a * variance / (a**2 * variance + s**2).clamp(min=1e-300)
        shift = mean - gain * a * mean
        x0 = constant * shift + gain * (x - b * (0.0 if y is None else y))
        return Estimate(x0, var=(1 - gain * a) * variance)

    def draw(count: int) -> Tensor:
        unit = torch.zeros_like(constant)
        unit[1 + count] = 1.0
        return unit

    begin = torch.zeros_like(constant)
    begin[1] = 1.0
    laws = [Law(begin)]

    def watch(k: int, x: Tensor, estimate: Estimate) -> None:
        laws.append(Law(x))

    run_plan(denoise, begin, steps, y=constant * y, draw=draw, watch=watch, widen=widen)
    return laws


def slope(counts: Sequence[int], errors: Sequence[float]) -> float:
    """Order of convergence: minus the least-squares slope of log error over log count."""
    return -float(np.polyfit(np.log(np.asarray(counts)), np.log(np.asarray(errors)), 1)[0])
