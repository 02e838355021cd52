"""Stored numbers and real values: fill to NaN first, then scale and offset, and back."""

from typing import Any

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError
from undrift.scientific.hyperspectral.cubes.cube import Stored, Values

_SMALL = 2.0**-24  # what float32 rounds away, relatively


def decoded(numbers: npt.NDArray[Any], stored: Stored) -> Values:
    """Real values of stored numbers (bands, rows, columns): fill to NaN, then scale and offset.

    float32 where it tells all stored numbers apart, else float64. Raises InputError for a scale
    that is 0 or not finite, since nothing could be written back.
    """
    scale, offset = _of_bands(stored, len(numbers))
    if not (np.isfinite(scale).all() and np.isfinite(offset).all() and scale.all()):
        raise InputError("a scale of 0, or a scale or offset that is no number; set it to 1 or 0")
    short = _short(numbers.dtype, scale, offset)
    out = np.empty(numbers.shape, np.float32 if short else np.float64)
    for band, plane in enumerate(numbers):  # one by one: cubes are large
        out[band] = plane.astype(np.float64) * scale[band] + offset[band]
        if stored.fill is not None:
            out[band][_is_fill(plane, stored.fill)] = np.nan
    return out


def encoded(values: Values, stored: Stored) -> tuple[npt.NDArray[Any], int, float | None]:
    """Stored numbers (bands, rows, columns) of real values, how many were clipped, and the fill.

    Integers are rounded and clipped to their type. NaN needs a fill: the file's, or where it names
    none the least number of a signed type and the largest of an unsigned one, whose 0 is a value.
    A value that would be stored as the fill moves by one, or it would be missing when read.
    """
    kind, fill = np.dtype(stored.dtype), stored.fill
    if kind.kind in "iu" and not _holds(fill, kind) and np.isnan(values).any():
        fill = _limits(kind)[0 if kind.kind == "i" else 1]
    scale, offset = _of_bands(stored, len(values))
    out, clipped = np.empty(values.shape, kind), 0
    for band, plane in enumerate(values):
        numbers = (plane.astype(np.float64) - offset[band]) / scale[band]
        out[band], beyond = _stored_plane(numbers, kind, fill)
        clipped += beyond
    return out, clipped, fill


def _stored_plane(
    numbers: npt.NDArray[np.float64], kind: np.dtype, fill: float | None
) -> tuple[npt.NDArray[Any], int]:
    """Numbers of one band in their type, and how many were clipped."""
    empty, clipped = np.isnan(numbers), 0
    if kind.kind in "iu":
        low, high = _limits(kind)
        numbers = np.rint(np.where(empty, 0, numbers))
        clipped = int(((numbers < low) | (numbers > high)).sum())
        numbers = numbers.clip(low, high)
    out = numbers.astype(kind)
    if fill is not None and _holds(fill, kind) and not np.isnan(fill):
        out[~empty & _is_fill(out, fill)] = _beside(fill, kind)
        out[empty] = _cast(fill, kind)
    return out, clipped


def holding(dtype: str, known: tuple[str, ...]) -> str:
    """The first type of `known` that holds every number of `dtype`, else float64."""
    return next((name for name in known if np.can_cast(dtype, name)), "float64")


def fill_of(text: Any) -> float | None:
    """A fill value as a number, from text, numpy's scalars or arrays of one; None of nothing."""
    if text is None:
        return None
    found = np.asarray(text).reshape(-1)
    try:
        return float(found[0]) if found.size else None
    except (TypeError, ValueError):
        raise InputError(f"fill value {text!r}; expected a number") from None


def _of_bands(
    stored: Stored, bands: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Scale and offset of every band."""
    both = (stored.scale, stored.offset)
    scale, offset = (np.broadcast_to(np.asarray(x, np.float64), bands) for x in both)
    return scale, offset


def _short(kind: np.dtype, scale: np.ndarray, offset: np.ndarray) -> bool:
    """Whether float32 keeps neighbouring numbers a quarter apart or better."""
    if kind.kind == "f":
        return kind.itemsize <= 4 and not np.any(offset)
    if kind.kind not in "iub" or kind.itemsize > 2:
        return False
    reach = np.abs(scale) * 2.0 ** (8 * kind.itemsize) + np.abs(offset)
    return bool(np.all(reach * _SMALL < np.abs(scale) / 4))


def _limits(kind: np.dtype) -> tuple[float, float]:
    """The least and the largest number, as floats within the type."""
    limits = np.iinfo(kind)
    high = float(limits.max)
    return float(limits.min), high if int(high) <= limits.max else float(np.nextafter(high, 0))


def _holds(fill: float | None, kind: np.dtype) -> bool:
    """Whether the type has this number; floats have all."""
    if fill is None or kind.kind == "f":
        return fill is not None
    return fill == np.rint(fill) and np.iinfo(kind).min <= fill <= np.iinfo(kind).max


def _cast(fill: float, kind: np.dtype) -> Any:
    return int(fill) if kind.kind in "iu" and abs(fill) < 2.0**53 else kind.type(fill)


def _beside(fill: float, kind: np.dtype) -> Any:
    if kind.kind == "f":
        return np.nextafter(kind.type(fill), kind.type(np.inf if fill < 0 else -np.inf))
    return _cast(fill, kind) + (1 if fill < np.iinfo(kind).max else -1)


def _is_fill(numbers: npt.NDArray[Any], fill: float) -> npt.NDArray[np.bool_]:
    if np.isnan(fill):
        return np.isnan(numbers) if numbers.dtype.kind == "f" else np.zeros(numbers.shape, bool)
    if numbers.dtype.kind == "f":
        with np.errstate(over="ignore"):
            return numbers == numbers.dtype.type(fill)
    return numbers == fill
