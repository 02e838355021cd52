"""The command `undrift hsi benchmark`."""

import json
from pathlib import Path

import click

from undrift.common.errors import PartialFailure
from undrift.common.option_types import Names


@click.command()
@click.option(
    "--split", type=click.Choice(["test", "validation"]), default="test", show_default=True,
    help="Scenes half of which have a shifted law, or those for choosing settings.",
)  # fmt: skip
@click.option("--row", "rows", multiple=True, help="'pushbroom', 'stripe, 31', ...; repeatable.")
@click.option("--method", "methods", type=Names(), help="By commas. Default: all that run here.")
@click.option("--count", type=click.IntRange(min=1), help="Scenes a row. Default: all.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--save", type=click.Path(path_type=Path), help="Folder that keeps every score.")
@click.option("--overwrite", is_flag=True, help="Measure again what --save holds.")
@click.option("--json", "as_json", is_flag=True, help="JSON lines instead of the table.")
@click.option("-v", "--verbose", is_flag=True, help="Also every item.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def benchmark(
    split: str, rows: tuple[str, ...], methods: tuple[str, ...] | None, count: int | None,
    seed: int, save: Path | None, overwrite: bool, as_json: bool, verbose: bool, quiet: bool,
) -> None:  # fmt: skip
    r"""Simulate, denoise and score cubes of 31, 103 and 224 bands, with every method at hand.

    \b
    undrift hsi benchmark --save measured
    undrift hsi benchmark --row pushbroom --method 'noisy,repaired fasthyde,low-rank' --count 2

    With --save every score is on the disk as soon as it is measured, and the same command goes on
    from there; a model whose weights changed is measured again.
    """
    from undrift.common.console import Console
    from undrift.common.metrics.score_table import ItemScore
    from undrift.scientific.hyperspectral.benchmark.suite import plan, run
    from undrift.scientific.hyperspectral.benchmark.tables import as_text, records

    console = Console(quiet, verbose, as_json)
    asked = plan(split, rows or None, tuple(methods) if methods else None, count, seed)
    for name, reason in asked.missing.items():
        console.note(f"left out {name}: {reason}")

    def watch(entry: ItemScore) -> None:
        said = entry.error or f"mpsnr {entry.scores['mpsnr']:.2f}, {entry.seconds:.1f} s"
        say = console.error if entry.error else console.note
        say(f"{entry.setting}  {entry.item}  {entry.method}  {said}")

    scores = list(run(asked, save=save, fresh=overwrite, watch=watch))
    if as_json:
        for record in records(asked, scores, verbose):
            click.echo(json.dumps(record, default=str))
    else:
        click.echo(as_text(asked, scores))
    failed = [entry for entry in scores if entry.error]
    if failed:
        first = failed[0]
        raise PartialFailure(
            f"{len(failed)} of {len(scores)} scores failed, the first: {first.setting} "
            f"{first.item} {first.method}: {first.error}"
        )
