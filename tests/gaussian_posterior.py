"""The Gaussian posterior problems, and exact laws of samplers on them.

tests/reference/problems/gaussian_problem.npz has 8 x 8 pixels, a correlated prior, and three
operators with noise .1; gaussian_bridge.npz a degraded signal besides. A sampler that is affine in
its start and in its draws is run on all unit vectors at once: `law` gives mean and covariance of
what it returns without any sampling error; `law_of_steps` does so step by step.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Sequence
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
from undrift.common.solvers import Exponential, Step
from undrift.common.solvers.loop import Denoise, Draw, run_plan
from undrift.common.solvers.plan import first_order, nodes

VP = discrete(np.linspace(1e-4, 2e-2, 1000).tolist())
SPREAD = 0.5  # of a pixel
SIZE = 64
NAMES = ("sr2", "inpaint", "blur")
Law = tuple[Tensor, Tensor]  # mean, covariance
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


def redrawn_by_roots(n: int, share: float) -> list[Step]:
    """The steps of DiffPIR's code: indices by roots, which repeat near the clean end; no last call.

    Where an index comes again, noise is redrawn at that time, which no grid of times can say.
    """
    places = np.sqrt(np.linspace(0, 1000**2, n)).astype(int).clip(max=999)
    times = [(1000 - int(place)) / 1000 for place in places]
    known = {node.t: node for node in nodes(VP, sorted(set(times), reverse=True))}
    path = [known[t] for t in times]
    keep, drawn = (1 - share) ** 0.5, share**0.5
    return [first_order(a, b, keep * b.s, drawn * b.s) for a, b in itertools.pairwise(path)]


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


def law(run: Callable[[Blocks], Tensor], blocks: int) -> Law:
    """Mean and covariance of an affine sampler that takes at most so many blocks of draws."""
    out = run(Blocks(blocks))
    rows = out[1:] - out[:1]
    return out[0], rows.T @ rows


def law_of_plan(
    denoise: Denoise, steps: Sequence[Step], process: Process = VP, y: Tensor | None = None
) -> Law:
    """The law of what a plan gives from its start, whatever the order: 64 rows for each draw.

    y: the degraded signal of a bridge, (1, 64).
    """
    _, b, s = abs_at(process, steps[0].t)
    near = torch.zeros(1, SIZE, dtype=torch.float64) if y is None else b * y

    def run(blocks: Blocks) -> Tensor:
        return run_plan(denoise, near + s * blocks.draw()(0), steps, y=y, draw=blocks.draw())

    return law(run, 1 + sum(step.sigma > 0 for step in steps))


def law_of_steps(denoise: Denoise, steps: Sequence[Step]) -> Law:
    """The same for plans of first order, one step after the other: any number of them is cheap."""
    mean, covariance = noise_at(steps[0].t)
    eye = torch.eye(SIZE, dtype=torch.float64)
    for step in steps:
        still = dataclasses.replace(step, sigma=0.0)
        out = run_plan(denoise, units(), [still])
        mean, covariance = pushed((mean, covariance), out, step.sigma**2 * eye)
    return mean, covariance


def noise_at(t: float) -> Law:
    """Pure noise of the schedule at t."""
    return torch.zeros(SIZE, dtype=torch.float64), abs_at(VP, t)[2] ** 2 * torch.eye(
        SIZE, dtype=torch.float64
    )


def pushed(before: Law, images: Tensor, noise: Tensor) -> Law:
    """The law after an affine map, told by the images of `units`, and noise of this covariance."""
    linear = images[1:] - images[:1]
    return images[0] + before[0] @ linear, linear.T @ before[1] @ linear + noise


def units() -> Tensor:
    """Zero and the unit vectors, one a row."""
    return torch.cat([torch.zeros(1, SIZE), torch.eye(SIZE)]).double()


def sampled(rows: Tensor) -> Law:
    """Mean and covariance of samples."""
    return rows.mean(0), torch.cov(rows.T)


def posterior(name: str) -> Law:
    """Of one of the three measurements."""
    p = arrays("gaussian_problem")
    return p[f"{name}_post_mean"], p[f"{name}_post_cov"]


def exact(name: str) -> Denoise:
    """E[x0 | x_t, measurement]."""
    return prior(*posterior(name))


def chi2(found: Law, name: str) -> float:
    """E |m - A x|^2 / (values of m times sigma^2): 0 fits the noise too, above 1 does not fit."""
    p = arrays("gaussian_problem")
    matrix, left = p[f"{name}_A"], p[f"{name}_y"] - p[f"{name}_A"] @ found[0]
    spread = left.square().sum() + (matrix @ found[1] @ matrix.T).trace()
    return float(spread / (len(left) * p[f"{name}_sy"] ** 2))


def distance(found: Law, truth: str | Law) -> tuple[float, float]:
    """W2 over the posterior's spread, and the mean ratio of standard deviations."""
    mean, covariance = posterior(truth) if isinstance(truth, str) else truth
    values, vectors = torch.linalg.eigh(covariance)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ found[1] @ root).clamp(min=0).sqrt().sum()
    squared = (found[0] - mean).square().sum() + covariance.trace() + found[1].trace() - 2 * cross
    ratio = (found[1].diagonal() / covariance.diagonal()).sqrt().mean()
    return float((squared.clamp(min=0) / covariance.trace()).sqrt()), float(ratio)
