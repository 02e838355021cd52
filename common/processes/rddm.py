"""Residual denoising diffusion (RDDM, Liu et al., CVPR 2024): a residual and a noise clock.

    x_t = x0 + A(t) (y - x0) + B(t) eps                                                   Eq. (7)

so a = 1 - A, b = A, s = B and phi = 1: the forward chain only adds. Both clocks are running sums
of increments, A of alpha_i and B^2 of beta_i^2, with laws of their own; integer step i of 1..T
sits at t = i/T. The increments i and T + 1 - i of the restoration code have the closed forms
A = i (2T + 1 - i)/(T (T + 1)) and B^2 = sum_scale i (i + 1)/(T (T + 1)). The authors' eta
multiplies the variance: theirs is the square of the one of `DDIM`.
"""

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.processes import clocks
from undrift.common.processes.process import Process

LAWS = ("decreased", "increased", "average", "normal", "ddim")


@dataclass(frozen=True)
class RDDM(Process):
    """steps: T. sum_scale: B^2 at t = 1 (squared units of the data; .01 for low light, 1 for rain).

    residual, noise: laws of alpha_i and beta_i^2 (`LAWS`). A law with a ratio r is the family of
    the generation code, ((i - 1)/(T - 1))^r normalised (or backwards, "decreased"). "ddim" takes
    the whole clock over from a DDPM with linear betas: A = 1 - sqrt(abar), B = sqrt(1 - abar).
    Raises InputError for an unknown law.
    """

    steps: int = 1000
    sum_scale: float = 1.0
    residual: str = "decreased"
    noise: str = "increased"
    residual_ratio: float | None = None
    noise_ratio: float | None = None

    def __post_init__(self) -> None:
        for name in (self.residual, self.noise):
            if name not in LAWS:
                raise InputError(f"law {name!r} is not one of {', '.join(LAWS)}")

    def residual_clock(self, t: Tensor) -> Tensor:
        """A(t), the share of the residual."""
        if self.residual == "ddim":
            return 1 - torch.sqrt(_kept(self.steps, t))
        return clocks.tabulated(_clock(self.residual, self.steps, self.residual_ratio), t)

    def noise_clock(self, t: Tensor) -> Tensor:
        """B(t), the standard deviation of the noise."""
        if self.noise == "ddim":
            return torch.sqrt(1 - _kept(self.steps, t))
        clock = clocks.tabulated(_clock(self.noise, self.steps, self.noise_ratio), t)
        return math.sqrt(self.sum_scale) * torch.sqrt(clock)

    def a(self, t: Tensor) -> Tensor:
        return 1 - self.residual_clock(t)

    def b(self, t: Tensor) -> Tensor:
        return self.residual_clock(t)

    def s(self, t: Tensor) -> Tensor:
        return self.noise_clock(t)

    def phi(self, t: Tensor) -> Tensor:
        return torch.ones_like(t)


def gen_coefficients(law: str, steps: int, ratio: float | None = None) -> tuple[float, ...]:
    """Increments of steps 1..T, of sum 1, by the name that the authors give them."""
    if law == "average":
        return (1 / steps,) * steps
    if law == "normal":
        raw = [math.exp(-((6 * i / (steps - 1) - 3) ** 2) / 2) for i in range(steps)]
    elif ratio is None:
        raw = [float(i) for i in range(1, steps + 1)]
    else:
        raw = [(i / (steps - 1)) ** ratio for i in range(steps)]
    total = math.fsum(raw)
    return tuple(v / total for v in (reversed(raw) if law == "decreased" else raw))


@functools.cache
def _clock(law: str, steps: int, ratio: float | None) -> tuple[float, ...]:
    if ratio is None and law in ("increased", "decreased"):
        whole = steps * (steps + 1)
        counts = range(steps + 1)
        if law == "increased":
            return tuple(i * (i + 1) / whole for i in counts)
        return tuple(i * (2 * steps + 1 - i) / whole for i in counts)
    return clocks.running_sum(gen_coefficients(law, steps, ratio))


@functools.cache
def _decay(steps: int) -> tuple[float, ...]:
    betas = [1e-4 + (0.02 - 1e-4) * i / (steps - 1) for i in range(steps)]
    return (0.0, *clocks.cumulated(-math.log1p(-beta) for beta in betas))


def _kept(steps: int, t: Tensor) -> Tensor:
    """prod (1 - beta) of the linear schedule of DDPM, betas from 1e-4 to .02."""
    return torch.exp(-clocks.tabulated(_decay(steps), t))


def ddim(steps: int = 1000, sum_scale: float = 1.0) -> RDDM:
    """The clocks of "convert_to_ddim", the default of the authors' generation and low-light code.

    With y = 0 it is DDIM itself; with a y it is another process than the one of the paper.
    """
    return RDDM(steps, sum_scale, "ddim", "ddim")


def start(process: RDDM, y: Tensor, noise: Tensor) -> Tensor:
    """The authors' first state, y + sqrt(sum_scale) noise, whatever s(1) is."""
    return y + math.sqrt(process.sum_scale) * noise


def skipped(calls: int, steps: int = 1000) -> list[float]:
    """Times of the authors' sampler: the integer parts of linspace(-1, T - 1), -1 being clean.

    Raises InputError unless 1 <= calls <= steps.
    """
    if not 1 <= calls <= steps:
        raise InputError(f"calls is {calls}; expected a number from 1 to {steps}")
    indices = torch.linspace(-1, steps - 1, calls + 1, dtype=torch.float32).int().tolist()
    return [(i + 1) / steps for i in reversed(indices)]
