"""The group `undrift atmos`; its commands are imported when they are called."""

from pathlib import Path

import click

from undrift.common.lazy_group import LazyGroup

# name -> (module, attribute, one line of help)
_PLANNED = {
    "downscale": (
        "undrift.scientific.atmosphere.downscale_cli", "downscale", "Fine fields of coarse ones.",
    ),
    "simulate": (
        "undrift.scientific.atmosphere.simulate_cli", "simulate", "States of a made-up atmosphere.",
    ),
    "impute": (
        "undrift.scientific.atmosphere.series.cli", "impute", "Fill gaps of series of sensors.",
    ),
    "benchmark": (
        "undrift.scientific.atmosphere.benchmark.cli", "benchmark", "Measure methods on the flow.",
    ),
}  # fmt: skip


def _is_here(module: str) -> bool:
    path = Path(__file__).parent.joinpath(*module.split(".")[3:])
    return path.with_suffix(".py").is_file()


COMMANDS = {name: entry for name, entry in _PLANNED.items() if _is_here(entry[0])}


@click.group(cls=LazyGroup, table=COMMANDS)
def atmos() -> None:
    """Fields of the atmosphere and series of sensors, with their metadata, as ensembles.

    \b
    undrift atmos simulate -o fine.nc --seed 200000 --factor 4
    undrift atmos downscale coarse.nc -o fine.nc --factor 4 --members 16
    """
