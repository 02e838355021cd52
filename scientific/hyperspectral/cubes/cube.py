"""What a cube is: values on (bands, rows, columns), where the bands lie, and how a file kept them.

Values are real ones, reflectance or radiance: fill values become NaN first, and only then is the
scale of the file applied, since -9999 over 10000 looks like a value. Bands are known by their
wavelength in nanometres, never by their number.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError

Values = npt.NDArray[np.floating[Any]]
Axis = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Stored:
    """How a file keeps its cube.

    kind: "envi", "mat", "hdf5", "netcdf", "geotiff", or "none" for what never was a file.
    dtype: numpy's name of the stored type, without byte order.
    scale, offset: (bands,) or one number: value = scale * stored number + offset.
    fill: the stored number that means "no value"; None where the file names none.
    layout: of the axes in the file, such as "bil" or "hwc". header: all else the file said, as its
    writer wants it; never changed.
    """

    kind: str = "none"
    dtype: str = "float32"
    scale: float | Axis = 1.0
    offset: float | Axis = 0.0
    fill: float | None = None
    layout: str = "bsq"
    header: Any = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class Cube:
    """array: (bands, rows, columns) float32 (float64 if the file needs it), NaN where no value is.

    wavelengths, fwhm: (bands,) in nm, centre and full width at half maximum, or None. good:
    (bands,) bool, False for the bands that the file calls bad, or None. notes: what the reader
    guessed or found odd, one sentence each.

    Raises InputError for other shapes.
    """

    array: Values
    wavelengths: Axis | None = None
    fwhm: Axis | None = None
    good: npt.NDArray[np.bool_] | None = None
    stored: Stored = field(default_factory=Stored)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.array.ndim != 3 or not self.array.size or self.array.dtype.kind != "f":
            raise InputError(
                f"expected floats (bands, rows, columns), got {self.array.dtype} {self.array.shape}"
            )
        for name in ("wavelengths", "fwhm", "good"):
            values = getattr(self, name)
            if values is not None and values.shape != (self.bands,):
                raise InputError(f"{name} of shape {values.shape} for {self.bands} bands")

    @property
    def bands(self) -> int:
        return self.array.shape[0]

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        """(bands, rows, columns): where there is no value."""
        return np.isnan(self.array)

    def with_array(self, array: Values) -> "Cube":
        """Other values of the same shape, with all else kept. Raises InputError."""
        if array.shape != self.array.shape:
            raise InputError(f"expected values of {self.array.shape}, got {array.shape}")
        return replace(self, array=array)


def to_nanometres(values: npt.ArrayLike, unit: str | None) -> tuple[Axis, str | None]:
    """Wavelengths in nm, and a note where the unit had to be guessed.

    unit: "Nanometers", "Micrometers", "Wavenumber" (per cm), in any spelling that begins so, or
    None or "Unknown": below 100 they are taken for micrometres. Raises InputError for another unit
    and values that are not positive.
    """
    x = np.asarray(values, np.float64)
    if not (np.isfinite(x).all() and (x > 0).all()):
        raise InputError(f"wavelengths from {x.min():g} to {x.max():g}; expected numbers > 0")
    known = (unit or "unknown").strip().lower()
    if known in ("nm", "") or known.startswith("nanomet"):
        return x, None
    if known in ("um", "µm", "μm") or known.startswith("micro"):
        return 1000 * x, None
    if known.startswith("wavenumber") or known in ("1/cm", "cm-1"):
        return 1e7 / x, None
    if known in ("unknown", "index"):
        guess = "micrometres" if x.max() < 100 else "nanometres"
        factor = 1000.0 if x.max() < 100 else 1.0
        return factor * x, f"wavelengths without a unit, up to {x.max():g}, taken for {guess}"
    raise InputError(
        f"unknown unit of wavelengths '{unit}'; known: Nanometers, Micrometers, Wavenumber"
    )


def decoded(numbers: npt.NDArray[Any], stored: Stored, band_axis: int = 0) -> Values:
    """Real values of stored numbers: fill to NaN, then scale and offset of the bands.

    float32 where it holds every stored number exactly, else float64.
    """
    exact = numbers.dtype.kind == "f" and numbers.dtype.itemsize <= 4
    exact = exact or (numbers.dtype.kind in "iub" and numbers.dtype.itemsize <= 2)
    values = numbers.astype(np.float64)
    if stored.fill is not None:
        values[_is_fill(numbers, stored.fill)] = np.nan
    shape = [1, 1, 1]
    shape[band_axis] = -1
    scale, offset = (
        x if np.ndim(x) == 0 else np.asarray(x).reshape(shape)
        for x in (stored.scale, stored.offset)
    )
    return (values * scale + offset).astype(np.float32 if exact else np.float64)


def encoded(values: Values, stored: Stored) -> tuple[npt.NDArray[Any], int, float | None]:
    """Stored numbers (bands, rows, columns) of real values, how many were clipped, and the fill.

    Integers are rounded and clipped to their type. NaN needs a fill: the file's, or the least
    number of the type where it names none (the fill returned; NaN itself in floats).
    """
    kind = np.dtype(stored.dtype)
    scale, offset = (
        x if np.ndim(x) == 0 else np.asarray(x).reshape(-1, 1, 1)
        for x in (stored.scale, stored.offset)
    )
    numbers = (values.astype(np.float64) - offset) / scale
    empty, fill, clipped = np.isnan(numbers), stored.fill, 0
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        if fill is None and empty.any():
            fill = float(limits.min)
        numbers = np.rint(np.where(empty, 0, numbers))
        clipped = int(((numbers < limits.min) | (numbers > limits.max)).sum())
        numbers = numbers.clip(limits.min, limits.max)
    if fill is not None:
        numbers = np.where(empty, fill, numbers)
    return numbers.astype(kind), clipped, fill


def _is_fill(numbers: npt.NDArray[Any], fill: float) -> npt.NDArray[np.bool_]:
    if np.isnan(fill):
        return np.isnan(numbers) if numbers.dtype.kind == "f" else np.zeros(numbers.shape, bool)
    if numbers.dtype.kind == "f":
        return numbers == numbers.dtype.type(fill)
    return numbers == fill
