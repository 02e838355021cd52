"""Overhead of a step: our loop beside every common scheduler of diffusers and deepinv's solvers.

The network does nothing, so all that is left is what the loop adds to a call. Everything runs in
turn within one test and the least disturbed runs count. Slow, since on a loaded machine even they
may be disturbed; `test_operations.py` counts the same work.
"""

from collections.abc import Mapping

import pytest
from cost import Prepare, least_times
from loops import CALLS, SCHEDULERS, deepinv_loops, every, ours

SHAPES = [(1, 3, 256, 256), (8, 3, 64, 64)]
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array:DeprecationWarning"),
]


def compared(
    own: Mapping[str, Prepare], rivals: Mapping[str, Prepare], device: str, rounds: int
) -> dict[str, float]:
    """Microseconds a step of each loop, printed from the cheapest on."""
    times = least_times({**own, **rivals}, rounds, device)
    steps = {name: seconds / CALLS * 1e6 for name, seconds in times.items()}
    for name, cost in sorted(steps.items(), key=lambda pair: pair[1]):
        print(f"{name:32} {cost:8.1f} us a step")
    return steps


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("device", DEVICES)
def test_a_step_costs_no_more_than_the_cheapest_of_diffusers(
    device: str, shape: tuple[int, ...]
) -> None:
    """The cheapest of theirs is a step of flow matching; like is compared with like."""
    own = {
        "ours on vp": ours("ddim", shape, device=device),
        "ours on flow": ours("ddim", shape, "flow", device),
    }
    cost = compared(own, every(shape, device), device, rounds=100)
    assert cost["ours on flow"] <= min(cost[name] for name in SCHEDULERS)
    of_diffusion = [cost[name] for name in SCHEDULERS if not name.startswith("FlowMatch")]
    assert cost["ours on vp"] <= min(of_diffusion)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("device", DEVICES)
def test_each_solver_costs_no_more_than_its_like(device: str, shape: tuple[int, ...]) -> None:
    own = {solver: ours(solver, shape, device=device) for solver in {*SCHEDULERS.values()}}
    cost = compared(own, every(shape, device), device, rounds=50)
    like = {name: solver for name, solver in SCHEDULERS.items() if not name.startswith("FlowMatch")}
    dearer = {name: cost[solver] / cost[name] for name, solver in like.items()}
    assert {name: ratio for name, ratio in dearer.items() if ratio > 1} == {}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("device", DEVICES)
def test_a_step_costs_no_more_than_the_cheapest_of_deepinv(
    device: str, shape: tuple[int, ...]
) -> None:
    rivals = deepinv_loops(shape, device)
    cost = compared({"ours": ours("ddim", shape, device=device)}, rivals, device, rounds=50)
    assert cost["ours"] <= min(cost[name] for name in rivals)
