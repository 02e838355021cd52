"""Time of the machinery around a network over the bare network, and absolute times.

Slow, since other work on the machine reaches into it; `test_operations.py` counts the same.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from cost import Prepare, cost_over_network, one_thread
from loops import SIDE, default_model, ours, theirs

from undrift.common.noise import Noise

pytestmark = pytest.mark.slow


def test_a_run_costs_hardly_more_than_its_network_calls() -> None:
    ratio = cost_over_network(*default_model(), rounds=7)
    print(f"five calls of the default super-resolver over the bare network: {ratio:.4f}")
    assert ratio < 1.02


def test_time_of_the_default_super_resolver(benchmark: Any) -> None:
    run, _ = default_model()
    with one_thread():
        benchmark(run)


@pytest.mark.parametrize(
    ("loop", "name"),
    [(ours, "ddim"), (theirs, "DDIMScheduler"), (theirs, "FlowMatchEulerDiscreteScheduler")],
)
def test_time_of_a_loop(benchmark: Any, name: str, loop: Callable[..., Prepare]) -> None:
    prepare = loop(name, (1, 3, SIDE, SIDE))
    with one_thread():
        benchmark.pedantic(lambda run: run(), setup=lambda: ((prepare(),), {}), rounds=50)


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
