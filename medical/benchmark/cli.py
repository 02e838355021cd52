"""The command `undrift medical benchmark`."""

from typing import Any

import click

from undrift.common.benchmark.options import choosing_options, keeping_options, showing_options
from undrift.medical.notice import NOTICE


@click.command(epilog=NOTICE)
@choosing_options(
    split="Phantoms of shifted laws, or those for choosing settings.",
    rows="'CT dose .1', 'MRI 4x', ...; repeatable.",
    count="Items a row. Default: all.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@keeping_options
@showing_options()
def benchmark(
    split: str, rows: tuple[str, ...], methods: tuple[str, ...] | None, count: int | None,
    seed: int, **told: Any,
) -> None:  # fmt: skip
    """Simulate, restore and score phantoms that no training saw, with every method at hand.

    \b
    undrift medical benchmark --save measured
    undrift medical benchmark --row 'MRI 4x' --method zero-filled,tv,model --count 3

    With --save every score is on the disk as soon as it is measured, and the same command goes on
    from there; a model whose weights changed is measured again.
    """
    from undrift.common.benchmark.command import carry_out
    from undrift.medical.benchmark.suite import plan
    from undrift.medical.benchmark.tables import SHEET

    carry_out(plan(split, rows or None, methods or None, count, seed), SHEET, **told)
