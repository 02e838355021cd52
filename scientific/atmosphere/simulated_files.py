"""Files of the simulated atmosphere: fine fields, their coarse means, and what stations would see.

A file has the states of one seed, (time, y, x) in metres on a plane that goes round both ways, in K
and m/s, and says in `source` that it is made up. Stations lie at random places between the grid
points, and their errors are those of `stations.Network`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from undrift.common.errors import require
from undrift.common.files import write_text
from undrift.scientific.atmosphere.banks import (
    GROUP,
    SOURCE,
    VERSION,
    StateSettings,
    flow_of,
    group_states,
)
from undrift.scientific.atmosphere.channels import CHANNELS
from undrift.scientific.atmosphere.fields.downscaling import PERIODIC
from undrift.scientific.atmosphere.fields.write import save_raw
from undrift.scientific.atmosphere.stations import Network

if TYPE_CHECKING:
    from xarray import Dataset

_DAY = np.timedelta64(86400, "s")
_FIRST = np.datetime64("2001-01-01T00", "ns")


@dataclass(frozen=True)
class Wanted:
    """What is written besides the fine fields. factor: of the coarse ones, None for none. stations:
    how many."""

    settings: StateSettings
    factor: int | None = None
    stations: int = 0


def states_of(seeds: range, settings: StateSettings) -> dict[int, npt.NDArray[Any]]:
    """Seed -> (states, c, n, n); members are made in groups of eight, whichever are wanted."""
    found = {}
    for number in sorted({seed // GROUP for seed in seeds}):
        group = group_states(number, settings).reshape(
            GROUP, settings.states, len(settings.channels), settings.n, settings.n
        )
        found.update({
            seed: group[seed % GROUP].astype(np.float32)
            for seed in seeds if seed // GROUP == number
        })  # fmt: skip
    return found


def as_dataset(states: npt.NDArray[Any], seed: int, settings: StateSettings) -> "Dataset":
    """(states, c, n, n) with coordinates, units and where they come from."""
    xr = require("xarray")
    step = flow_of(settings).square.step
    side = (np.arange(settings.n) + 0.5) * step
    days = settings.spin_up + settings.apart * np.arange(1, settings.states + 1)
    variables = {}
    for k, name in enumerate(settings.channels):
        channel = CHANNELS[name]
        attributes: dict[str, Any] = {"standard_name": channel.name, "units": channel.unit}
        if channel.level is not None:
            attributes["pressure_hPa"] = channel.level
        variables[name] = (("time", "y", "x"), states[:, k], attributes)
    metres = {"units": "m"}
    return xr.Dataset(
        variables,
        coords={
            "time": ("time", _FIRST + (days * _DAY.astype(float)).astype("timedelta64[s]")),
            "y": ("y", side, {**metres, "standard_name": "projection_y_coordinate"}),
            "x": ("x", side, {**metres, "standard_name": "projection_x_coordinate"}),
        },
        attrs={
            "source": SOURCE.format(flow=settings.flow, version=VERSION, seed=seed),
            PERIODIC: "y x",
        },
    )


def coarsened(data: "Dataset", factor: int) -> "Dataset":
    """Means over blocks of factor x factor points. Raises ValueError where they do not fit."""
    return data.coarsen(y=factor, x=factor).mean(keep_attrs=True)


def stations_table(data: "Dataset", count: int, seed: int) -> str:
    """CSV of `count` stations at each time: row, column, time, and values with errors."""
    network, names = Network(), list(map(str, data.data_vars))
    places = network.places(count, (data.sizes["y"], data.sizes["x"]), seed, "stations")
    lines = [",".join(["row", "column", "time", *names])]
    for k, time in enumerate(np.datetime_as_string(data["time"].values, unit="s")):
        fields = torch.from_numpy(np.stack([data[name].values[k] for name in names]))
        values = network.observe(fields, places, names, seed, str(time))
        for (row, column), column_values in zip(places, values.T, strict=True):
            numbers = [f"{value:.6g}" for value in column_values]
            lines.append(",".join([f"{row:.6f}", f"{column:.6f}", str(time), *numbers]))
    return "\n".join(lines) + "\n"


def write_states(path: Path, data: "Dataset", seed: int, wanted: Wanted) -> list[Path]:
    """The file of one seed, and beside it FILE.coarse-xN and FILE.stations.csv, as wanted."""
    save_raw(path, data, "undrift atmos simulate")
    written = [path]
    if wanted.factor is not None:
        coarse = path.with_name(f"{path.stem}.coarse-x{wanted.factor}{path.suffix}")
        save_raw(coarse, coarsened(data, wanted.factor), "undrift atmos simulate: block means")
        written.append(coarse)
    if wanted.stations:
        table = path.with_name(f"{path.stem}.stations.csv")
        write_text(table, stations_table(data, wanted.stations, seed))
        written.append(table)
    return written
