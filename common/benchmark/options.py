"""The flags that the commands of benchmarks share, in the three groups in which they stand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from undrift.common.option_types import Names

Command = TypeVar("Command", bound=Callable[..., Any])


def choosing_options(
    *, split: str, rows: str, count: str, most: int | None = None
) -> Callable[[Command], Command]:
    """Adds split, rows, methods and count. All but `most`, the largest count, are helps."""
    return _added(
        click.option(
            "--split", type=click.Choice(["test", "validation"]), default="test",
            show_default=True, help=split,
        ),
        click.option("--row", "rows", multiple=True, help=rows),
        click.option(
            "--method", "methods", type=Names(), help="By commas. Default: all that run here."
        ),
        click.option("--count", type=click.IntRange(1, most), help=count),
    )  # fmt: skip


def keeping_options(command: Command) -> Command:
    """Adds save and overwrite."""
    return _added(
        click.option(
            "--save", type=click.Path(path_type=Path), help="Folder that keeps every score."
        ),
        click.option("--overwrite", is_flag=True, help="Measure again what --save holds."),
    )(command)


def showing_options(item: str = "item") -> Callable[[Command], Command]:
    """Adds as_json, verbose and quiet. item: what is measured, for the help."""
    return _added(
        click.option("--json", "as_json", is_flag=True, help="JSON lines instead of the table."),
        click.option("-v", "--verbose", is_flag=True, help=f"Also every {item}."),
        click.option("-q", "--quiet", is_flag=True, help="No progress."),
    )


def _added(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate
