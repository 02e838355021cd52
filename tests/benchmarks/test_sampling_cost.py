"""What the machinery around a network costs over the bare network.

The ratio runs by default; `--slow` adds absolute times by pytest-benchmark.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from cost import Prepare, Run, Timed, cost_over_network, one_thread
from loops import ours, plan, theirs

from undrift.common.noise import Noise
from undrift.common.solvers.loop import run_plan
from undrift.common.training.recipes import read_recipe

SIDE = 256


def default_model() -> tuple[Run, Timed]:
    """A run of five calls with the default super-resolver, and its network."""
    recipe = read_recipe("leaves-sr")
    torch.manual_seed(0)
    denoiser = recipe.settings({}).build().eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    denoiser.network = Timed(denoiser.network)
    steps = plan(denoiser, "ddim")
    y, level = torch.rand(1, 3, SIDE, SIDE), torch.tensor([[1.0]])
    return lambda: run_plan(denoiser, y, steps, y=y, level=level), denoiser.network


def test_a_run_costs_hardly_more_than_its_network_calls() -> None:
    ratio = cost_over_network(*default_model(), rounds=7)
    print(f"five calls of the default super-resolver over the bare network: {ratio:.4f}")
    assert ratio < 1.02


@pytest.mark.slow
def test_time_of_the_default_super_resolver(benchmark: Any) -> None:
    run, _ = default_model()
    with one_thread():
        benchmark(run)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loop", "name"),
    [(ours, "ddim"), (theirs, "DDIMScheduler"), (theirs, "FlowMatchEulerDiscreteScheduler")],
)
def test_time_of_a_loop(benchmark: Any, name: str, loop: Callable[..., Prepare]) -> None:
    prepare = loop(name, (1, 3, SIDE, SIDE))
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
