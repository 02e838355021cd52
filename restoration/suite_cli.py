"""What `undrift benchmark --task all` does with its options."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np

from undrift.common.benchmark import command
from undrift.common.console import Console
from undrift.common.errors import UsageError
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

    tell = command.watcher(console, command.all_scores)

    def watch(
        entry: ItemScore, clean: np.ndarray, degraded: np.ndarray, restored: np.ndarray | None
    ) -> None:
        tell(entry)

    table = run_suite(
        card, options=options, save=save, fresh=overwrite, watch=watch, note=console.note,
        **settings,
    )  # fmt: skip
    if console.as_json:
        command.show_records(suite_records(table, items=console.verbose))
    else:
        click.echo(suite_text(table, items=console.verbose))
    if report is not None:
        _write_page(report, table)
        console.note(f"report: {report}")
    command.raise_failed(table.scores)


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
