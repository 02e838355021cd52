"""Real values as the numbers of a file: type, slope, rounding, and a count of what did not fit.

A stored number q means slope * q + inter. `same` keeps type, slope and intercept of the source, so
that a value that was not changed is stored as the very same number. Hounsfield units in integers
are further kept within [-1024, 3071], or wider where the source itself was wider (metal, padding).
`int16` spreads the range of the values over 16 bits (slope 1 for HU); `float32` stores them as
they are. Rounding is to the nearest stored number; what lies beyond the ends is cut and counted.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError, UsageError, nearest
from undrift.medical.volumes.on_disk import extremes
from undrift.medical.volumes.volume import Stored, Values, Volume

DTYPES = ("same", "float32", "int16")
HU = (-1024.0, 3071.0)  # what CT scanners store in 12 bits


@dataclass(frozen=True)
class Storage:
    """How values become numbers.  low, high: the ends, in real values; None where there is none."""

    dtype: np.dtype
    slope: float = 1.0
    inter: float = 0.0
    low: float | None = None
    high: float | None = None

    def keeps(self, stored: Stored) -> bool:
        """Whether numbers mean what they mean in the source."""
        mine = (self.dtype.name, self.slope, self.inter)
        return mine == (stored.dtype, stored.slope, stored.inter)

    def store(self, values: Values) -> tuple[npt.NDArray, int]:
        """The numbers, and how many values were beyond the ends."""
        if self.dtype.kind == "f" and (self.slope, self.inter) == (1.0, 0.0):
            return values.astype(self.dtype), 0
        numbers = (values.astype(np.float64) - self.inter) / self.slope
        if self.dtype.kind == "f":
            return numbers.astype(self.dtype), 0
        if not np.isfinite(numbers).all():
            raise InputError("values that are not finite cannot be stored as integers")
        low, high = self._ends()
        np.rint(numbers, out=numbers)
        cut = int(np.count_nonzero((numbers < low) | (numbers > high)))
        return np.clip(numbers, low, high).astype(self.dtype), cut

    def _ends(self) -> tuple[float, float]:
        limits = np.iinfo(self.dtype)
        low, high = float(limits.min), float(limits.max)
        ends = [(end - self.inter) / self.slope for end in (self.low, self.high) if end is not None]
        if ends:
            low, high = max(low, np.ceil(min(ends))), min(high, np.floor(max(ends)))
        return low, high


def plan_storage(volume: Volume, dtype: str = "same") -> Storage:
    """How `volume` is stored: "same" as its file, "float32", or "int16".

    Raises UsageError for another word.
    """
    if dtype not in DTYPES:
        known = ", ".join(DTYPES)
        raise UsageError(
            f"unknown type {dtype!r} of voxels{nearest(dtype, DTYPES)}; known: {known}"
        )
    stored = volume.stored
    if dtype == "float32":
        return Storage(np.dtype(np.float32))
    if dtype == "same" and stored.slope is not None and stored.inter is not None:
        kept = Storage(np.dtype(stored.dtype), stored.slope, stored.inter)
        return _within(volume, kept) if kept.dtype.kind in "iu" else kept
    if volume.units == "HU":
        return _within(volume, Storage(np.dtype(np.int16)))
    return _spread(volume.array)


def _within(volume: Volume, storage: Storage) -> Storage:
    """The same with ends: those of the stored type, and for HU those of a scanner."""
    stored = volume.stored
    ends = [float(end) for end in (np.iinfo(storage.dtype).min, np.iinfo(storage.dtype).max)]
    if stored.limits is not None and storage.keeps(stored):
        ends = [float(end) for end in stored.limits]
    low, high = sorted(end * storage.slope + storage.inter for end in ends)
    if volume.units == "HU":
        span = stored.span or HU
        low, high = max(low, min(HU[0], span[0])), min(high, max(HU[1], span[1]))
    return Storage(storage.dtype, storage.slope, storage.inter, low, high)


def _spread(values: Values) -> Storage:
    """16 bits over the range of the values, zero exactly stored where it lies within."""
    low, high = extremes(values)
    inter = 0.0 if low <= 0 <= high else float(np.float32((low + high) / 2))
    slope = np.float32(max((high - inter) / 32767, (inter - low) / 32768))
    if not slope:
        return Storage(np.dtype(np.int16), 1.0, inter)
    up = np.nextafter(slope, np.float32(np.inf))  # files keep the slope in 32 bits
    return Storage(np.dtype(np.int16), float(up), inter)
