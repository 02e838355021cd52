"""Jobs on a cluster of dask: `--scheduler ADDRESS` instead of `--workers N`.

    dask scheduler                       # on one machine; says tcp://10.0.0.1:8786
    dask worker tcp://10.0.0.1:8786      # on each of the others
    undrift denoise scans/ -o clean/ --scheduler tcp://10.0.0.1:8786

All machines see the same disks, and have the same undrift. A worker does one job at a time a
process. A job whose worker dies goes to another one; a job that fails for a reason which may pass
(the disk, the memory) is tried again. Since an output is whole or absent and depends on nothing but
its input and options, a job done twice is no harm.
"""

import os
import secrets
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from undrift.common.errors import UsageError, require
from undrift.common.outputs import Job
from undrift.common.pool import Work, attempt

TRIES = 3
_SECONDS = "10s"  # to find the scheduler
PASSING = ("OSError", "TimeoutError", "ConnectionError", "MemoryError", "WorkerDied")
_ONE = threading.Lock()  # a worker of several threads still does one job at a time

Given = TypeVar("Given")
Outcome = dict[str, Any]


def spread(
    work: Work, jobs: Sequence[Job], before: Callable[[Job], None], address: str
) -> Generator[tuple[Job, Outcome]]:
    """Does the jobs on the cluster at `address` and yields them as they end.

    Closing the generator early takes back what has not begun. Raises UsageError where no scheduler
    answers, or none of its workers is there; MissingExtraError without `distributed`.
    """
    yield from scatter(_Task(work), [(job, _absolute(job)) for job in jobs], before, address)


def scatter(
    call: Callable[[Any], Outcome],
    jobs: Sequence[tuple[Given, Any]],
    before: Callable[[Given], None],
    address: str,
) -> Generator[tuple[Given, Outcome]]:
    """As `spread`, of any picklable `call`, which gets the second of each pair.

    An outcome is a dictionary with `status`; one that failed is tried again where `kind` says that
    the reason may pass.
    """
    with _client(address) as client:
        from distributed import as_completed

        running: dict[Any, tuple[Given, Any, int]] = {}

        alone = _Alone(call)

        def submit(given: Given, argument: Any, tries: int) -> Any:
            future = client.submit(alone, argument, key=f"undrift-{secrets.token_hex(8)}")
            running[future] = (given, argument, tries)
            return future

        for given, _ in jobs:
            before(given)
        first = [submit(given, argument, 1) for given, argument in jobs]
        ended = as_completed(first, loop=client.loop)
        try:
            for future in ended:
                given, argument, tries = running.pop(future)
                outcome = _outcome(future)
                if outcome["status"] == "failed" and tries < TRIES and outcome["kind"] in PASSING:
                    ended.add(submit(given, argument, tries + 1))
                    continue
                yield given, outcome if tries == 1 else {**outcome, "tries": tries}
        finally:
            client.cancel(list(running))


class _Alone:
    """A call in the folder that relative paths are meant from, one at a time a process."""

    def __init__(self, call: Callable[[Any], Outcome]) -> None:
        self.call, self.folder = call, os.getcwd()

    def __call__(self, argument: Any) -> Outcome:
        with _ONE:
            here = os.getcwd()
            try:
                os.chdir(self.folder)
            except OSError as error:
                text = f"a worker cannot see {self.folder} ({error.strerror}); share the disk"
                return {"status": "failed", "error": text, "kind": type(error).__name__}
            try:
                return self.call(argument)
            finally:
                os.chdir(here)


class _Task:
    """What a worker runs of a folder of files: one job."""

    def __init__(self, work: Work) -> None:
        self.work = work

    def __call__(self, job: Job) -> Outcome:
        return attempt(self.work, job)


def _absolute(job: Job) -> Job:
    """The same job for a process that may have begun in another folder."""
    item = replace(job.item, source=Path(os.path.abspath(job.item.source)))
    target, folder = (Path(os.path.abspath(path)) for path in (job.target, job.folder))
    return replace(job, item=item, target=target, folder=folder)


def _outcome(future: Any) -> Outcome:
    error = future.exception()
    if error is None:
        return future.result()
    kind = type(error).__name__
    text = " ".join(str(error).split())[:300]
    if kind in ("KilledWorker", "CancelledError", "FutureCancelledError"):
        kind, text = "WorkerDied", f"the workers that held it died ({text})"
    return {"status": "failed", "error": text, "kind": kind}


def _client(address: str) -> Any:
    distributed = require("distributed")
    try:
        client = distributed.Client(address, timeout=_SECONDS, set_as_default=False)
    except (OSError, ValueError, RuntimeError) as error:
        text = " ".join(str(error).split())[:200]
        raise UsageError(
            f"--scheduler {address}: no scheduler answers ({text}); start one with: dask scheduler"
        ) from error
    if not client.scheduler_info()["workers"]:
        client.close()
        raise UsageError(
            f"--scheduler {address}: has no workers; start some with: dask worker {address}"
        )
    return client
