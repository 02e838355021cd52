"""The loop of every restoring command: items in, files and records out.

It decides for each item whether it is done (its manifest line matches), kept (something else lies
at the target), planned (a dry run) or to be made; one bad file never stops the others; running the
same command again goes on where it stopped, however it stopped.
"""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from undrift.common import cluster, pool
from undrift.common.console import Console, Progress
from undrift.common.errors import UsageError
from undrift.common.files import clean_leftovers, fingerprint
from undrift.common.items import Item, Whole, collect
from undrift.common.journal import Journal, recover
from undrift.common.manifest import EMPTY, Manifest, Record
from undrift.common.outputs import Job, plan
from undrift.common.pool import Work
from undrift.common.run_options import RunOptions
from undrift.common.shards import in_shard
from undrift.common.summary import failure, summarise


def run_items(
    work: Work,
    options: RunOptions,
    *,
    suffixes: Collection[str],
    model: str = "",
    weights: str = "",
    extension: Callable[[str], str] | None = None,
    estimate: Callable[[Item], Mapping[str, Any]] | None = None,
    report: Callable[[Sequence[Record]], None] | None = None,
    about: str = "",
    whole: Whole | None = None,
    place: Callable[[Item], Path] | None = None,
) -> list[Record]:
    """Runs `work` on every item of `options.inputs` and returns all records.

    work: called as `work(item, target)`, see `pool.Work`; must be picklable for `workers > 1`.
    suffixes: which files of a folder are inputs. model, weights: the resolved model's id and
    `sha256:...` (compared on resume). extension: input suffix -> output suffix. estimate: more
    fields for the records of a dry run. report: called with the records before failures are
    raised. about: said at the start, after the number of items. whole: which folders are one item.
    place: the path of an item's output below the folder of outputs, instead of the template.
    Raises InputError and UsageError before any work; PartialFailure when items failed, or the
    more exact OutOfMemoryError, MissingExtraError when that alone is why.
    """
    if options.scheduler is not None and options.workers > 1:
        raise UsageError("--scheduler and --workers exclude each other: the cluster has its own")
    console = Console(options.quiet, options.verbose, options.as_json)
    items = collect(options.inputs, suffixes, skip=options.output, whole=whole)
    jobs = _plan(items, options, suffixes, model, extension, console, place)
    run = _Run(work, options, model, weights, console, jobs)
    if not options.dry_run:
        run.repair()
    what = f"{len(jobs)} item{'s' * (len(jobs) != 1)}"
    console.note(", ".join(filter(None, [what, about or model, f"seed {options.seed}"])))
    records = run.execute(estimate)
    if report is not None and not options.dry_run:
        report(records)
    run.finish(records)
    return records


def _plan(
    items: list[Item],
    options: RunOptions,
    suffixes: Collection[str],
    model: str,
    extension: Callable[[str], str] | None,
    console: Console,
    place: Callable[[Item], Path] | None = None,
) -> list[Job]:
    fresh = _without_own_outputs(items, options)
    if len(fresh) < len(items):
        console.note(f"{len(items) - len(fresh)} earlier outputs of this command left out")
    fields: dict[str, object] = {"task": options.task, "model": model, "seed": options.seed}
    jobs = plan(
        fresh,
        options.output,
        suffixes=suffixes,
        name=options.name,
        fields=fields,
        extension=extension,
        place=place,
    )
    if options.shard is None:
        return jobs
    return [job for job in jobs if in_shard(job.item.key, options.shard)]


def _without_own_outputs(items: list[Item], options: RunOptions) -> list[Item]:
    """Leaves out what an earlier run of the same verb wrote beside its inputs."""
    if not options.output.is_dir() or (len(items) == 1 and items[0].named):
        return items
    written = Manifest(options.output).written.values()
    own = {
        os.path.realpath(options.output / record["file"])
        for record in written
        if record.get("task") == options.task
    }
    return [item for item in items if os.path.realpath(item.source) not in own]


class _Run:
    """One call of `run_items` after its plan is made."""

    def __init__(
        self,
        work: Work,
        options: RunOptions,
        model: str,
        weights: str,
        console: Console,
        jobs: Sequence[Job],
    ) -> None:
        self.work, self.options, self.console, self.jobs = work, options, console, jobs
        self.model, self.weights = model, weights
        self.folder = jobs[0].folder if jobs else options.output
        self.manifest = Manifest(self.folder)
        self.when = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        self.id = fingerprint([os.getpid(), time.time_ns(), options.output])

    def repair(self) -> None:
        """Settles what killed runs left behind."""
        if recovered := recover(self.manifest):
            self.console.note(f"{len(recovered)} finished outputs of an interrupted run recorded")
        for folder in {job.target.parent for job in self.jobs}:
            clean_leftovers(folder)

    def execute(self, estimate: Callable[[Item], Mapping[str, Any]] | None) -> list[Record]:
        """All records: of items left as they are first, then of those made."""
        bases = {job: self._base(job) for job in self.jobs}
        records, todo = [], []
        for job, base in bases.items():
            status = self._decide(job, base)
            if not status:
                todo.append(job)
                continue
            if status["status"] == "planned" and estimate is not None:
                status.update(estimate(job.item))
            records.append({**base, **status})
            self.console.record(records[-1])
            self._tell(records[-1])
        if not todo:
            return records
        journal = Journal(self.folder)
        outcomes = self._outcomes(todo, lambda job: journal.note(bases[job], job.target))
        try:
            with contextlib.closing(outcomes):
                for job, outcome in outcomes:
                    records.append(self._keep({**bases[job], **outcome}))
                    if outcome["status"] == "failed" and self.options.fail_fast:
                        break
        finally:
            journal.close(self.manifest)
        return records

    def _keep(self, record: Record) -> Record:
        self.manifest.append(record)
        self.console.record(record)
        if record["status"] == "failed":
            if record["kind"] == UsageError.__name__:  # the command is wrong, not the item
                raise UsageError(record["error"])
            self.console.error(record["error"])
        self._tell(record)
        return record

    def _tell(self, record: Record) -> None:
        """A line for each item when it is only planned, or when details were asked for."""
        say = self.console.note if record["status"] == "planned" else self.console.detail
        say(f"{record['status']}: {record['input']} -> {record['output']}")

    def _outcomes(
        self, jobs: list[Job], before: Callable[[Job], None]
    ) -> Generator[tuple[Job, Record]]:
        count = min(self.options.workers, len(jobs))
        with contextlib.ExitStack() as stack:
            stack.enter_context(_threads(self.options.threads, count))
            if self.options.scheduler is not None:
                source = cluster.spread(self.work, jobs, before, self.options.scheduler)
            elif count > 1:
                source = pool.parallel(self.work, jobs, before, count)
            else:
                source = pool.serial(self.work, jobs, before)
            stack.enter_context(contextlib.closing(source))
            progress = stack.enter_context(Progress(self.console, len(jobs)))
            for job, outcome in source:
                progress.step(str(job.item.source))
                yield job, outcome

    def _base(self, job: Job) -> Record:
        found = None
        with contextlib.suppress(OSError):
            found = job.item.source.stat()
        return {
            **EMPTY,
            "input": str(job.item.source),
            "output": str(job.target),
            "task": self.options.task,
            "model": self.model,
            "weights": self.weights,
            "seed": self.options.seed,
            "file": job.file,
            "options": self.options.options_hash(),
            "input_size": found and found.st_size,
            "input_mtime": found and found.st_mtime_ns,
            "run": self.id,
            "when": self.when,
        }

    def _decide(self, job: Job, base: Record) -> Record:
        """The status of an item that needs no work, or nothing."""
        if os.path.lexists(job.target) and not self.options.overwrite:
            why = self.manifest.differs(base, self.options.check_hash)
            if why:
                return {"status": "kept", "error": f"{job.target} {why}"}
            return {"status": "skipped"}
        return {"status": "planned"} if self.options.dry_run else {}

    def finish(self, records: Sequence[Record]) -> None:
        """Says how it went; raises when items failed."""
        for record in records:
            if record["status"] == "kept":
                self.console.note(f"kept: {record['error']}")
        text = summarise(records, len(self.jobs) - len(records), self.options.dry_run)
        if any(record["status"] in ("written", "failed") for record in records):
            text += f" Log: {self.manifest.path}."
        if kind := failure(records):
            raise kind(f"{text} Retry: same command.")
        self.console.note(text)


@contextlib.contextmanager
def _threads(wanted: int | None, workers: int) -> Iterator[None]:
    """Shares the processor among `workers` processes started inside, unless told otherwise."""
    count = wanted or (max(1, (os.cpu_count() or 1) // workers) if workers > 1 else None)
    if count is None:
        yield
        return
    if workers == 1 and "torch" in sys.modules:  # too late for the environment
        sys.modules["torch"].set_num_threads(count)
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, str(count)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
