"""The command `undrift atmos benchmark`."""

from pathlib import Path
from typing import Any

import click

from undrift.common.benchmark.options import choosing_options, keeping_options, showing_options


@click.command()
@choosing_options(
    split="States of the test, or those for choosing settings.",
    rows="'x4, 20 sensors', ...; repeatable.",
    count="Items a row. Default: 6.",
    most=8,
)
@click.option("--model", default="atmos-prior", show_default=True, help="Name or weights.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@keeping_options
@click.option("--pictures", type=click.Path(path_type=Path), help="Folder for maps and spectra.")
@showing_options()
def benchmark(
    split: str, rows: tuple[str, ...], methods: tuple[str, ...] | None, count: int | None,
    model: str, seed: int, pictures: Path | None, **told: Any,
) -> None:  # fmt: skip
    """Downscale simulated states that no training saw, with every method at hand, and score them.

    \b
    undrift atmos benchmark --save measured
    undrift atmos benchmark --row 'x4, 20 sensors' --method kriging,tweedie --count 2

    x4 and x8 with 0, 20 and 200 sensors. With --save every score is on the disk as soon as it is
    measured, and the same command goes on from there.
    """
    from undrift.common.benchmark.command import carry_out
    from undrift.common.console import Console
    from undrift.scientific.atmosphere.benchmark.suite import plan
    from undrift.scientific.atmosphere.benchmark.tables import SHEET

    asked = plan(split, rows or None, methods or None, count, seed, model)

    def draw_all(console: Console) -> None:
        if pictures is not None:
            from undrift.scientific.atmosphere.benchmark.pictures import draw

            for path in draw(asked, pictures):
                console.note(f"wrote {path}")

    carry_out(asked, SHEET, then=draw_all, **told)
