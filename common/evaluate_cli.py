"""The command `evaluate`: which domain scores a file is told by its suffix."""

import importlib
from collections import Counter
from pathlib import Path
from typing import Any

import click

from undrift.common.errors import UsageError
from undrift.common.option_types import Names

# Modules with `KIND` (noun and suffixes), `evaluate` and `OPTIONS`, the flags of its own. By name:
# `common` imports no domain.
DOMAINS = {
    "restoration": "undrift.restoration.evaluate",
    "speech": "undrift.speech.metrics.files",
}


def domain_of(place: Path) -> Any:
    """The module for the files at `place`, by their most frequent kind; none are pictures."""
    modules = [importlib.import_module(name) for name in DOMAINS.values()]
    files = [place] if place.is_file() else place.rglob("*")
    suffixes = Counter(path.suffix.lower() for path in files)
    return max(modules, key=lambda module: sum(suffixes[s] for s in set(module.KIND.suffixes)))


@click.command()
@click.argument("restored", metavar="PRED", type=click.Path(path_type=Path))
@click.option("--ref", "reference", required=True, type=click.Path(path_type=Path), help="Truth.")
@click.option("--metrics", type=Names(), help="By commas. Pictures: psnr,ssim; sound: all.")
@click.option(
    "--crop-border", type=click.IntRange(0), default=0, help="Pixels left out (pictures)."
)
@click.option("--by", help="Also by group: folder, or a CSV file of lines file,group.")
@click.option(
    "--bootstrap", type=click.IntRange(100), default=2000, show_default=True, help="Resamples."
)
@click.option("--csv", "csv_file", type=click.Path(path_type=Path), help="Also a CSV file.")
@click.option("--overwrite", is_flag=True, help="Let --csv replace what exists.")
@click.option("--json", "as_json", is_flag=True, help="JSON lines instead of the table.")
@click.option("-v", "--verbose", is_flag=True, help="Also the score of every file.")
def evaluate(
    restored: Path,
    reference: Path,
    metrics: tuple[str, ...] | None,
    by: str | None,
    bootstrap: int,
    csv_file: Path | None,
    overwrite: bool,
    as_json: bool,
    verbose: bool,
    **own: Any,
) -> None:
    """Score restored pictures or sound PRED (a file or a folder) against references.

    \b
    undrift evaluate out --ref truth
    undrift evaluate out --ref truth --metrics psnr_y,ssim_y --crop-border 4 --json
    undrift evaluate out --ref truth --by folder --bootstrap 10000
    undrift evaluate enhanced --ref clean --metrics si_sdr,estoi --csv scores.csv
    """
    from undrift.common.metrics.pairs import by_group
    from undrift.common.metrics.score_output import check_csv, show, tell_unmatched, write_csv

    check_csv(csv_file, overwrite)
    domain = domain_of(restored)
    settings: dict[str, Any] = {name: own[name] for name in domain.OPTIONS}
    if strangers := [name for name, value in own.items() if value and name not in settings]:
        flags = ", ".join("--" + name.replace("_", "-") for name in strangers)
        raise UsageError(f"{flags} does not fit a {domain.KIND.noun}; leave it out")
    if metrics is not None:
        settings["metrics"] = metrics
    table, pairs = domain.evaluate(restored, reference, resamples=bootstrap, **settings)
    groups = [] if by is None else [by_group(table, by)]
    tell_unmatched(pairs, domain.KIND.noun)
    if csv_file is not None:
        write_csv(csv_file, table)
    show(table, as_json, verbose, groups)
