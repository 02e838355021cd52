"""Costs as ratios within one run, in processor time on one thread.

Other work on the machine slows caches and memory for a while, so two pieces of work are never timed
apart: the network within a run is timed inside it, and rivals run in turn many times, of which the
least disturbed ones count.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
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


def least_times(works: Mapping[str, Prepare], rounds: int, device: str = "cpu") -> dict[str, float]:
    """Least time of each piece of work, in seconds, all run in turn."""
    with one_thread():
        for prepare in works.values():
            prepare()()
        times = [
            {name: _time(prepare(), device) for name, prepare in works.items()}
            for _ in range(rounds)
        ]
    return {name: min(row[name] for row in times) for name in works}


def _time(run: Run, device: str = "cpu") -> float:
    """Processor time, or what passes until an accelerator has done its work."""
    if device == "cpu":
        began = time.process_time()
        run()
        return time.process_time() - began
    torch.cuda.synchronize()
    began = time.perf_counter()
    run()
    torch.cuda.synchronize()
    return time.perf_counter() - began
