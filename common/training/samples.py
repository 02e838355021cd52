"""Which samples a process sees: sample n of a run is a function of (data seed, n) alone.

Optimisation step k of a run with R processes, batch B and M accumulated parts uses the samples
((k M + m) R + r) B + j. So two processes see what one with the doubled batch sees, and a resumed
run goes on with the next sample.
"""

import signal
from collections.abc import Iterator

from torch.utils.data import DataLoader, Dataset, Sampler

from undrift.common.training.recipe import Schedule


class Numbers(Sampler[int]):
    """Sample numbers of process `rank` of `processes` for the steps first <= k < last."""

    def __init__(self, schedule: Schedule, first: int, last: int, rank: int, processes: int):
        self.schedule, self.first, self.last = schedule, first, last
        self.rank, self.processes = rank, processes

    def __iter__(self) -> Iterator[int]:
        batch, accumulate = self.schedule.batch, self.schedule.accumulate
        for part in range(self.first * accumulate, self.last * accumulate):
            base = (part * self.processes + self.rank) * batch
            yield from range(base, base + batch)

    def __len__(self) -> int:
        return (self.last - self.first) * self.schedule.accumulate * self.schedule.batch


def open_loader(dataset: Dataset, numbers: Numbers) -> DataLoader:
    """Batches of the dataset in the order of `numbers`."""
    schedule = numbers.schedule
    return DataLoader(
        dataset,
        batch_size=schedule.batch,
        sampler=numbers,
        num_workers=schedule.workers,
        worker_init_fn=_leave_interrupts_to_the_run,
    )


def _leave_interrupts_to_the_run(worker: int) -> None:
    """Ctrl-C reaches every process of a terminal; the run still needs the rest of its step."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
