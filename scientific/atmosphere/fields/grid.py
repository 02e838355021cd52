"""Where places on the Earth lie on a grid, in indices: rows and columns with fractions.

On latitudes and longitudes the indices are linear between neighbours. On a projected grid, whose
latitudes and longitudes come in two dimensions, the nearest point is found on the sphere, and the
rest by Newton's rule on the bilinear map of the neighbouring points (three rounds leave less than
1e-6 of a cell on Lambert grids).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError
from undrift.scientific.atmosphere.fields.names import places

if TYPE_CHECKING:
    from xarray import Dataset

Array = npt.NDArray[np.float64]
_ROUNDS = 4
_EDGE = 1e-6  # of a cell, that rounding may push a place beyond the border


@dataclass(frozen=True, eq=False)
class Grid:
    """latitudes, longitudes: (rows,) and (columns,), or both (rows, columns), in degrees. around:
    whether the last column is a neighbour of the first."""

    latitudes: Array
    longitudes: Array
    around: bool = False

    @classmethod
    def of(cls, data: "Dataset") -> "Grid":
        """The grid of fields in the order inside.

        Raises InputError for a projected grid without latitudes and longitudes: its places on the
        Earth are unknown then.
        """
        if "latitude" in data.dims:
            longitudes = data["longitude"].values.astype(np.float64)
            step = np.diff(longitudes)
            around = len(step) > 1 and abs(longitudes[-1] + step.mean() - longitudes[0] - 360) < (
                0.01 * step.mean()
            )
            return cls(data["latitude"].values.astype(np.float64), longitudes, bool(around))
        found = places(data)
        if found is None:
            raise InputError(
                "x and y without latitude(y, x) and longitude(y, x): where the field lies is not "
                "known; add both, or leave out what needs places (stations, weights of latitude)"
            )
        both: list[Any] = [data[n].transpose("y", "x").values.astype(np.float64) for n in found]
        return cls(both[0], both[1])

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        if self.latitudes.ndim == 2:
            return self.latitudes.shape[0], self.latitudes.shape[1]
        return len(self.latitudes), len(self.longitudes)

    def indices(self, latitudes: npt.ArrayLike, longitudes: npt.ArrayLike) -> Array:
        """(n, 2) rows and columns of n places; NaN for those outside of the grid."""
        lat = np.asarray(latitudes, np.float64)
        lon = np.asarray(longitudes, np.float64)
        if self.latitudes.ndim == 2:
            return self._curved(lat, lon)
        first = self.longitudes[0]
        turned = (lon - first) % 360 + first
        axis = self.longitudes
        if self.around:
            axis = np.append(axis, first + 360)
        beyond = turned > axis[-1] + _EDGE  # the rest of the circle, or a hair west of the border
        turned = np.where(beyond & (turned > first + 360 - _EDGE), first, turned)
        rows = _along(self.latitudes, lat)
        return np.stack([rows, _along(axis, turned)], -1)

    def _curved(self, lat: Array, lon: Array) -> Array:
        from scipy.spatial import KDTree

        tree = KDTree(_sphere(self.latitudes, self.longitudes).reshape(-1, 3))
        _, nearest = tree.query(_sphere(lat, lon))
        rows, columns = self.shape
        place = np.stack(np.unravel_index(nearest, self.shape), -1).astype(np.float64)
        for _ in range(_ROUNDS):
            low = np.floor(place).astype(int).clip(0, [rows - 2, columns - 2])
            part = place - low
            here, along_y, along_x = self._bilinear(low, part)
            misfit = np.stack([lat - here[0], _turn(lon - here[1])], -1)
            matrix = np.stack([along_y, along_x], -1).transpose(1, 0, 2)
            place = place + np.linalg.solve(matrix, misfit[..., None])[..., 0]
            place = place.clip(-2, [rows + 1.0, columns + 1.0])
        most = np.array(self.shape) - 1 + _EDGE
        inside = np.all((place >= -_EDGE) & (place <= most), axis=1, keepdims=True)
        place = place.clip(0, np.array(self.shape) - 1.0)
        return np.where(inside, place, np.nan)

    def _bilinear(self, low: npt.NDArray[Any], part: Array) -> tuple[Array, Array, Array]:
        """(2, n) latitude and longitude in the cells `low`, and their slopes along y and x."""
        i, j = low[:, 0], low[:, 1]
        y, x = part[:, 0], part[:, 1]
        found = []
        for values in (self.latitudes, self.longitudes):
            base = values[i, j]
            a, b, c = (_turn(values[k] - base) for k in ((i, j + 1), (i + 1, j), (i + 1, j + 1)))
            cross = c - a - b
            found.append((base + a * x + b * y + cross * x * y, b + cross * x, a + cross * y))
        here, along_y, along_x = (np.stack(each) for each in zip(*found, strict=True))
        return here, along_y, along_x


def _along(axis: Array, values: Array) -> Array:
    """Fractional indices on an ascending axis; NaN beyond its ends."""
    index = np.interp(values, axis, np.arange(len(axis)), left=np.nan, right=np.nan)
    index = np.where((values < axis[0]) & (values > axis[0] - _EDGE), 0.0, index)
    return np.where((values > axis[-1]) & (values < axis[-1] + _EDGE), len(axis) - 1.0, index)


def _turn(degrees: Array) -> Array:
    """Differences of angles, within +-180."""
    return (degrees + 180) % 360 - 180


def _sphere(lat: Array, lon: Array) -> Array:
    phi, lam = np.deg2rad(lat), np.deg2rad(lon)
    return np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], -1)
