"""What a parity case is: an official trajectory, our run of it, and the tolerance it must meet.

The official programs ran with small closed-form functions in place of their networks and with
stored noise in place of their random numbers (`tests/reference/README.md`), so that every step of
ours can be compared with every step of theirs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from oracles import number
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.predictions import to_x0, weights
from undrift.common.processes import Process
from undrift.common.solvers import Solver
from undrift.common.solvers.loop import Denoise, run_plan

REFERENCE = Path(__file__).parents[1] / "reference"
Network = Callable[[Tensor, Tensor, float], Tensor]  # state, degraded signal, our time t


@dataclass(frozen=True)
class Case:
    """name: what is compared; source: repository and function; error: largest difference."""

    name: str
    source: str
    tolerance: float
    error: Callable[[], float]


def load(name: str) -> dict[str, np.ndarray]:
    """Arrays of a reference file."""
    with np.load(REFERENCE / f"{name}.npz") as data:
        return dict(data)


def tensor(array: np.ndarray) -> Tensor:
    """float64 tensor."""
    return torch.from_numpy(np.array(array, dtype=np.float64))


def worst(ours: Sequence[Tensor] | Tensor, theirs: np.ndarray) -> float:
    """Largest difference, relative to the largest value of theirs where that exceeds 1."""
    stacked = ours if isinstance(ours, Tensor) else torch.stack(list(ours))
    theirs = np.asarray(theirs, dtype=np.float64)
    if stacked.shape != theirs.shape:
        raise ValueError(f"shapes differ: {tuple(stacked.shape)}, {theirs.shape}")
    return float(np.abs(stacked.numpy() - theirs).max() / max(1.0, np.abs(theirs).max()))


def wrap(process: Process, prediction: str, network: Network, clip: float | None = None) -> Denoise:
    """The official function as a denoiser; clip: bound of the estimate of x0."""

    def denoise(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        time = number(t)
        abs_ = (process.a(time), process.b(time), process.s(time))
        degraded = torch.zeros_like(x) if y is None else y
        o = network(x, degraded, t)
        x0 = to_x0(weights(prediction, process, time), abs_, o, x, degraded)
        return Estimate(x0 if clip is None else x0.clamp(-clip, clip))

    return denoise


def states(
    denoise: Denoise,
    process: Process,
    solver: Solver,
    times: Sequence[float],
    x: Tensor,
    y: Tensor | None,
    noise: Tensor,
) -> tuple[list[Tensor], list[Tensor]]:
    """Every state, the start first, and every estimate; draw k takes entry k - 1 of the noise."""
    found, estimates = [x], []

    def watch(number: int, x: Tensor, estimate: Estimate) -> None:
        found.append(x)
        estimates.append(estimate.x0)

    plan = solver.plan(process, times)
    run_plan(denoise, x, plan, y=y, draw=lambda k: noise[k - 1], watch=watch)
    return found, estimates
