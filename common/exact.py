"""Problems whose answer is known: Gaussian mixtures with their exact denoiser and flow.

x0 | y is a mixture with independent coordinates, whatever the process that then joins it to y.
Given x_t = a x0 + b y + s eps the centred state z = x - b y has again a mixture density, so
E[x0 | x_t] is elementary and the probability flow can be integrated to any accuracy. Solvers are
measured on it by the tests, by `undrift reproduce` and by anyone who writes a new one.
All tensors are float64; states are (n, d).
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.processes.process import Process
from undrift.common.solvers.loop import Denoise


def number(value: float) -> Tensor:
    """A float64 scalar tensor."""
    return torch.tensor(value, dtype=torch.float64)


@functools.lru_cache(maxsize=20_000)
def abs_at(process: Process, t: float) -> tuple[float, float, float]:
    """(a, b, s) at t as numbers."""
    return float(process.a(number(t))), float(process.b(number(t))), float(process.s(number(t)))


@dataclass(frozen=True)
class Mixture:
    """weights (k,), means (k, d), widths (k, d): standard deviations of the components."""

    weights: Tensor
    means: Tensor
    widths: Tensor

    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean and variance of each coordinate, (d,)."""
        share = self.weights[:, None]
        mean = (share * self.means).sum(0)
        return mean, (share * (self.widths**2 + self.means**2)).sum(0) - mean**2

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """n exact draws of x0, (n, d)."""
        which = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        noise = torch.randn(n, self.means.shape[1], generator=generator, dtype=torch.float64)
        return self.means[which] + self.widths[which] * noise

    def posterior_mean(self, z: Tensor, a: float, s: float) -> Tensor:
        """E[x0 | a x0 + s eps = z] for z (n, d); at a = s = 0 nothing is known: the mean."""
        variance = (a * self.widths) ** 2 + s**2
        gap = z[:, None] - a * self.means
        safe = variance.clamp(min=1e-300)
        log = self.weights.log() - (gap**2 / safe + safe.log()).sum(-1) / 2
        # Not torch.softmax: on two threads of a busy machine it waits 20 ms, however small it is.
        share = torch.exp(log - log.amax(dim=1, keepdim=True))
        share = share / share.sum(dim=1, keepdim=True)
        each = self.means + gap * (a * self.widths**2 / safe)
        return (share[..., None] * each).sum(1)

    def denoiser(self, process: Process) -> Denoise:
        """The exact E[x0 | x_t, y] as the sampling loop calls it."""

        def denoise(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
            a, b, s = abs_at(process, t)
            return Estimate(self.posterior_mean(x if y is None else x - b * y, a, s))

        return denoise

    def flow(self, v: Tensor, high: float, low: float) -> Tensor:
        """The probability flow of v = z/a from rho = s/a = high to low: dv/drho = eps, (n, d)."""

        def slope(rho: float, flat: np.ndarray) -> np.ndarray:
            now = torch.from_numpy(flat.copy()).reshape(v.shape)
            return ((now - self.posterior_mean(now, 1.0, rho)) / rho).flatten().numpy()

        from scipy.integrate import solve_ivp

        options = {"method": "DOP853", "rtol": 1e-12, "atol": 1e-12}
        run = solve_ivp(slope, (high, low), v.flatten().numpy(), **options)
        return torch.from_numpy(run.y[:, -1].copy()).reshape(v.shape)


def gaussian(mean: Sequence[float], width: Sequence[float]) -> Mixture:
    """A mixture of one: mean and standard deviation of each coordinate."""
    means, widths = (torch.tensor([v], dtype=torch.float64) for v in (list(mean), list(width)))
    return Mixture(torch.ones(1, dtype=torch.float64), means, widths)


def broad() -> Mixture:
    """Three overlapping modes in 3-D; spread .34, .38 and .24 about a mean near .1."""
    return Mixture(
        torch.tensor([0.45, 0.30, 0.25], dtype=torch.float64),
        torch.tensor(
            [[-0.20, 0.30, 0.00], [0.40, -0.30, 0.25], [0.35, 0.45, -0.20]], dtype=torch.float64
        ),
        torch.tensor([[0.15] * 3, [0.20] * 3, [0.12] * 3], dtype=torch.float64),
    )


def sharp() -> Mixture:
    """Six narrow modes in 3-D, width .03, spread .15 to .2: harder for few steps than `broad`."""
    means = [[-0.2, 0.1, 0.15], [0.2, -0.15, 0.1], [0.05, 0.25, -0.2],
             [-0.1, -0.2, -0.1], [0.25, 0.15, 0.2], [-0.25, 0.0, -0.2]]  # fmt: skip
    return Mixture(
        torch.tensor([0.2, 0.2, 0.15, 0.15, 0.15, 0.15], dtype=torch.float64),
        torch.tensor(means, dtype=torch.float64),
        torch.full((6, 3), 0.03, dtype=torch.float64),
    )
