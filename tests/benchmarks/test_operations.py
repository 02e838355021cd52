"""What a step costs beside the network, counted: no load of the machine can change it.

Operations on tensors, and elements that they read and write, of five steps around a network that
does nothing. `test_overhead.py` and `test_sampling_cost.py` have the same as times.
"""

import math

import pytest
import torch
from cost import Counted, Work, counted
from loops import CALLS, SCHEDULERS, default_model, every, ours, theirs
from torch.utils.flop_counter import FlopCounterMode

SHAPES = [(1, 3, 256, 256), (8, 3, 64, 64)]
pytestmark = pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")


def no_more(mine: Work, other: Work, shape: tuple[int, ...]) -> bool:
    """Elements are compared in passes over the state: telling a network the time costs (b,)."""
    extra = (mine.elements - other.elements) / math.prod(shape)
    return mine.operations <= other.operations and extra < 1e-3


@pytest.mark.parametrize("process", ["variance-preserving", "flow"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_step_does_no_more_than_the_cheapest_of_diffusers(
    shape: tuple[int, ...], process: str
) -> None:
    mine = counted(ours("ddim", shape, process))
    rivals = {name: counted(prepare) for name, prepare in every(shape).items()}
    print(mine, rivals)
    assert mine.operations <= 15  # of five calls: one to tell the network the time, two to move
    assert {name: w for name, w in rivals.items() if not no_more(mine, w, shape)} == {}


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_each_solver_does_no_more_than_its_like(shape: tuple[int, ...], scheduler: str) -> None:
    mine, other = counted(ours(SCHEDULERS[scheduler], shape)), counted(theirs(scheduler, shape))
    print(mine, other)
    assert no_more(mine, other, shape)


def test_a_run_does_hardly_more_than_its_network_calls() -> None:
    """The default super-resolver; what of its time that takes is measured in the slow tests.

    Beside each call are nine operations, with less than one flop for an element touched.
    """
    run, network = default_model()
    run()
    work, flops = Counted(), FlopCounterMode(display=False)
    work.apart(network)
    with torch.inference_mode(), flops, work:
        run()
    print(work.outer, work.inner, flops.get_total_flops())
    assert work.outer.operations <= 9 * CALLS
    assert work.outer.elements < 0.03 * work.inner.elements
    assert work.outer.elements < 0.002 * flops.get_total_flops()
