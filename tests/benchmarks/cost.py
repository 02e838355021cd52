"""Costs as ratios within one run: two pieces of work in turn, processor time on one thread."""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch


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


Run = Callable[[], object]
Prepare = Callable[[], Run]  # what it does is not counted


def cost_ratio(work: Prepare, yardstick: Prepare, rounds: int) -> float:
    """Median over rounds of the time of `work` over that of `yardstick`, run in turn."""
    with one_thread():
        for prepared in (work(), yardstick()):
            prepared()
        return statistics.median(_time(work()) / _time(yardstick()) for _ in range(rounds))


def _time(run: Run) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began
