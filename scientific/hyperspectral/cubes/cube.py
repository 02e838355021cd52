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
from undrift.scientific.hyperspectral.cubes.place import Place

Values = npt.NDArray[np.floating[Any]]
Axis = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Stored:
    """How a file keeps its cube.

    kind: "envi", "geotiff", "mat", "hdf5", "netcdf3", "xarray", or "none" for what never was one.
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
    guessed or found odd, one sentence each. place: where on earth, None where the file is silent.

    Raises InputError for other shapes.
    """

    array: Values
    wavelengths: Axis | None = None
    fwhm: Axis | None = None
    good: npt.NDArray[np.bool_] | None = None
    stored: Stored = field(default_factory=Stored)
    notes: tuple[str, ...] = ()
    place: Place | None = None

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
    known = (unit or "unknown").strip().lower().replace("\udcb5", "µ")  # Latin-1 read as UTF-8
    if known in ("nm", "") or known.startswith("nanomet"):
        return x, None
    if known in ("um", "µm", "μm") or known.startswith("micro"):
        return 1000 * x, None
    if known in ("m", "metre", "meter", "metres", "meters"):  # the unit of the CF conventions
        return 1e9 * x, None
    if known.startswith("wavenumber") or known in ("1/cm", "cm-1"):
        return 1e7 / x, None
    if known in ("unknown", "index"):
        guess = "micrometres" if x.max() < 100 else "nanometres"
        factor = 1000.0 if x.max() < 100 else 1.0
        return factor * x, f"wavelengths without a unit, up to {x.max():g}, taken for {guess}"
    raise InputError(
        f"unknown unit of wavelengths '{unit}'; known: Nanometers, Micrometers, Wavenumber"
    )
