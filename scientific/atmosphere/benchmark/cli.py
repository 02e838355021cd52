"""The command `undrift atmos benchmark`."""

import json
from pathlib import Path

import click

from undrift.common.errors import PartialFailure
from undrift.common.option_types import Names


@click.command()
@click.option(
    "--split", type=click.Choice(["test", "validation"]), default="test", show_default=True,
    help="States of the test, or those for choosing settings.",
)  # fmt: skip
@click.option("--row", "rows", multiple=True, help="'x4, 20 sensors', ...; repeatable.")
@click.option("--method", "methods", type=Names(), help="By commas. Default: all that run here.")
@click.option("--count", type=click.IntRange(1, 8), help="Items a row. Default: 6.")
@click.option("--model", default="atmos-prior", show_default=True, help="Name or weights.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--save", type=click.Path(path_type=Path), help="Folder that keeps every score.")
@click.option("--overwrite", is_flag=True, help="Measure again what --save holds.")
@click.option("--pictures", type=click.Path(path_type=Path), help="Folder for maps and spectra.")
@click.option("--json", "as_json", is_flag=True, help="JSON lines instead of the table.")
@click.option("-v", "--verbose", is_flag=True, help="Also every item.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def benchmark(
    split: str, rows: tuple[str, ...], methods: tuple[str, ...] | None, count: int | None,
    model: str, seed: int, save: Path | None, overwrite: bool, pictures: Path | None,
    as_json: bool, verbose: bool, quiet: bool,
) -> None:  # fmt: skip
    """Downscale simulated states that no training saw, with every method at hand, and score them.

    \b
    undrift atmos benchmark --save measured
    undrift atmos benchmark --row 'x4, 20 sensors' --method kriging,tweedie --count 2

    x4 and x8 with 0, 20 and 200 sensors. With --save every score is on the disk as soon as it is
    measured, and the same command goes on from there.
    """
    from undrift.common.console import Console
    from undrift.common.metrics.score_table import ItemScore
    from undrift.scientific.atmosphere.benchmark.suite import plan, run
    from undrift.scientific.atmosphere.benchmark.tables import as_text, records

    console = Console(quiet, verbose, as_json)
    asked = plan(split, rows or None, tuple(methods) if methods else None, count, seed, model)
    for name, reason in asked.missing.items():
        console.note(f"left out {name}: {reason}")

    def watch(entry: ItemScore) -> None:
        said = entry.error or f"crps {entry.scores['crps']:.4f}, {entry.seconds:.1f} s"
        say = console.error if entry.error else console.note
        say(f"{entry.setting}  {entry.item}  {entry.method}  {said}")

    scores = list(run(asked, save=save, fresh=overwrite, watch=watch))
    if as_json:
        for record in records(asked, scores, verbose):
            click.echo(json.dumps(record, default=str))
    else:
        click.echo(as_text(asked, scores))
    if pictures is not None:
        from undrift.scientific.atmosphere.benchmark.pictures import draw

        for path in draw(asked, pictures):
            console.note(f"wrote {path}")
    failed = [entry for entry in scores if entry.error]
    if failed:
        first = failed[0]
        raise PartialFailure(
            f"{len(failed)} of {len(scores)} scores failed, the first: {first.setting} "
            f"{first.item} {first.method}: {first.error}"
        )
