"""The group `undrift hsi`; its commands are imported when they are called."""

import click

from undrift.common.lazy_group import LazyGroup

_HERE = "undrift.scientific.hyperspectral"
HSI = {
    "denoise": (f"{_HERE}.cli", "denoise", "Take noise and stripes out of cubes."),
    "report": (f"{_HERE}.cli", "report", "Measure the noise of cubes, band by band."),
    "simulate": (f"{_HERE}.cli", "simulate", "Put noise on clean cubes, with a record."),
    "scene": (f"{_HERE}.cli", "scene", "Make a clean cube of a made-up landscape."),
    "benchmark": (f"{_HERE}.benchmark.cli", "benchmark", "Measure methods on made-up scenes."),
}


@click.group(cls=LazyGroup, table=HSI)
def hsi() -> None:
    """Hyperspectral cubes: wavelengths, place on earth, scale and header stay those of the input.

    \b
    undrift hsi denoise scene.hdr -o clean.hdr --report clean.html
    undrift hsi report scene.hdr -o noise/
    """
