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
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
import torch

from undrift.common.errors import InputError
from undrift.common.operators.diagonal import Diagonal, Sample
from undrift.scientific.atmosphere.channels import Channel
from undrift.scientific.atmosphere.coarse import coarse_grain
from undrift.scientific.atmosphere.observing import (
    Place,
    Seen,
    Std,
    at_points,
    by_channel,
    deviations,
    whitened,
)
from undrift.scientific.atmosphere.spectral import Spectral

if TYPE_CHECKING:
    from undrift.scientific.atmosphere.soundings.sounding import Sounding


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
