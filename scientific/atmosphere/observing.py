"""What a source sees of a field: an operator on it, and values, both in units of the errors.

An error `std` is a number, or numbers by variable ("eastward_wind"), by channel ("u250"), which
comes first, or by value.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from undrift.common.errors import InputError, nearest
from undrift.common.operators.diagonal import Diagonal, Sample
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.points import PointSample
from undrift.scientific.atmosphere.channels import CHANNELS, Channel

if TYPE_CHECKING:
    from undrift.scientific.atmosphere.fields.grid import Grid

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
