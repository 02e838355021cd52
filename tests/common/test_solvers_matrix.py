"""Every process x solver x prediction x number of calls stays finite, in every precision.

The network is a small nonlinear one that knows nothing, which is harsher than a trained one: what
it says at a singular end is as wrong as can be. Noise-form SDEs may grow at few steps, never
overflow. The full matrix is slow; by default a sample covers every pair of choices.
"""

import functools
import itertools

import pytest
import torch
from torch import Tensor, nn

from undrift.common.denoisers import Denoiser, Scaling
from undrift.common.grids import build_grid
from undrift.common.predictions import PREDICTIONS
from undrift.common.processes import PROCESSES, Process
from undrift.common.processes.process import start
from undrift.common.solvers import SOLVERS, Step, build_solver
from undrift.common.solvers.loop import run_plan

COUNTS = (1, 2, 3, 5, 20)
PRECISIONS = ("float32", "float64", "bfloat16")
SIGMA_D = 0.25
AXES = (tuple(PROCESSES), tuple(SOLVERS), tuple(PREDICTIONS), COUNTS, PRECISIONS)
Choice = tuple[str, str, str, int, str]


class Small(nn.Module):
    """Bounded, nonlinear in the state and the time; bfloat16 is on this side only."""

    def __init__(self, dtype: torch.dtype):
        super().__init__()
        self.dtype = dtype

    def forward(self, inputs: Tensor, psi: Tensor, level: Tensor | None) -> Tensor:
        x, y = inputs.to(self.dtype).chunk(2, 1)
        wave = torch.sin(3 * x) * torch.cos(psi.to(self.dtype))[:, None, None, None]
        return (torch.tanh(1.3 * x - 0.4 * y) + 0.2 * wave).to(inputs.dtype)


@functools.cache
def process(name: str) -> Process:
    return PROCESSES[name]()


@functools.cache
def plan(name: str, solver: str, count: int) -> list[Step]:
    path, chosen = process(name), build_solver(solver)
    return chosen.plan(path, build_grid("auto", path, count, SIGMA_D, order=chosen.order))


@functools.cache
def noise(number: int) -> Tensor:
    generator = torch.Generator().manual_seed(number)
    return torch.randn(1, 1, 3, 3, generator=generator, dtype=torch.float64)


def end(choice: Choice) -> Tensor:
    name, solver, prediction, count, precision = choice
    state = torch.float64 if precision == "float64" else torch.float32
    inside = torch.bfloat16 if precision == "bfloat16" else state
    denoiser = Denoiser(Small(inside), process(name), prediction, Scaling(SIGMA_D))
    y = (0.5 + 0.2 * noise(-1)).to(state)
    return run_plan(
        denoiser,
        start(process(name), y, noise(0).to(state)),
        plan(name, solver, count),
        y=y,
        draw=lambda k: noise(k).to(state),
    )


def broken(choices: list[Choice]) -> list[str]:
    with torch.inference_mode():
        return [str(choice) for choice in choices if not bool(end(choice).isfinite().all())]


def covering() -> list[Choice]:
    """Each process with each solver; the rest goes round so that every other pair occurs too."""
    predictions = AXES[2]
    return [
        (name, solver, predictions[(i + j) % len(predictions)], COUNTS[(2 * i + j) % 5],
         PRECISIONS[(i + 2 * j) % 3])
        for i, name in enumerate(PROCESSES)
        for j, solver in enumerate(SOLVERS)
    ]  # fmt: skip


def test_the_sample_covers_every_pair() -> None:
    sample = covering()
    for first, second in itertools.combinations(range(len(AXES)), 2):
        met = {(choice[first], choice[second]) for choice in sample}
        assert met == set(itertools.product(AXES[first], AXES[second])), (first, second)


@pytest.mark.parametrize("name", PROCESSES)
def test_a_covering_sample_stays_finite(name: str) -> None:
    assert not broken([choice for choice in covering() if choice[0] == name])


@pytest.mark.slow
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", PROCESSES)
def test_everything_stays_finite(name: str, solver: str) -> None:
    assert not broken(list(itertools.product((name,), (solver,), *AXES[2:])))
