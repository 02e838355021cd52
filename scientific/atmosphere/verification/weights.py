"""Weights of latitudes: the area of a row of cells on the sphere, with mean 1."""

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError

Array = npt.NDArray[np.float64]


def cell_area(latitudes: npt.ArrayLike) -> Array:
    """(n,) weights: sin(upper bound) - sin(lower bound) of each cell (as WeatherBench 2).

    Bounds lie halfway between latitudes, in degrees, and at the poles at the ends; the order may be
    ascending or descending. Raises InputError for latitudes beyond +-90 or not in order.
    """
    values = _ordered(latitudes)
    rising = np.sort(values)
    bounds = np.concatenate([[-90.0], (rising[1:] + rising[:-1]) / 2, [90.0]])
    area = np.diff(np.sin(np.deg2rad(bounds)))
    return (area if values[0] == rising[0] else area[::-1]) / area.mean()


def cosine(latitudes: npt.ArrayLike) -> Array:
    """(n,) weights: cos(latitude), what many programs use; near the poles it differs.

    Raises InputError as `cell_area`.
    """
    weights = np.cos(np.deg2rad(_ordered(latitudes)))
    return weights / weights.mean()


def _ordered(latitudes: npt.ArrayLike) -> Array:
    values = np.asarray(latitudes, np.float64)
    steps = np.diff(values)
    fits = values.ndim == 1 and values.size > 0 and np.abs(values).max() <= 90
    if not fits or not ((steps > 0).all() or (steps < 0).all()):
        raise InputError(
            f"latitudes of shape {values.shape}; expected (n,) degrees within +-90, in order"
        )
    return values
