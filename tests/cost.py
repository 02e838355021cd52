"""Costs of a piece of work: counted, which nothing disturbs, and timed as ratios within one run.

Counted are the operations on tensors and the elements they read and write. Times are processor
time on one thread. Other work on the machine slows caches and memory for a while, so two pieces of
work are never timed apart: the network within a run is timed inside it, and rivals run in turn many
times, of which the least disturbed ones count.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

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


@dataclass
class Work:
    """Operations on tensors, and the elements they read and wrote; views are free."""

    operations: int = 0
    elements: int = 0


class Counted(TorchDispatchMode):
    """Counts the work done while it is active; inside `apart` it goes to `inner` instead."""

    def __init__(self) -> None:
        super().__init__()
        self.outer, self.inner = Work(), Work()
        self._now = self.outer

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        aliases = [value.alias_info for value in func._schema.returns]
        if not any(alias is not None and not alias.is_write for alias in aliases):
            touched = tree_leaves((args, kwargs, out))
            self._now.operations += 1
            self._now.elements += sum(v.numel() for v in touched if isinstance(v, Tensor))
        return out

    def apart(self, network: nn.Module) -> None:
        """From now on the work of the network's calls is counted in `inner`."""
        network.register_forward_pre_hook(lambda *_: setattr(self, "_now", self.inner))
        network.register_forward_hook(lambda *_: setattr(self, "_now", self.outer))


def counted(prepare: Prepare) -> Work:
    """The work of a run; a first one, not counted, does what happens only once."""
    prepare()()
    run = prepare()
    with torch.inference_mode(), Counted() as work:
        run()
    return work.outer


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
