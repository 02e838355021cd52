"""What is known of a field: observations of any kind, each with errors in physical units.

    y_s = A_s(x) + e_s,      e_s ~ N(0, R_s)

`Coarse`       means over blocks of cells: a global model, a satellite footprint
`Stations`     values at places, linear between grid points
`Radiosondes`  ascents, at the levels of the field (or averaged over a layer)
`Background`   another model's field, whose errors may be correlated as waves are

An error `std` is a number, or numbers by variable ("eastward_wind"), by channel ("u250"), which
comes first, or by value. What is NaN, flagged or outside of the grid is left out. `observe` makes a
source into an operator on the field (c, rows, columns), with rows whitened: errors of deviation 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from undrift.common.errors import InputError, nearest
from undrift.common.operators.diagonal import Diagonal, Sample
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.points import PointSample
from undrift.scientific.atmosphere.channels import CHANNELS, Channel
from undrift.scientific.atmosphere.coarse import coarse_grain
from undrift.scientific.atmosphere.spectral import Spectral

if TYPE_CHECKING:
    from undrift.scientific.atmosphere.fields.grid import Grid
    from undrift.scientific.atmosphere.soundings.sounding import Sounding

Std = float | Mapping[str, float] | npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Place:
    """The field that is asked for. names: of its channels. shape: rows, columns.

    periodic: rows, columns. grid: where it lies on the Earth, for places in degrees; latitudes of
    the rows (rows,) in degrees where cells differ in area.
    """

    names: tuple[str, ...]
    shape: tuple[int, int]
    periodic: tuple[bool, bool] = (False, False)
    grid: "Grid | None" = None
    latitudes: Tensor | None = None
    channels: Mapping[str, Channel] = field(default_factory=lambda: CHANNELS)

    @property
    def full(self) -> tuple[int, int, int]:
        """(c, rows, columns)."""
        return (len(self.names), *self.shape)

    def channel(self, name: str) -> Channel:
        """What a name stands for; a stranger is a variable without a level."""
        return self.channels.get(name, Channel(name, None, ""))


@dataclass(frozen=True, eq=False)
class Seen:
    """operator: of the field, whitened, (c, rows, columns) -> (m,); values: (m,), whitened too."""

    name: str
    operator: LinearOperator
    values: Tensor


class Source(Protocol):
    """Anything with a name that can say what it sees of a field."""

    @property
    def name(self) -> str: ...

    def observe(self, place: Place) -> Seen: ...


@dataclass(frozen=True, eq=False)
class Coarse:
    """values: (c, rows / factor, columns / factor) in the order of the field's channels, NaN where
    unknown. std: of its errors. factor: by default from the sizes."""

    values: npt.ArrayLike
    std: Std
    name: str = "coarse"

    def observe(self, place: Place) -> Seen:
        """Raises InputError for sizes that are not a whole share of the field's."""
        values = np.asarray(self.values, np.float64)
        factor = factor_of(values.shape, place)
        operator = coarse_grain(place.full, factor, place.latitudes)
        return whitened(self.name, operator, values, deviations(self.std, place, values.shape))


@dataclass(frozen=True, eq=False)
class Stations:
    """values: {channel or variable: (n,)} or (c, n) in the order of the channels, NaN if missing.

    indices: (n, 2) rows and columns with fractions; or latitudes and longitudes, (n,) in degrees.
    rejected: bool, as values: what quality control has flagged.
    """

    values: Mapping[str, npt.ArrayLike] | npt.ArrayLike
    std: Std
    indices: npt.ArrayLike | None = None
    latitudes: npt.ArrayLike | None = None
    longitudes: npt.ArrayLike | None = None
    rejected: Mapping[str, npt.ArrayLike] | npt.ArrayLike | None = None
    name: str = "stations"

    def observe(self, place: Place) -> Seen:
        """Raises InputError for shapes that do not fit, and places in degrees without a grid."""
        where = self._indices(place)
        values = by_channel(self.values, place, len(where))
        sigma = deviations(self.std, place, values.shape)
        if self.rejected is not None:
            flagged = by_channel(self.rejected, place, len(where), missing=0.0)
            values = np.where(flagged > 0, np.nan, values)
        return at_points(self.name, place, where, values, sigma)

    def _indices(self, place: Place) -> npt.NDArray[np.float64]:
        if self.indices is not None:
            found = np.asarray(self.indices, np.float64)
            if found.ndim != 2 or found.shape[1] != 2:
                raise InputError(f"indices of shape {found.shape}; expected (n, 2): rows, columns")
            return found
        if self.latitudes is None or self.longitudes is None or place.grid is None:
            raise InputError(
                f"source '{self.name}' needs indices=(n, 2), or latitudes= and longitudes= and a "
                "field whose place on the Earth is known"
            )
        return place.grid.indices(self.latitudes, self.longitudes)


@dataclass(frozen=True, eq=False)
class Radiosondes:
    """Ascents, one place each. std: K, m/s and m, with the error of representation in it.

    layers: {channel: (lower, upper)} hPa of channels that are means over a layer in ln p, such as
    a temperature of thickness; reference: what is taken off, {channel: value}, where the channel is
    an anomaly. accepted: quality letters that count.
    """

    soundings: "Sequence[Sounding]"
    std: Std
    layers: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    reference: Mapping[str, float] = field(default_factory=dict)
    accepted: tuple[str, ...] = ("", "A", "B")
    gap: float = 0.5
    name: str = "radiosondes"
    indices: npt.ArrayLike | None = None

    def observe(self, place: Place) -> Seen:
        """Raises InputError without a grid, and where no ascent has a level of the field."""
        columns = [self._column(sounding, place) for sounding in self.soundings]
        values = np.array(columns, np.float64).reshape(-1, len(place.names)).T
        stations = Stations(
            values, self.std, self.indices,
            [s.latitude for s in self.soundings], [s.longitude for s in self.soundings],
            name=self.name,
        )  # fmt: skip
        return stations.observe(place)

    def _column(self, sounding: "Sounding", place: Place) -> list[float]:
        return [self._value(sounding, name, place.channel(name)) for name in place.names]

    def _value(self, sounding: "Sounding", name: str, channel: Channel) -> float:
        quantity = _PROFILES.get(channel.name)
        if quantity is None or (channel.level is None and name not in self.layers):
            return float("nan")
        if channel.level is not None:
            pressures = [100 * channel.level]
        else:
            low, high = (100 * p for p in self.layers[name])
            pressures = np.exp(np.linspace(np.log(low), np.log(high), _LAYER)).tolist()
        found = _accepted(sounding, quantity, self.accepted).at(pressures, quantity, self.gap)
        return float(found.mean()) - self.reference.get(name, 0.0)


@dataclass(frozen=True, eq=False)
class Background:
    """Another model's field: (c, rows, columns) or a coarse one. std: of its errors.

    correlation: the errors' covariance up to `std`, diagonal in waves, as `Spectral` of the shape
    of values (a climatology's, say); without it they are white.
    """

    values: npt.ArrayLike
    std: Std
    correlation: Spectral | None = None
    name: str = "background"

    def observe(self, place: Place) -> Seen:
        """Raises InputError for sizes that do not fit, and gaps where errors are correlated."""
        values = np.asarray(self.values, np.float64)
        operator = coarse_grain(place.full, factor_of(values.shape, place), place.latitudes)
        sigma = deviations(self.std, place, values.shape)
        if self.correlation is None:
            return whitened(self.name, operator, values, sigma)
        if not (np.isfinite(values).all() and np.isfinite(sigma).all()):
            raise InputError(f"source '{self.name}' has gaps; expected none with a correlation")
        scale = Diagonal(torch.from_numpy(1 / sigma), values.shape)
        filtered = self.correlation.whitening() @ scale
        flat = Sample(torch.ones(values.shape, dtype=torch.bool), values.shape)
        rows = flat @ filtered
        return Seen(self.name, rows @ operator, rows(torch.from_numpy(values)))


_PROFILES = {
    "air_temperature": "temperature", "eastward_wind": "eastward_wind",
    "northward_wind": "northward_wind", "geopotential_height": "height",
    "relative_humidity": "relative_humidity",
}  # fmt: skip
_LAYER = 9  # levels of the mean over a layer


def _accepted(sounding: "Sounding", quantity: str, letters: tuple[str, ...]) -> "Sounding":
    """Without the values of a quantity that quality control has marked otherwise."""
    flags = sounding.flags.get(quantity)
    if flags is None:
        return sounding
    values = np.where(np.isin(flags, letters), getattr(sounding, quantity), np.nan)
    return replace(sounding, **{quantity: values})


def at_points(
    name: str,
    place: Place,
    indices: npt.NDArray[np.float64],
    values: npt.NDArray[np.float64],
    sigma: npt.NDArray[np.float64],
) -> Seen:
    """Values (c, n) at places (n, 2); places outside of the grid, or NaN, are left out."""
    inside = np.isfinite(indices).all(1)
    for axis, around in enumerate(place.periodic):
        low, high = 0, place.shape[axis] - 1
        inside &= around | ((indices[:, axis] >= low) & (indices[:, axis] <= high))
    if not inside.any():
        raise InputError(f"source '{name}': none of its {len(indices)} places lies on the grid")
    points = torch.from_numpy(indices[inside])
    operator = PointSample(points, place.full, place.periodic)
    return whitened(name, operator, values[:, inside], sigma[:, inside])


def whitened(
    name: str,
    operator: LinearOperator,
    values: npt.NDArray[np.float64],
    sigma: npt.NDArray[np.float64],
) -> Seen:
    """What is left of an operator where values are known, in units of their errors."""
    if values.shape != operator.shape_out:
        raise InputError(
            f"source '{name}' has values of {values.shape}; expected {operator.shape_out}"
        )
    known = np.isfinite(values) & np.isfinite(sigma)
    if not known.any() or not (sigma[known] > 0).all():
        what = "no value" if not known.any() else "an error of 0 or less"
        raise InputError(f"source '{name}' has {what}; expected values, and std above 0")
    rows = Sample(torch.from_numpy(known), operator.shape_out)
    weight = Diagonal(torch.from_numpy(1 / sigma[known]), rows.shape_out)
    told = torch.from_numpy(np.ascontiguousarray(values[known] / sigma[known]))
    return Seen(name, weight @ (rows @ operator), told)


def deviations(std: Std, place: Place, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Errors (c, ...) of that shape: a channel's own name comes before that of its variable.

    Raises InputError for names that are no channel of the field, and channels without an error.
    """
    if not isinstance(std, Mapping):
        found = np.asarray(std, np.float64)
        found = found.reshape(-1, *[1] * (len(shape) - 1)) if found.ndim == 1 else found
        return np.broadcast_to(found, shape).copy()
    known = {*place.names, *(place.channel(n).name for n in place.names)}
    for name in std:
        if name not in known:
            raise InputError(
                f"std has '{name}', which the field has not{nearest(name, known)}; it has "
                f"{', '.join(place.names)}"
            )
    rows = [std.get(n, std.get(place.channel(n).name, np.inf)) for n in place.names]
    column = np.asarray(rows, np.float64).reshape(-1, *[1] * (len(shape) - 1))
    return np.broadcast_to(column, shape).copy()


def by_channel(
    values: Mapping[str, Any] | npt.ArrayLike, place: Place, count: int, missing: float = np.nan
) -> npt.NDArray[np.float64]:
    """(c, n) of values by channel or variable; what is not named is `missing`.

    Raises InputError for strangers and other lengths.
    """
    shape = (len(place.names), count)
    if not isinstance(values, Mapping):
        found = np.asarray(values, np.float64)
        if found.shape != shape:
            raise InputError(f"values of {found.shape}; expected (channels, places) = {shape}")
        return found
    out = np.full(shape, missing)
    for name, row in values.items():
        own = [k for k, n in enumerate(place.names) if name in (n, place.channel(n).name)]
        if len(own) != 1 or np.shape(row) != (count,):
            raise InputError(
                f"'{name}' of {np.shape(row)} is {len(own)} of the channels "
                f"{', '.join(place.names)}; expected one of them, with {count} values"
            )
        out[own[0]] = row
    return out


def factor_of(shape: tuple[int, ...], place: Place) -> int:
    """The factor from a coarse field (c, rows, columns) to the field. Raises InputError."""
    rows, columns = place.shape
    fits = len(shape) == 3 and shape[0] == len(place.names) and shape[1] and shape[2]
    if not fits or rows % shape[1] or rows // shape[1] * shape[2] != columns:
        raise InputError(
            f"a coarse field of {shape} for one of {place.full}; expected as many channels, and "
            "rows and columns that are the same whole share of its own"
        )
    return rows // shape[1]
