"""`undrift atmos simulate`: states of a made-up atmosphere as NetCDF or Zarr, to try things on."""

from pathlib import Path

import click

from undrift.common.option_types import Names


@click.command()
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path),
              help="File (.nc, .zarr) of one seed, or a folder for several.")  # fmt: skip
@click.option("--count", type=click.IntRange(1), default=1, show_default=True, help="Seeds.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True,
              help="The first; from 200000 on no model has seen them.")  # fmt: skip
@click.option("--n", type=click.IntRange(16), default=64, show_default=True, help="Points a side.")
@click.option("--states", type=click.IntRange(1), default=4, show_default=True, help="Of a seed.")
@click.option("--apart", type=click.FloatRange(0, min_open=True), default=2.0, show_default=True,
              help="Days between states.")  # fmt: skip
@click.option("--spin-up", type=click.FloatRange(0), default=20.0, show_default=True,
              help="Days; a layered flow (t, u250, ...) wants 80.")  # fmt: skip
@click.option("--channels", type=Names(), default="t850,u850,v850", show_default=True)
@click.option("--factor", type=click.IntRange(2), help="Also write coarse fields, of block means.")
@click.option("--stations", type=click.IntRange(1), help="Also write a table of so many stations.")
@click.option("--overwrite", is_flag=True, help="Replace files that are there.")
@click.option("--json", "as_json", is_flag=True, help="A line of JSON for every file.")
def simulate(
    output: Path, count: int, seed: int, n: int, states: int, apart: float, spin_up: float,
    channels: tuple[str, ...], factor: int | None, stations: int | None, overwrite: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Make states of a turbulent flow: temperature and wind, all made up.

    \b
    Examples:
      undrift atmos simulate -o fine.nc --seed 200000 --factor 4 --stations 200
      undrift atmos simulate -o states/ --count 8 --n 128 --states 10
      undrift atmos simulate -o year.zarr --states 1460 --apart 0.25

    A group of eight seeds is stepped together: one costs as much as all eight.
    """
    from undrift.common.console import Console
    from undrift.common.errors import InputError, UsageError, nearest
    from undrift.scientific.atmosphere.banks import StateSettings
    from undrift.scientific.atmosphere.channels import CHANNELS
    from undrift.scientific.atmosphere.simulated_files import (
        Wanted,
        as_dataset,
        states_of,
        write_states,
    )

    for name in channels:
        if name not in CHANNELS:
            raise UsageError(f"--channels: no '{name}'{nearest(name, CHANNELS)}; there are "
                             f"{', '.join(CHANNELS)}")  # fmt: skip
    if factor is not None and n % factor:
        raise UsageError(f"--factor {factor} does not divide --n {n}")
    seeds = range(seed, seed + count)
    paths = _paths(output, seeds)
    there = [str(path) for path in paths.values() if path.exists()]
    if there and not overwrite:
        raise InputError(f"{', '.join(there[:3])}: there already; give --overwrite or another name")
    console = Console(as_json=as_json)
    settings = StateSettings(
        count=1, first=0, n=n, states=states, apart=apart, spin_up=spin_up, channels=channels
    )
    wanted = Wanted(settings, factor, stations or 0)
    for number, array in states_of(seeds, settings).items():
        data = as_dataset(array, number, settings)
        for path in write_states(paths[number], data, number, wanted):
            console.record({"file": str(path), "seed": number, "status": "written"})
    console.note(f"{count} seed(s) of {states} states written to {output}")


def _paths(output: Path, seeds: range) -> dict[int, Path]:
    from undrift.common.errors import UsageError

    if output.suffix.lower() in (".nc", ".zarr"):
        if len(seeds) > 1:
            raise UsageError(f"-o {output}: names one file, but --count is {len(seeds)}")
        return {seeds[0]: output}
    if output.suffix:
        raise UsageError(f"-o {output}: expected a name with .nc or .zarr, or a folder")
    return {seed: output / f"states-{seed:06d}.nc" for seed in seeds}
