"""What `undrift benchmark --task all` does with its options."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np

from undrift.common.console import Console
from undrift.common.errors import PartialFailure, UsageError
from undrift.common.metrics.score_table import ItemScore, Table
from undrift.restoration.suite_run import run_suite
from undrift.restoration.suite_table import suite_records, suite_rows, suite_text

MODEL_OPTIONS = ("preset", "steps", "solver")


def suite(
    card: str,
    console: Console,
    save: Path | None,
    report: Path | None,
    overwrite: bool,
    given: Mapping[str, Any],
) -> None:
    """Runs the rows and prints their table; keeps scores in `save`, goes on from them.

    Raises:
        UsageError: the report exists. PartialFailure: a method failed on a picture.
    """
    if report is not None and report.exists() and not overwrite:
        raise UsageError(f"{report} exists; give --overwrite or another name")
    settings = {key: value for key, value in given.items() if value not in (None, ())}
    options = {key: settings.pop(key) for key in MODEL_OPTIONS if key in settings}

    def watch(
        entry: ItemScore, clean: np.ndarray, degraded: np.ndarray, restored: np.ndarray | None
    ) -> None:
        said = entry.error or ", ".join(f"{k} {v:.4g}" for k, v in entry.scores.items())
        say = console.error if entry.error else console.note
        say(f"{entry.setting}  {entry.item}  {entry.method}  {said}")

    table = run_suite(
        card, options=options, save=save, fresh=overwrite, watch=watch, note=console.note,
        **settings,
    )  # fmt: skip
    if console.as_json:
        for record in suite_records(table, items=console.verbose):
            click.echo(json.dumps(record))
    else:
        click.echo(suite_text(table, items=console.verbose))
    if report is not None:
        _write_page(report, table)
        console.note(f"report: {report}")
    if table.failed:
        first = table.failed[0]
        raise PartialFailure(
            f"{len(table.failed)} of {len(table.scores)} scores failed, the first: {first.setting} "
            f"{first.item} {first.method}: {first.error}"
        )


def _write_page(path: Path, table: Table) -> None:
    from undrift.common.metrics.score_text import comparison_lines, summary_rows
    from undrift.common.report import Report, ReportTable, write_report

    tables = []
    for record in suite_rows(table):
        head, *body = summary_rows(table, record["row"])
        note = "; ".join(comparison_lines(table, record["row"]))
        measured = [row for row in body if row[-2] != "0"]
        tables.append(ReportTable(record["label"], head, measured, note))
    write_report(path, Report(table.title, table.settings, (), tables))
