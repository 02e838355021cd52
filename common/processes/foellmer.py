"""Foellmer process for forecasting (Chen et al., ICML 2024): from exactly y to a law of x0.

    x = alpha(u) y + beta(u) x0 + sqrt(u) sigma(u) z,   alpha = 1 - u, sigma = level (1 - u)

with the paper's time u = 1 - t and beta = u^2 or u; so a = beta, b = alpha, s = sqrt(u) sigma and
phi is proportional to u sigma: the noise is sigma times a Wiener process. phi vanishes at both ends
(only its ratios count, and the last step to t = 0 needs none). The network predicts the "drift"
alpha' y + beta' x0 + sigma' sqrt(u) z of dx = drift du + sigma dW, which is regular at the
start x = y, where x0 itself cannot be read off it. Integrate it from there (`solvers.fields`), or
predict x0 and take `ancestral`, whose steps are exact.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.processes.process import Process

Drift = Callable[[Tensor, float], Tensor]  # x, the paper's time u


@dataclass(frozen=True)
class Foellmer(Process):
    """level: of sigma (units of the data); power: 2 or 1, of beta = u^power."""

    level: float = 1.0
    power: int = 2

    def __post_init__(self) -> None:
        """Raises InputError for another power."""
        if self.power not in (1, 2):
            raise InputError(f"power is {self.power}; expected 1 or 2")

    def a(self, t: Tensor) -> Tensor:
        return (1 - t) ** self.power

    def b(self, t: Tensor) -> Tensor:
        return 1 * t

    def s(self, t: Tensor) -> Tensor:
        return self.level * t * torch.sqrt(1 - t)

    def phi(self, t: Tensor) -> Tensor:
        return t * (1 - t)

    def sigma(self, u: float) -> float:
        """Diffusion of the process itself at the paper's time u."""
        return self.level * (1 - u)

    def score(self, drift: Tensor, x: Tensor, y: Tensor, u: float) -> Tensor:
        """The score from the drift at a time 0 < u < 1; drift, x, y: (b, c, *space)."""
        beta, slope = u**self.power, self.power * u ** (self.power - 1)
        above = -beta * drift - beta * y + slope * (x - (1 - u) * y)
        below = (-self.level * beta - slope * self.sigma(u)) * self.sigma(u) * u
        return above / below

    def with_diffusion(self, drift: Drift, y: Tensor, diffusion: Callable[[float], float]) -> Drift:
        """The drift with (g^2 - sigma^2)/2 score added: all marginals stay under a diffusion g(u).

        It has no value at u = 0.
        """

        def changed(x: Tensor, u: float) -> Tensor:
            value = drift(x, u)
            gap = (diffusion(u) ** 2 - self.sigma(u) ** 2) / 2
            return value + gap * self.score(value, x, y, u)

        return changed


def published_times(calls: int = 500, last: float = 0.999) -> tuple[list[float], float]:
    """The paper's times u of its sampler, in its float32, and the step it takes from each.

    For `solvers.fields.integrate` with the diffusion `sigma` and a quiet end; with another
    diffusion the first time is replaced by the second.
    """
    times = torch.linspace(0, last, calls, dtype=torch.float32).double().tolist()
    return times, times[1] - times[0]
