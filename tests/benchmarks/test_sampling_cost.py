"""What the machinery around a network costs: over the bare network, and beside diffusers' loops.

Ratios run by default; `--slow` adds absolute times by pytest-benchmark.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from cost import Prepare, Run, Timed, cost_over_network, cost_ratio, one_thread
from torch import Tensor, nn

from undrift.common.denoisers import Denoiser, Scaling
from undrift.common.grids import build_grid
from undrift.common.noise import Noise
from undrift.common.processes import build_process
from undrift.common.solvers import Step, build_solver
from undrift.common.solvers.loop import run_plan
from undrift.common.training.recipes import read_recipe

CALLS = 5
SIDE = 256
SCHEDULERS = {"ddim": "DDIMScheduler", "multistep-2": "DPMSolverMultistepScheduler"}  # the same
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


class Nothing(nn.Module):
    """A network that costs nothing."""

    def forward(self, x: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
        return x


def default_model() -> tuple[Run, Timed]:
    """A run of five calls with the default super-resolver, and its network."""
    recipe = read_recipe("leaves-sr")
    torch.manual_seed(0)
    denoiser = recipe.settings({}).build().eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    denoiser.network = Timed(denoiser.network)
    steps = plan(denoiser, "ddim")
    y, level = torch.rand(1, 3, SIDE, SIDE), torch.tensor([[1.0]])
    return lambda: run_plan(denoiser, y, steps, y=y, level=level), denoiser.network


def plan(denoiser: Denoiser, solver: str) -> list[Step]:
    """Five steps of a solver."""
    times = build_grid("angle", denoiser.process, CALLS, denoiser.scaling.sigma_d)
    return build_solver(solver).plan(denoiser.process, times)


def ours(name: str, side: int) -> Prepare:
    """Five steps with a network that does nothing."""
    denoiser = Denoiser(
        Nothing(), build_process("variance-preserving", {}), "eps", Scaling(1.0, centre=0.0)
    )
    steps, x = plan(denoiser, name), torch.randn(1, 3, side, side)
    return lambda: lambda: run_plan(denoiser, x, steps)


def theirs(name: str, side: int) -> Prepare:
    """The loop of diffusers' documentation, with a network that does nothing."""
    import diffusers

    scheduler = getattr(diffusers, SCHEDULERS[name])()
    network, x, psi = Nothing(), torch.randn(1, 3, side, side), torch.zeros(1)

    def prepare() -> Run:
        scheduler.set_timesteps(CALLS)  # also forgets the run before
        return run

    def run() -> Tensor:
        state = x
        for t in scheduler.timesteps:
            state = scheduler.step(network(state, psi), t, state).prev_sample
        return state

    return prepare


def test_a_run_costs_hardly_more_than_its_network_calls() -> None:
    ratio = cost_over_network(*default_model(), rounds=5)
    print(f"five calls of the default super-resolver over the bare network: {ratio:.4f}")
    assert ratio < 1.05


@pytest.mark.parametrize("side", [64, pytest.param(256, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_step_costs_no_more_than_one_of_diffusers(name: str, side: int) -> None:
    ratio = cost_ratio(ours(name, side), theirs(name, side), rounds=100)
    print(f"{name}, {side} x {side}: our step over diffusers': {ratio:.2f}")
    assert ratio < (1.0 if side == 64 else 1.5)  # the larger one is the machine's memory, mostly


@pytest.mark.slow
def test_time_of_the_default_super_resolver(benchmark: Any) -> None:
    run, _ = default_model()
    with one_thread():
        benchmark(run)


@pytest.mark.slow
@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.parametrize("loop", [ours, theirs])
def test_time_of_a_loop(benchmark: Any, name: str, loop: Callable[[str, int], Prepare]) -> None:
    prepare = loop(name, SIDE)
    with one_thread():
        benchmark.pedantic(lambda run: run(), setup=lambda: ((prepare(),), {}), rounds=50)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["counter-based", "torch"])
def test_time_of_noise(benchmark: Any, kind: str) -> None:
    shape = (1, 3, 512, 512)
    generator = torch.Generator().manual_seed(0)
    draws = {
        "counter-based": lambda: Noise(0)(shape),
        "torch": lambda: torch.randn(shape, generator=generator),
    }
    with one_thread():
        benchmark(draws[kind])
