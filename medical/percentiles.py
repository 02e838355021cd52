"""Percentiles of values that lie on the disk, exactly, and the maps that are measured by them.

The bits of a float32, its sign put right, are an integer of the same order. Values are counted by
the upper 16 of their bits, which tells where the wanted ranks lie, then, there alone, by the lower
16: two passes and two tables, whatever the number of values. Between two ranks the percentile is
on the line, as numpy has it.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError
from undrift.medical.intensity import IntensityMap, PercentileMap, Values
from undrift.medical.signal import MaximumSettings, PercentileSettings, Signal
from undrift.medical.volumes.on_disk import extremes, let_go, parts

Pieces = Callable[[], Iterable[Values]]  # the same values at every call
_HALF = 2**16


def percentiles(pieces: Pieces, shares: Sequence[float]) -> list[float]:
    """Percentiles (0 to 100) of all values of float32 pieces. Raises InputError for no value."""
    upper = np.zeros(_HALF, np.int64)
    for piece in pieces():
        upper += np.bincount(_keys(piece) >> 16, minlength=_HALF)
    count = int(upper.sum())
    if not count:
        raise InputError("no value to measure: nothing lies above the background")
    places = [share / 100 * (count - 1) for share in shares]
    ranks = {rank for place in places for rank in (math.floor(place), math.ceil(place))}
    ends = np.cumsum(upper)
    bins = {rank: int(np.searchsorted(ends, rank, side="right")) for rank in ranks}
    lower = {number: np.zeros(_HALF, np.int64) for number in bins.values()}
    for piece in pieces():
        keys = _keys(piece)
        for number, table in lower.items():
            table += np.bincount(keys[keys >> 16 == number] & (_HALF - 1), minlength=_HALF)
    values = {}
    for rank, number in bins.items():
        inside = rank - (int(ends[number - 1]) if number else 0)
        low = int(np.searchsorted(np.cumsum(lower[number]), inside, side="right"))
        values[rank] = _value(number * _HALF + low)
    return [
        values[math.floor(p)] + (values[math.ceil(p)] - values[math.floor(p)]) * (p % 1)
        for p in places
    ]


def measured_maximum(values: Values, given: MaximumSettings) -> float:
    """`signal.robust_maximum` of values on the disk. Raises InputError for one that is all zero."""
    largest = max(abs(end) for end in extremes(values))
    if not largest > 0 or not np.isfinite(largest):
        raise InputError(f"the largest magnitude is {largest:g}; expected a finite one above 0")
    return percentiles(above(values, given.floor * largest, np.abs), [100 * given.quantile])[0]


def measured_map(values: Values, signal: Signal) -> IntensityMap:
    """The map of a model's signal for values on the disk.

    Raises InputError for values without a foreground, and for a model of complex images.
    """
    given = signal.intensity
    if not isinstance(given, PercentileSettings):
        return signal.intensity_map(values)
    if given.floor is None:
        level = otsu_level(values)
    else:
        level = given.floor * percentiles(above(values), [99.9])[0]
    low, high = percentiles(above(values, level), [given.low, given.high])
    return PercentileMap(low, high, (given.low, given.high))


def above(
    values: Values, level: float = -math.inf, of: Callable[[Values], Values] | None = None
) -> Pieces:
    """The values, or a function of them, that lie above a level."""

    def pieces() -> Iterator[Values]:
        for part in parts(values):
            piece = values[part] if of is None else of(values[part])
            yield piece[piece > level]
            let_go(values)

    return pieces


def otsu_level(values: Values) -> float:
    """Otsu's threshold, as of `intensity.foreground`. Raises InputError for a constant volume."""
    from skimage.filters import threshold_otsu

    low, high = ends = extremes(values)
    if low == high:
        raise InputError(f"all values are {low:g}: there is no foreground")
    counts, edges = np.zeros(256, np.int64), np.zeros(257)
    for part in parts(values):
        found, edges = np.histogram(values[part], 256, ends)
        counts += found
        let_go(values)
    return float(threshold_otsu(hist=(counts, (edges[:-1] + edges[1:]) / 2)))


def _keys(values: Values) -> npt.NDArray[np.uint32]:
    bits = np.ascontiguousarray(values, np.float32).ravel().view(np.uint32)
    return np.where(bits >> 31, ~bits, bits | np.uint32(2**31))


def _value(key: int) -> float:
    bits = key - 2**31 if key >> 31 else ~key & 0xFFFFFFFF
    return float(np.uint32(bits).view(np.float32))
