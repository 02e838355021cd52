"""The channels of a model in a data set: by their own name, or by quantity and level.

A model knows channels such as "t" or "u250"; a file has them under these names, or as
u(level, ...), or as u_component_of_wind. What is taken out can be put back on another grid.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError
from undrift.scientific.atmosphere.fields.names import quantity
from undrift.scientific.atmosphere.fields.units import pascals

if TYPE_CHECKING:
    from xarray import Dataset

    from undrift.scientific.atmosphere.channels import Channel


@dataclass(frozen=True)
class Found:
    """Where a channel lies: the variable, and the index of its level, None without levels."""

    channel: str
    variable: str
    level: int | None


def find(data: "Dataset", names: Sequence[str], channels: Mapping[str, "Channel"]) -> list[Found]:
    """The places of the channels `names` in a data set in the order inside.

    Raises InputError that names all channels that are missing.
    """
    found, missing = [], []
    for name in names:
        place = _place(data, name, channels.get(name))
        if place is None:
            missing.append(name)
        else:
            found.append(place)
    if missing:
        wanted = ", ".join(f"{n} ({_told(channels.get(n))})" for n in missing)
        raise InputError(
            f"the file lacks {wanted}, which the model needs; it has "
            f"{', '.join(map(str, data.data_vars))}"
        )
    return found


def take(data: "Dataset", places: Sequence[Found]) -> npt.NDArray[np.float64]:
    """(c, rows, columns) of one time. data: without, or with a single time."""
    arrays = []
    for place in places:
        one = data[place.variable]
        one = one.isel(level=place.level) if place.level is not None else one
        arrays.append(one.squeeze().values.astype(np.float64))
        if arrays[-1].ndim != 2:
            raise InputError(
                f"{place.variable}: dimensions {', '.join(map(str, one.dims))}; expected one field "
                "of rows and columns at each time and level"
            )
    return np.stack(arrays)


def put(
    values: npt.NDArray[Any],
    data: "Dataset",
    places: Sequence[Found],
    coordinates: Mapping[str, Any],
) -> "Dataset":
    """Fields (c, members, rows, columns) as a data set like `data`, on other coordinates.

    Levels that are no channel are left out; a single time stays a dimension where it was one.
    """
    import xarray as xr

    pair = ("latitude", "longitude") if "latitude" in data.dims else ("y", "x")
    timed = "time" in data.dims
    out: dict[str, Any] = {}
    for variable in dict.fromkeys(place.variable for place in places):
        own = [k for k, place in enumerate(places) if place.variable == variable]
        levels = [places[k].level for k in own]
        one = values[own] if levels[0] is not None else values[own[0]]
        dims = ["level"] * (levels[0] is not None) + ["member"] + ["time"] * timed + [*pair]
        if timed:
            one = np.expand_dims(one, -3)
        out[variable] = (dims, one.astype(np.float32), data[variable].attrs)
        if levels[0] is not None:
            coordinates = {**coordinates, "level": data["level"].isel(level=levels)}
    made = xr.Dataset(out, coords=dict(coordinates), attrs=data.attrs)
    kept = [n for n in data.variables if n not in made.variables and not set(data[n].dims) & {*pair}
            and "level" not in data[n].dims]  # fmt: skip
    made = made.merge(data[kept], compat="override")
    members = np.arange(values.shape[1], dtype=np.int32)
    return made.assign_coords(member=("member", members, {"standard_name": "realization"}))


def _place(data: "Dataset", name: str, channel: "Channel | None") -> Found | None:
    if name in data.data_vars and "level" not in data[name].dims:
        return Found(name, name, None)
    if channel is None or channel.level is None:
        return None
    for variable in map(str, data.data_vars):
        one = data[variable]
        fits = channel.name in (one.attrs.get("standard_name"), quantity(variable))
        if not fits or "level" not in one.dims:
            continue
        factor = pascals(_unit(data), "level")
        away = np.abs(data["level"].values * factor - 100 * channel.level)
        if away.min() < 1:
            return Found(name, variable, int(away.argmin()))
    return None


def _unit(data: "Dataset") -> str | None:
    """Of the levels; WeatherBench 2, known by its long names, leaves hPa out."""
    given = data["level"].attrs.get("units")
    long = ("u_component_of_wind", "v_component_of_wind", "2m_temperature")
    return "hPa" if given is None and any(name in data.data_vars for name in long) else given


def _told(channel: "Channel | None") -> str:
    if channel is None:
        return "a variable of that name"
    where = "" if channel.level is None else f" at {channel.level:g} hPa"
    return f"{channel.name}{where}"
