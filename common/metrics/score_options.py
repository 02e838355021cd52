"""The flags of commands that score files against references, and what they do in the end."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--by", help="Also by group: folder, or a CSV file of lines file,group."),
    click.option(
        "--bootstrap", type=click.IntRange(100), default=2000, show_default=True, help="Resamples."
    ),
    click.option(
        "--csv", "csv_file", type=click.Path(path_type=Path), help="Every score as CSV, too."
    ),
    click.option("--overwrite", is_flag=True, help="Let --csv replace what exists."),
    click.option("--json", "as_json", is_flag=True, help="JSON lines instead of the table."),
    click.option("-v", "--verbose", is_flag=True, help="Also the score of every file."),
)


def scoring_options(command: Command) -> Command:
    """Adds by, bootstrap, csv_file, overwrite, as_json and verbose to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def tell_scores(
    evaluate: Callable[[int], tuple[Any, Any]],
    noun: str,
    *,
    by: str | None,
    bootstrap: int,
    csv_file: Path | None,
    overwrite: bool,
    as_json: bool,
    verbose: bool,
) -> None:
    """Scores by `evaluate(resamples)`, which returns a table and the pairs of files, and shows it.

    Raises UsageError before anything is scored where the CSV file exists already.
    """
    from undrift.common.metrics.pairs import by_group
    from undrift.common.metrics.score_output import check_csv, show, tell_unmatched, write_csv

    check_csv(csv_file, overwrite)
    table, pairs = evaluate(bootstrap)
    groups = [] if by is None else [by_group(table, by)]
    tell_unmatched(pairs, noun)
    if csv_file is not None:
        write_csv(csv_file, table)
    show(table, as_json, verbose, groups)
