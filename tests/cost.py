"""Costs as ratios within one run, in processor time on one thread.

Other work on the machine slows caches and memory for a while, so two pieces of work are never timed
apart: the network within a run is timed inside it, and rivals run in turn many times, of which the
least disturbed ones count.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

Run = Callable[[], object]
Prepare = Callable[[], Run]  # what it does is not counted


@contextmanager
def one_thread() -> Iterator[None]:
    """Inference on one thread, so that processor time is what the work costs."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_num_threads(before)


class Timed(nn.Module):
    """A network that adds up the time spent in it."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network
        self.seconds = 0.0

    def forward(self, *inputs: Tensor | None) -> Tensor:
        began = time.process_time()
        out = self.network(*inputs)
        self.seconds += time.process_time() - began
        return out


def cost_over_network(run: Run, network: Timed, rounds: int) -> float:
    """Median over rounds of the time of a run over that of the network within it."""
    ratios = []
    with one_thread():
        run()
        for _ in range(rounds):
            network.seconds = 0.0
            ratios.append(_time(run) / network.seconds)
    return statistics.median(ratios)


def cost_ratio(work: Prepare, yardstick: Prepare, rounds: int) -> float:
    """Least time of `work` over least time of `yardstick`, run in turn."""
    with one_thread():
        for prepare in (work, yardstick):
            prepare()()
        pairs = [(_time(work()), _time(yardstick())) for _ in range(rounds)]
    ours, theirs = zip(*pairs, strict=True)
    return min(ours) / min(theirs)


def _time(run: Run) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began
