"""One order of axes inside, the user's outside.

Inside, dimensions are called (..., level, member, time, latitude, longitude) or (..., y, x) with
the horizontal ones last; latitudes ascend, longitudes ascend without a jump and begin in
[-180, 180): global fields at -180, regions where they begin, so that a region across the date line
stays in one piece. What is undone on the way out is kept in a `Layout`: names and order of
dimensions, latitudes from north to south, longitudes from 0 to 360, attributes, encodings, units,
and the two editions of recent ERA5 (expver 1 and 5), which inside are one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError
from undrift.scientific.atmosphere.fields.longitudes import Circle
from undrift.scientific.atmosphere.fields.names import axes, places
from undrift.scientific.atmosphere.fields.units import Change

if TYPE_CHECKING:
    from xarray import DataArray, Dataset

EXPVER = "expver"
_ASIDE = "_of_file"
_LATER = ("time", "latitude", "longitude", "y", "x")  # the last dimensions inside, in this order


@dataclass(frozen=True)
class Layout:
    """How a user's data set was laid out; see the module.

    names: axis inside -> user's dimension. orders: variable -> its dimensions as the user has them.
    flipped: axes that run the other way outside. circle: of 1-D longitudes, or None. changes:
    variable -> factor and offset from the user's unit. stored: variable -> attributes and encoding.
    editions: (times, expver) which of them is known, with the values of expver, or None. calendar:
    of the times, or None. attributes: of the file.
    """

    names: Mapping[str, str]
    orders: Mapping[str, tuple[str, ...]]
    flipped: frozenset[str]
    circle: Circle | None
    changes: Mapping[str, Change]
    stored: Mapping[str, tuple[dict[str, Any], dict[str, Any]]]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    editions: "tuple[npt.NDArray[np.bool_], DataArray] | None" = None
    calendar: str | None = None

    @property
    def regular(self) -> bool:
        """Whether latitudes and longitudes are the axes themselves."""
        return "latitude" in self.names

    @property
    def horizontal(self) -> tuple[str, str]:
        """The last two dimensions inside."""
        return ("latitude", "longitude") if self.regular else ("y", "x")


def normalise(
    data: "Dataset", changes: Mapping[str, Change] | None = None
) -> "tuple[Dataset, Layout]":
    """The data set in the order inside, and how to undo it; values are only changed by `changes`.

    Raises InputError for grids that are none, latitudes or longitudes out of order or range, and
    times that repeat.
    """
    names = axes(data)
    stored = {str(n): (dict(v.attrs), dict(v.encoding)) for n, v in data.variables.items()}
    orders = {str(n): tuple(map(str, v.dims)) for n, v in data.variables.items()}
    calendar = _calendar(data, names.get("time"))
    data, editions = _merged(data, names.get("time"))
    inside = data.rename(_renaming(data, names))
    flipped, circle = set(), None
    vertical = "latitude" if "latitude" in names else "y"
    if _descends(inside, vertical):
        inside, flipped = inside.isel({vertical: slice(None, None, -1)}), {vertical}
    if "longitude" in names:
        _check_latitudes(inside["latitude"].values)
        circle = Circle.of(inside["longitude"].values)
        attributes = inside["longitude"].attrs
        inside = inside.isel(longitude=circle.order)
        inside = inside.assign_coords(longitude=("longitude", circle.inside, attributes))
    inside = _ordered(inside)
    for name, (factor, offset) in (changes or {}).items():
        inside[name] = (
            inside[name] * factor + offset if (factor, offset) != (1, 0) else inside[name]
        )
    layout = Layout(
        names, orders, frozenset(flipped), circle, dict(changes or {}), stored,
        dict(data.attrs), editions, calendar,
    )  # fmt: skip
    return inside, layout


def restore(data: "Dataset", layout: Layout) -> "Dataset":
    """A data set in the order inside, as the user would have it; on the same grid or another.

    Variables that the user did not have keep their own attributes, and the order of the others.
    """
    out = data.copy()
    for name, (factor, offset) in layout.changes.items():
        if name in out and (factor, offset) != (1, 0):
            out[name] = (out[name] - offset) / factor
    if layout.circle is not None and "longitude" in out.dims:
        order, values = layout.circle.outside(out["longitude"].values)
        out = out.isel(longitude=order).assign_coords(longitude=("longitude", values))
    for axis in layout.flipped:
        if axis in out.dims:
            out = out.isel({axis: slice(None, None, -1)})
    here = {axis: user for axis, user in layout.names.items() if axis in out.dims and axis != user}
    aside = {axis + _ASIDE: axis for axis in here if axis + _ASIDE in out.variables}
    out = _parted(out.rename({**here, **aside}), layout)
    for name in map(str, out.variables):
        _dress(out, name, layout)
    out.attrs = dict(layout.attributes)
    return out


def _renaming(data: "Dataset", names: Mapping[str, str]) -> dict[str, str]:
    """To the names inside; a variable that has such a name without being the axis steps aside."""
    changed = {user: axis for axis, user in names.items() if user != axis}
    aside = [axis for axis in changed.values() if axis in data.variables and axis not in changed]
    return {**changed, **{axis: axis + _ASIDE for axis in aside}}


def _dress(out: "Dataset", name: str, layout: Layout) -> None:
    """Order of dimensions, attributes and encoding of one variable, in place."""
    wanted = layout.orders.get(name, _usual(layout))
    dims = tuple(map(str, out[name].dims))
    order = [dim for dim in dims if dim not in wanted] + [dim for dim in wanted if dim in dims]
    if name not in out.indexes and tuple(order) != dims:
        out[name] = out[name].transpose(*order)
    attributes, encoding = layout.stored.get(name, (out[name].attrs, out[name].encoding))
    out[name].attrs = {**out[name].attrs, **attributes}
    out[name].encoding = dict(encoding)


def _usual(layout: Layout) -> tuple[str, ...]:
    """The order of the user's variables with most dimensions."""
    return max(layout.orders.values(), key=len, default=())


def _ordered(data: "Dataset") -> "Dataset":
    """Horizontal dimensions last, time before them."""
    dims = tuple(map(str, data.dims))
    last = [axis for axis in _LATER if axis in dims]
    for name in map(str, data.variables):
        own = tuple(map(str, data[name].dims))
        order = [d for d in own if d not in last] + [d for d in last if d in own]
        if len(own) > 1 and tuple(order) != own:
            data[name] = data[name].transpose(*order)
    return data


def _descends(data: "Dataset", axis: str) -> bool:
    """Whether rows run from north to south."""
    if axis == "latitude":
        values = data[axis].values
    elif (found := places(data)) is not None:
        values = data[found[0]].values
        values = values.mean(1) if data[found[0]].dims[-2] == axis else values.mean(0)
    elif axis in data.coords:
        values = data[axis].values
    else:
        return False
    return len(values) > 1 and bool(values[0] > values[-1])


def _check_latitudes(values: npt.NDArray[Any]) -> None:
    fits = np.isfinite(values).all() and np.abs(values).max() <= 90 + 1e-6
    if not fits or not (np.diff(values) > 0).all():
        raise InputError(
            f"latitudes from {values[0]:g} to {values[-1]:g}; expected in order within +-90"
        )


def _calendar(data: "Dataset", time: str | None) -> str | None:
    if time is None or time not in data.coords:
        return None
    if not data.indexes[time].is_unique:
        raise InputError(f"{time}: the same time twice; expected each once, in order")
    values = data[time]
    if values.dtype.kind == "M":
        return str(values.encoding.get("calendar", "proleptic_gregorian"))
    return str(values.dt.calendar) if values.dtype.kind == "O" else None


def _merged(
    data: "Dataset", time: str | None
) -> "tuple[Dataset, tuple[npt.NDArray[np.bool_], DataArray] | None]":
    """Without the dimension expver: of each time the first edition that has values."""
    if EXPVER not in data.dims or time is None:
        return data, None
    with_editions = [v for v in data.data_vars.values() if EXPVER in v.dims and time in v.dims]
    if not with_editions:
        return data, None
    known = np.zeros((data.sizes[time], data.sizes[EXPVER]), bool)
    for one in with_editions:
        rest = [dim for dim in one.dims if dim not in (time, EXPVER)]
        known |= one.notnull().any(rest).transpose(time, EXPVER).values
    first = data[time].copy(data=known.argmax(1)).drop_vars(time, errors="ignore")
    editions = data[EXPVER] if EXPVER in data.coords else data[time][:0]
    return data.isel({EXPVER: first}).drop_vars(EXPVER, errors="ignore"), (known, editions)


def _parted(data: "Dataset", layout: Layout) -> "Dataset":
    """With the dimension expver again, NaN in the editions that had no values."""
    if layout.editions is None:
        return data
    import xarray as xr

    known, editions = layout.editions
    time = layout.names["time"]
    if data.sizes.get(time) != len(known):
        return data
    mask = xr.DataArray(known, dims=(time, EXPVER))
    out = data.copy()
    for name in map(str, data.data_vars):
        if EXPVER in layout.orders.get(name, _usual(layout)) and time in data[name].dims:
            out[name] = data[name].where(mask)
    return out.assign_coords({EXPVER: editions.values}) if editions.size else out
