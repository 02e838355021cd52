"""A finer grid: every cell cut into factor x factor cells, with their coordinates.

A coordinate stands at the centre of its cell, whose edges lie halfway to the neighbours (at a pole
where the last cell touches it). Coordinates in two dimensions are interpolated linearly, the
outermost half cell by going on.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from xarray import Dataset

Array = npt.NDArray[np.float64]


def centres(values: npt.NDArray[Any], factor: int, limit: float | None = None) -> Array:
    """(n factor,) centres of the parts of n cells, ascending. limit: of the outermost edges.

    >>> centres(np.array([0.0, 1.0]), 2).tolist()
    [-0.25, 0.25, 0.75, 1.25]
    """
    x = values.astype(np.float64)
    step = np.diff(x)
    first, last = (step[0], step[-1]) if len(step) else (1.0, 1.0)
    edges = np.concatenate([[x[0] - first / 2], (x[1:] + x[:-1]) / 2, [x[-1] + last / 2]])
    if limit is not None:
        edges = edges.clip(-limit, limit)
    share = (np.arange(factor) + 0.5) / factor
    return (edges[:-1, None] + np.diff(edges)[:, None] * share).ravel()


def between(values: Array, factor: int) -> Array:
    """(rows, columns) coordinates -> (rows factor, columns factor); needs 2 x 2 or more."""
    for axis in (0, 1):
        n = values.shape[axis]
        place = (np.arange(n * factor) + 0.5) / factor - 0.5
        low = np.floor(place).astype(int).clip(0, n - 2)
        share = np.expand_dims(place - low, 1 - axis)
        here, there = np.take(values, low, axis), np.take(values, low + 1, axis)
        values = here + share * (there - here)
    return values


def finer_coordinates(data: "Dataset", factor: int) -> dict[str, tuple[Any, Array, dict[str, Any]]]:
    """Name -> (dimensions, values, attributes) of the horizontal coordinates, on the finer grid.

    data: in the order inside.
    """
    pair = ("latitude", "longitude") if "latitude" in data.dims else ("y", "x")
    found: dict[str, tuple[Any, Array, dict[str, Any]]] = {}
    for axis in pair:
        if axis in data.coords:
            limit = 90.0 if axis == "latitude" else None
            values = centres(data[axis].values, factor, limit)
            found[axis] = (axis, values.astype(data[axis].dtype), data[axis].attrs)
    for name, one in data.coords.items():
        if set(one.dims) == set(pair) and one.ndim == 2:
            values = one.transpose(*pair).values.astype(np.float64)
            turned = (
                _unwound(values) if str(one.attrs.get("units", "")).startswith("deg") else values
            )
            fine = between(turned, factor).astype(one.dtype)
            found[str(name)] = (pair, fine, one.attrs)
    return found


def _unwound(degrees: Array) -> Array:
    """Without jumps of 360 degrees from point to point."""
    return np.rad2deg(np.unwrap(np.unwrap(np.deg2rad(degrees), axis=0), axis=1))
