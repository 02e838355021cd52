"""`undrift atmos downscale`: fine fields out of coarse ones and observations, over files."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from undrift.common.errors import InputError, UsageError
from undrift.common.option_types import Names
from undrift.common.options import GroupedOption, RestoringCommand, restoring_options
from undrift.common.run_options import RunOptions
from undrift.common.solve_cli import Assignment

WITHOUT = (
    "pad", "tile", "batch", "samples", "solver", "preset", "dtype", "max_memory", "provenance",
)  # fmt: skip


def _option(*names: str, group: str = "Task", **settings: Any) -> Any:
    return click.option(*names, cls=GroupedOption, group=group, **settings)


@click.command(cls=RestoringCommand)
@restoring_options("downscale", WITHOUT, group="atmos")
@_option("--factor", type=click.IntRange(1), default=4, show_default=True, help="Fine rows a row.")
@_option("--members", type=click.IntRange(1), default=8, show_default=True, help="Of the ensemble.")
@_option("--obs", multiple=True, metavar="KIND:FILE,std.NAME=S",
         help="igra:FILE or stations:FILE.csv with errors in K, m/s; repeatable.")  # fmt: skip
@_option("--time", metavar="2020-01-01T12", help="This time alone.")
@_option("--coarse-std", type=float, metavar="S", help="Error of coarse values.  [default: small]")
@_option("--units", type=Names(), metavar="NAME=UNIT", help="Of variables whose file says none.")
@_option("--method", default="tweedie", show_default=True,
         help="tweedie, tweedie-gmres, sda, dps or pigdm.")  # fmt: skip
@_option("-O", "--option", "method_options", type=Assignment(), multiple=True, help="Of a method.")
@_option("--chunk-times", type=click.IntRange(1), default=1, show_default=True,
         group="Memory and speed", help="Times of a chunk of a Zarr result.")  # fmt: skip
@_option("--chunk-tiles", type=click.IntRange(1), group="Memory and speed",
         help="Rows and columns of a chunk of a Zarr result.")  # fmt: skip
def downscale(
    options: RunOptions, obs: tuple[str, ...], units: tuple[str, ...] | None, **own: Any
) -> None:
    """Downscale coarse fields (NetCDF, GRIB, Zarr) into ensembles of fine ones.

    \b
    Examples:
      undrift atmos downscale coarse.nc -o fine.nc --factor 4 --members 16
      undrift atmos downscale coarse.nc -o fine.nc --obs stations:airports.csv,std.t=0.5
      undrift atmos downscale year.zarr -o fine.zarr --scheduler tcp://10.0.0.1:8786

    The result has the names, units, order of axes and calendar of the input. What is finer than
    the input and not observed is made up by the prior: look at the members, not at one of them.
    A Zarr result is made time by time, by the cluster at --scheduler if there is one.
    """
    from undrift.common.runner import run_items
    from undrift.scientific.atmosphere.fields.downscaling import Downscale, FieldFile
    from undrift.scientific.atmosphere.fields.files import SUFFIXES, is_zarr
    from undrift.scientific.atmosphere.fields.observations import parse
    from undrift.scientific.atmosphere.report import report_writer
    from undrift.scientific.atmosphere.tasks import DEFAULT_MODEL, read_field_prior

    model = options.model or DEFAULT_MODEL
    asked = tuple(parse(text) for text in obs)
    settings = tuple(sorted(_pairs(own["method_options"]).items()))
    step = Downscale(
        model, own["factor"], own["members"], options.seed, asked, own["coarse_std"],
        own["method"], options.steps, settings, options.device,
    )  # fmt: skip
    known = read_field_prior(model, options.device)
    stores = any(is_zarr(Path(one)) for one in options.inputs)
    work = FieldFile(
        step, _units(units), own["time"], own["chunk_times"], own["chunk_tiles"],
        options.scheduler if stores else None,
    )  # fmt: skip
    seen = {**options.extras, "obs_files": [_fingerprint(one.path) for one in asked]}
    run_items(
        work,
        replace(options, extras=seen, scheduler=None if stores else options.scheduler),
        suffixes=SUFFIXES,
        model=known.prior.name,
        weights=known.prior.sha256,
        extension=lambda suffix: suffix if suffix in (".nc", ".nc4", ".zarr") else ".nc",
        about=f"{known.prior.name}, factor {step.factor}, {step.members} members",
        whole=is_zarr,
        report=report_writer(options),
    )


def _pairs(assignments: Any) -> dict[str, Any]:
    return dict(assignments or ())


def _units(given: tuple[str, ...] | None) -> tuple[tuple[str, str], ...]:
    found = []
    for text in given or ():
        name, equals, unit = text.partition("=")
        if not (name and equals and unit):
            raise UsageError(f"--units {text}: expected NAME=UNIT, such as t2m=K")
        found.append((name, unit))
    return tuple(found)


def _fingerprint(path: Path) -> str:
    """Of a file of observations, whose bytes settle the result. Raises InputError."""
    from undrift.common.files import sha256_of

    if not path.is_file():
        raise InputError(f"--obs: {path}: no such file")
    return sha256_of(path)
