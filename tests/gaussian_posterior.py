"""The Gaussian posterior problems, and exact laws of samplers on them.

tests/reference/problems/gaussian_problem.npz has 8 x 8 pixels, a correlated prior, and three
operators with noise .1; gaussian_bridge.npz a degraded signal besides. A sampler that is affine in
its start and in its draws is run on all unit vectors at once: `law` gives mean and covariance of
what it returns without any sampling error.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from oracles import abs_at, number
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.grids import Grid, by_log_snr
from undrift.common.operators.matrix import Matrix
from undrift.common.posterior.conditional import Conditional
from undrift.common.processes.process import Process
from undrift.common.processes.variance_preserving import discrete
from undrift.common.solvers import Exponential
from undrift.common.solvers.loop import Denoise, Draw, run_plan

VP = discrete(np.linspace(1e-4, 2e-2, 1000).tolist())
SPREAD = 0.5  # of a pixel
SIZE = 64
Kind = TypeVar("Kind", bound=Conditional)
PROBLEMS = Path(__file__).parent / "reference" / "problems"


@functools.cache
def arrays(name: str) -> dict[str, Tensor]:
    """The arrays of a problem, float64."""
    with np.load(PROBLEMS / f"{name}.npz") as data:
        return {key: torch.from_numpy(np.array(data[key], dtype=np.float64)) for key in data}


def prior(mean: Tensor, covariance: Tensor, process: Process = VP) -> Denoise:
    """The exact denoiser of N(mean, covariance); differentiable in x."""
    values, vectors = torch.linalg.eigh(covariance)

    def denoise(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        a, b, s = abs_at(process, t)
        below = a**2 * values + s**2
        gain = torch.where(below > 0, a * values / below.clamp(min=1e-300), 0)
        centred = x - a * mean if y is None else x - b * y - a * mean
        return Estimate(mean + (centred @ vectors * gain) @ vectors.T)

    return denoise


def measured(name: str, kind: type[Kind], **options: Any) -> Kind:
    """A method on one of the three measurements; rows are items."""
    p = arrays("gaussian_problem")
    return kind(
        prior(p["prior_mean"], p["prior_cov"]), VP, Matrix(p[f"{name}_A"], (SIZE,)),
        p[f"{name}_y"][None], float(p[f"{name}_sy"]), SPREAD, **options,
    )  # fmt: skip


def some(*shape: int, seed: int = 0) -> Tensor:
    """Normals, float64."""
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def by_ratio(n: int) -> Grid:
    """Equal steps in ln(s/a) down to a tenth of the noise of the measurements, then clean."""
    return by_log_snr(VP, n, SPREAD, low=0.1 * 0.1 / SPREAD)


def twenty_calls(denoise: Denoise, count: int, seed: int) -> Tensor:
    """Results of 20 calls of second order from noise."""
    x = float(VP.s(number(1.0))) * some(count, SIZE, seed=seed)
    return run_plan(denoise, x, Exponential(2).plan(VP, by_ratio(20)))


def by_index(n: int) -> list[float]:
    """Every (1000/n)-th index of the schedule, from noisy to clean, without the clean end."""
    return [(index + 1) / 1000 for index in range(0, 1000, 1000 // n)][::-1]


class Blocks:
    """Draws as unit vectors: each new number gets a block of its own; row 0 is the mean's."""

    def __init__(self, blocks: int, size: int = SIZE):
        self.size, self.rows = size, 1 + size * blocks
        self.known: dict[tuple[str, int], int] = {}

    def drawn(self, kind: str, width: int, number: int) -> Tensor:
        place = 1 + self.size * self.known.setdefault((kind, number), len(self.known))
        if place + width > self.rows:
            raise ValueError(f"more draws than blocks: {kind} {number}")
        out = torch.zeros(self.rows, width, dtype=torch.float64)
        out[place : place + width] = torch.eye(width, dtype=torch.float64)
        return out

    def draw(self, kind: str = "state", width: int = SIZE) -> Draw:
        return lambda number: self.drawn(kind, width, number)


def law(run: Callable[[Blocks], Tensor], blocks: int) -> tuple[Tensor, Tensor]:
    """Mean and covariance of an affine sampler that takes at most so many blocks of draws."""
    out = run(Blocks(blocks))
    rows = out[1:] - out[:1]
    return out[0], rows.T @ rows


def distance(
    found: tuple[Tensor, Tensor], truth: str | tuple[Tensor, Tensor]
) -> tuple[float, float]:
    """W2 over the posterior's spread, and the mean ratio of standard deviations."""
    if isinstance(truth, str):
        p = arrays("gaussian_problem")
        truth = p[f"{truth}_post_mean"], p[f"{truth}_post_cov"]
    mean, covariance = truth
    values, vectors = torch.linalg.eigh(covariance)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ found[1] @ root).clamp(min=0).sqrt().sum()
    squared = (found[0] - mean).square().sum() + covariance.trace() + found[1].trace() - 2 * cross
    ratio = (found[1].diagonal() / covariance.diagonal()).sqrt().mean()
    return float((squared.clamp(min=0) / covariance.trace()).sqrt()), float(ratio)
