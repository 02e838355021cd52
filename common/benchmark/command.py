"""What the commands of benchmarks do with a plan: measure it, show it, tell what failed."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from undrift.common.benchmark.loop import Watch, run
from undrift.common.benchmark.plan import Plan
from undrift.common.benchmark.sheet import Sheet
from undrift.common.console import Console
from undrift.common.errors import PartialFailure
from undrift.common.metrics.score_table import ItemScore


def carry_out(
    asked: Plan,
    sheet: Sheet,
    *,
    save: Path | None,
    overwrite: bool,
    as_json: bool,
    verbose: bool,
    quiet: bool,
    then: Callable[[Console], object] = lambda console: None,
) -> None:
    """Measures what is asked for and prints it; the flags are those of `options`.

    then: called when the scores are shown. Raises PartialFailure where one of them failed.
    """
    console = Console(quiet, verbose, as_json)
    tell_left_out(console, asked.missing)
    watch = watcher(console, sheet.said)
    scores = list(run(asked, save=save, fresh=overwrite, watch=watch))
    if as_json:
        show_records(sheet.records(asked, scores, verbose))
    else:
        click.echo(sheet.as_text(asked, scores))
    then(console)
    raise_failed(scores)


def tell_left_out(console: Console, missing: Mapping[str, str]) -> None:
    """Says which methods cannot run here, and why."""
    for name, reason in missing.items():
        console.note(f"left out {name}: {reason}")


def watcher(console: Console, said: Callable[[ItemScore], str]) -> Watch:
    """Tells each score in the words of `said`, failures even when quiet."""

    def watch(entry: ItemScore) -> None:
        say = console.error if entry.error else console.note
        say(f"{entry.setting}  {entry.item}  {entry.method}  {said(entry)}")

    return watch


def all_scores(entry: ItemScore) -> str:
    """Why an item failed, or every score of it."""
    return entry.error or ", ".join(f"{k} {v:.4g}" for k, v in entry.scores.items())


def show_records(records: Iterable[Mapping[str, Any]]) -> None:
    """One JSON line a record on standard output."""
    for record in records:
        click.echo(json.dumps(record, default=str))


def raise_failed(scores: Sequence[ItemScore]) -> None:
    """Raises PartialFailure with the number of failed scores and the first of them."""
    failed = [entry for entry in scores if entry.error]
    if failed:
        first = failed[0]
        raise PartialFailure(
            f"{len(failed)} of {len(scores)} scores failed, the first: {first.setting} "
            f"{first.item} {first.method}: {first.error}"
        )
