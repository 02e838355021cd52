"""Where a table of scores goes: text or JSON lines on standard output, CSV in a file."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import click

from undrift.common.errors import PartialFailure, UsageError
from undrift.common.files import write_text
from undrift.common.metrics.pairs import Pairs
from undrift.common.metrics.score_table import Table
from undrift.common.metrics.score_text import as_text


def show(table: Table, as_json: bool, verbose: bool, groups: Sequence[Table] = ()) -> None:
    """Prints the table on stdout and raises PartialFailure if something in it failed.

    groups: tables of the same scores by group, of which only the summaries are shown.
    """
    if as_json:
        summaries = (r for group in groups for r in group.records() if r["record"] == "method")
        for record in (*table.records(), *summaries):
            click.echo(json.dumps(record))
    else:
        for shown in (table, *groups):
            click.echo(as_text(shown, items=verbose and shown is table))
    if table.failed:
        raise PartialFailure(
            f"{len(table.failed)} of {len(table.scores)} scores failed, the first: "
            f"{table.failed[0].item}: {table.failed[0].error}"
        )


def tell_unmatched(pairs: Pairs, noun: str) -> None:
    """Says on stderr which files had no partner."""
    for names, what in (
        (pairs.without_reference, "without reference"),
        (pairs.without_restored, f"without restored {noun}"),
    ):
        if names:
            shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
            click.echo(f"undrift: {len(names)} {what}, not scored: {shown}", err=True)


def check_csv(path: Path | None, overwrite: bool) -> None:
    """Raises UsageError if `path` exists and may not be replaced."""
    if path is not None and path.exists() and not overwrite:
        raise UsageError(f"{path} exists; give --overwrite or another name")


def write_csv(path: Path, table: Table) -> None:
    """One line an entry: item, setting, method, every metric, error; whole or not at all."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["item", "setting", "method", *table.metrics, "error"])
    for entry in table.scores:
        values = [entry.scores.get(name, "") for name in table.metrics]
        writer.writerow([entry.item, entry.setting, entry.method, *values, entry.error or ""])
    write_text(path, buffer.getvalue())
