"""Runs a task on items, in this process or in several, one item a process at a time.

A process that dies (the system killed it for lack of memory, a library crashed) costs the item it
held and nothing else: a fresh process takes over. Workers are spawned, not forked, since threads
and CUDA contexts do not survive a fork; so the task must be picklable.
"""

import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Protocol

from undrift.common.errors import UndriftError
from undrift.common.files import sha256_of
from undrift.common.items import Item
from undrift.common.outputs import Job

_LONGEST = 500  # characters of an error
_EXPECTED = (UndriftError, OSError, ValueError, MemoryError, EOFError)


class Work(Protocol):
    """A task on one item: writes `target` (whole or not at all) and returns fields of its record.

    With several workers it travels to other processes: make it a frozen dataclass at module level.
    """

    def __call__(self, item: Item, target: Path) -> Mapping[str, Any]: ...


def serial(
    work: Work, jobs: Sequence[Job], before: Callable[[Job], None]
) -> Generator[tuple[Job, dict[str, Any]]]:
    """Does the jobs in order; `before` is called just before each."""
    for job in jobs:
        before(job)
        yield job, attempt(work, job)


def parallel(
    work: Work, jobs: Sequence[Job], before: Callable[[Job], None], count: int
) -> Generator[tuple[Job, dict[str, Any]]]:
    """Does the jobs in `count` processes and yields them as they end.

    Closing the generator early stops the processes; outputs are whole or absent.
    """
    waiting = deque(jobs)
    workers: list[_Worker] = []

    def start(worker: "_Worker") -> None:
        job = waiting.popleft()
        before(job)
        worker.give(job)
        workers.append(worker)

    try:
        while waiting and len(workers) < count:
            start(_Worker(work))
        while workers:
            ready = wait([worker.pipe for worker in workers])
            for worker in [w for w in workers if w.pipe in ready]:
                job, outcome = worker.take()
                workers.remove(worker)
                if waiting:
                    start(worker if worker.process.is_alive() else _Worker(work))
                else:
                    worker.stop()
                yield job, outcome
    finally:
        for worker in workers:
            worker.process.terminate()
        for worker in workers:
            worker.stop()


def attempt(work: Work, job: Job) -> dict[str, Any]:
    """Does one job; an error becomes `status: failed` with one line that names the file."""
    start = time.perf_counter()
    try:
        fields = dict(work(job.item, job.target))
        size = job.target.stat().st_size
        digest = sha256_of(job.item.source) if job.item.source.is_file() else None
    except Exception as error:
        if os.environ.get("UNDRIFT_DEBUG") == "1":
            traceback.print_exc()
        return {
            "status": "failed",
            "error": _one_line(error, job.item.source),
            "kind": type(error).__name__,
            "seconds": round(time.perf_counter() - start, 3),
        }
    seconds = round(time.perf_counter() - start, 3)
    return {
        "status": "written",
        "seconds": seconds,
        **fields,
        "output_size": size,
        "input_sha256": digest,
    }


def _one_line(error: Exception, source: Path) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError):
        text = text or "not enough memory"
    if not isinstance(error, _EXPECTED):
        text = f"unexpected {type(error).__name__}: {text} (UNDRIFT_DEBUG=1 shows where)"
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."
    return text if str(source) in text else f"{source}: {text or type(error).__name__}"


class _Worker:
    """A process with the task, and the pipe that brings it jobs."""

    def __init__(self, work: Work) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(work, theirs), daemon=True)
        self.process.start()
        theirs.close()  # so that the pipe ends when the process does
        self.job: Job | None = None

    def give(self, job: Job) -> None:
        self.job = job
        self.pipe.send(job)

    def take(self) -> tuple[Job, dict[str, Any]]:
        if self.job is None:
            raise RuntimeError("take() before give()")
        try:
            return self.job, self.pipe.recv()
        except (EOFError, OSError):
            self.stop()
            how = f"the worker process died (exit code {self.process.exitcode})"
            if self.process.exitcode == -9:
                how += ": killed, often for lack of memory; try fewer --workers or a smaller --tile"
            error = f"{self.job.item.source}: {how}"
            return self.job, {"status": "failed", "error": error, "kind": "WorkerDied"}

    def stop(self) -> None:
        self.pipe.close()
        self.process.join(timeout=10)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def _serve(work: Work, pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # lets `write_atomically` tidy up
    while True:
        try:
            job = pipe.recv()
        except (EOFError, OSError):
            return
        outcome = attempt(work, job)
        try:
            pipe.send(outcome)
        except OSError:  # the parent is gone; its notes tell what was written
            return
