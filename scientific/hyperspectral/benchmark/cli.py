"""The command `undrift hsi benchmark`."""

from pathlib import Path
from typing import Any

import click

from undrift.common.benchmark.options import choosing_options, keeping_options, showing_options


@click.command()
@choosing_options(
    split="Scenes half of which have a shifted law, or those for choosing settings.",
    rows="'pushbroom', 'stripe, 31', ...; repeatable.",
    count="Scenes a row. Default: all.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--real", type=click.Path(path_type=Path), metavar="FILE",
    help="A cube whose best bands are the truth, in place of simulated scenes.",
)  # fmt: skip
@keeping_options
@showing_options()
def benchmark(
    split: str, rows: tuple[str, ...], methods: tuple[str, ...] | None, count: int | None,
    seed: int, real: Path | None, **told: Any,
) -> None:  # fmt: skip
    r"""Simulate, denoise and score cubes of 31, 103 and 224 bands, with every method at hand.

    \b
    undrift hsi benchmark --save measured
    undrift hsi benchmark --row pushbroom --method 'noisy,repaired fasthyde,low-rank' --count 2
    undrift hsi benchmark --real scene/indian-pines.hdr --save measured

    With --save every score is on the disk as soon as it is measured, and the same command goes on
    from there; a model whose weights changed is measured again.
    """
    from undrift.common.benchmark.command import carry_out
    from undrift.scientific.hyperspectral.benchmark.suite import plan
    from undrift.scientific.hyperspectral.benchmark.tables import SHEET

    carry_out(plan(split, rows or None, methods or None, count, seed, real), SHEET, **told)
