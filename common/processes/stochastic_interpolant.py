"""Stochastic interpolants (Albergo, Boffi and Vanden-Eijnden 2023) between y and x0.

    x = alpha(u) y + beta(u) x0 + gamma(u) z,     u = 1 - t                              Eq. (2.1)

so a = beta, b = alpha, s = gamma at u = 1 - t: the paper's time runs towards the data, ours from
it. One z belongs to the whole path, which is no Markov chain; phi = a is that of the chain with the
same marginals. One-sided paths have noise in place of y (b = 0, s = alpha), the mirror path has
x0 at both ends. Only "brownian" and "bsquared" have a ratio s/a that grows all the way; with
the other gammas take DDIM or integrate the drift itself (`solvers.fields`).
Their drift is -1 times our "velocity", their score is our "score", eta is -eps.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.errors import InputError, nearest
from undrift.common.processes.process import Process

_SHARP = 10.0  # of the sigmoid

# gamma^2 by name; its slope stays finite where that of gamma does not.
GAMMAS: dict[str, Callable[[Tensor], Tensor]] = {
    "brownian": lambda u: u * (1 - u),
    "bsquared": lambda u: (u * (1 - u)) ** 2,
    "sinesquared": lambda u: torch.sin(math.pi * u) ** 4,
    "sigmoid": lambda u: _bump(u) ** 2,
    "zero": lambda u: 0 * u,
}
PATHS = (
    "linear",
    "trig",
    "encoding-decoding",
    "one-sided-linear",
    "one-sided-trig",
    "mirror",
)


def _bump(u: Tensor) -> Tensor:
    def step(v: Tensor) -> Tensor:
        return torch.sigmoid(v + 1) - torch.sigmoid(v - 1)

    return step(_SHARP * (u - 0.5)) - step(torch.full_like(u, -_SHARP / 2))


@dataclass(frozen=True)
class StochasticInterpolant(Process):
    """path: one of `PATHS`; gamma: one of `GAMMAS`; spread multiplies gamma^2.

    Raises InputError for an unknown path or gamma.
    """

    path: str = "linear"
    gamma: str = "brownian"
    spread: float = 1.0

    def __post_init__(self) -> None:
        for word, known in ((self.path, PATHS), (self.gamma, GAMMAS)):
            if word not in known:
                raise InputError(f"{word!r} is not one of {', '.join(known)}{nearest(word, known)}")

    @property
    def one_sided(self) -> bool:
        """Whether the far end is noise, so that there is no y and no gamma."""
        return self.path.startswith("one-sided")

    def variance(self, u: Tensor) -> Tensor:
        """gamma^2 at the paper's time u."""
        return self.spread * GAMMAS[self.gamma](u)

    def amplitude(self, u: Tensor) -> Tensor:
        """gamma at the paper's time u; of one-sided paths 0."""
        none = self.one_sided or self.gamma == "zero"
        return torch.zeros_like(u) if none else torch.sqrt(self.variance(u))

    def half_slope(self, u: Tensor) -> Tensor:
        """gamma gamma', finite also where gamma' is not."""
        return torch.func.jvp(self.variance, (u,), (torch.ones_like(u),))[1] / 2

    def alpha(self, u: Tensor) -> Tensor:
        """Weight of the base, which is y, or noise for one-sided and mirror paths."""
        if self.path == "mirror":
            return self.amplitude(u)
        if self.path == "encoding-decoding":
            return torch.where(u <= 0.5, torch.cos(math.pi * u) ** 2, 0 * u)
        if self.path.endswith("linear"):
            return 1 - u
        return self._rest(u) * torch.sin(math.pi / 2 * (1 - u))  # a cosine that ends at 0

    def beta(self, u: Tensor) -> Tensor:
        """Weight of x0."""
        if self.path == "mirror":
            return torch.ones_like(u)
        if self.path == "encoding-decoding":
            return torch.where(u > 0.5, torch.cos(math.pi * u) ** 2, 0 * u)
        if self.path.endswith("linear"):
            return 1 * u
        return self._rest(u) * torch.sin(math.pi / 2 * u)

    def _rest(self, u: Tensor) -> Tensor:
        return torch.ones_like(u) if self.one_sided else torch.sqrt(1 - self.variance(u))

    def a(self, t: Tensor) -> Tensor:
        return self.beta(1 - t)

    def b(self, t: Tensor) -> Tensor:
        lone = self.one_sided or self.path == "mirror"
        return torch.zeros_like(t) if lone else self.alpha(1 - t)

    def s(self, t: Tensor) -> Tensor:
        return self.alpha(1 - t) if self.one_sided else self.amplitude(1 - t)

    def phi(self, t: Tensor) -> Tensor:
        return self.a(t)
