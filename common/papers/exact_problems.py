"""Exact problems for comparing samplers, and the distance of a cloud of samples from the truth.

The distance is the sliced first Wasserstein distance in units of the data: over fixed directions
the mean of |sorted projections - exact quantiles|. A projected Gaussian mixture is one again, so
its quantiles are known. Starts are scrambled Sobol points, a new scramble for each seed, which
puts the distance of exact samples (the floor) far below that of independent ones.
"""

import functools
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.exact import Mixture, broad, sharp
from undrift.common.processes.process import Process
from undrift.common.solvers.loop import Denoise

DEGRADED = torch.tensor([0.5, 0.1, -0.4], dtype=torch.float64)
_DIRECTIONS, _SPAN, _FINE = 32, 9.0, 20_001


@dataclass(frozen=True)
class Problem:
    """x0 | y = `mixture`, y = `DEGRADED`. sigma_d: what the solvers are told of its spread."""

    name: str
    mixture: Mixture
    sigma_d: float


def problems() -> dict[str, Problem]:
    """The problems of the few-step table; the default was fitted to neither of them."""
    found = [
        Problem("broad", broad(), 0.31),  # the root mean square spread
        Problem("sharp", sharp(), 0.17),
    ]
    return {problem.name: problem for problem in found}


@dataclass
class Trial:
    """One run on a problem: the noise it draws, and how often it has called the denoiser."""

    problem: Problem
    count: int
    seed: int
    calls: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.generator = torch.Generator().manual_seed(self.seed)

    @property
    def y(self) -> Tensor:
        """(count, 3)."""
        return DEGRADED.expand(self.count, -1)

    def draw(self, number: int) -> Tensor:
        """Standard normal (count, 3): Sobol points, paired at random with those of other draws."""
        engine = torch.quasirandom.SobolEngine(3, scramble=True, seed=1000 * self.seed + number)
        share = engine.draw(self.count, dtype=torch.float64).clamp(1e-9, 1 - 1e-9)
        order = torch.randperm(self.count, generator=self.generator)
        return torch.special.ndtri(share)[order]

    def denoiser(self, process: Process) -> Denoise:
        """The exact one, counted."""
        exact = self.problem.mixture.denoiser(process)

        def denoise(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
            self.calls += 1
            return exact(x, t, y, level)

        return denoise

    def posterior_mean(self, z: Tensor, a: float, s: float) -> Tensor:
        """E[x0 | a x0 + s eps = z], counted."""
        self.calls += 1
        return self.problem.mixture.posterior_mean(z, a, s)


def distance(samples: Tensor, mixture: Mixture) -> float:
    """Sliced W1 of samples (n, d) from the mixture; samples are infinitely far if not finite."""
    if not bool(samples.isfinite().all()):
        return float("inf")
    projected = (samples.double() @ directions(samples.shape[1])).sort(dim=0).values
    return float((projected - quantiles(mixture, len(samples))).abs().mean())


_KNOWN: dict[tuple[bytes, int], Tensor] = {}


def quantiles(mixture: Mixture, count: int) -> Tensor:
    """Exact quantiles at (i + 1/2)/count along each direction, (count, directions)."""
    parts = (mixture.weights, mixture.means, mixture.widths)
    key = (b"".join(part.numpy().tobytes() for part in parts), count)
    if key not in _KNOWN:
        _KNOWN[key] = _quantiles(mixture, count)
    return _KNOWN[key]


def _quantiles(mixture: Mixture, count: int) -> Tensor:
    along = directions(mixture.means.shape[1])
    means = mixture.means @ along
    widths = torch.sqrt(mixture.widths**2 @ along**2)
    levels = ((torch.arange(count, dtype=torch.float64) + 0.5) / count).numpy()
    columns = []
    for mean, width in zip(means.T, widths.T, strict=True):
        low, high = float((mean - _SPAN * width).min()), float((mean + _SPAN * width).max())
        place = torch.linspace(low, high, _FINE, dtype=torch.float64)
        below = torch.special.ndtr((place[:, None] - mean) / width) @ mixture.weights
        columns.append(torch.from_numpy(np.interp(levels, below.numpy(), place.numpy())))
    return torch.stack(columns, dim=1)


@functools.cache
def directions(size: int) -> Tensor:
    """Unit vectors (size, 32), always the same."""
    generator = torch.Generator().manual_seed(7)
    found = torch.randn(size, _DIRECTIONS, generator=generator, dtype=torch.float64)
    return found / found.norm(dim=0)
