"""Flags for files of several pages."""

import click

from undrift.common.options import GroupedOption

PAGES = click.option(
    "--pages",
    metavar="A:B|N",
    cls=GroupedOption,
    group="Task",
    help="Of a stack: the pages to restore, such as 0:10, ::2 or 3.",
)
WARM = click.option(
    "--warm-start",
    is_flag=True,
    cls=GroupedOption,
    group="Task",
    help="Of a stack: begin where the pages before have led, wherever nothing moved.",
)
OF_STACKS = ("pages", "warm_start")
