"""What a volume is: values on a grid of voxels with a place in the world, and how a file kept them.

Voxel (i, j, k) lies at affine @ (i, j, k, 1), in millimetres to the right, anterior and superior
(RAS+, NIfTI's axes; DICOM and ITK count to the left and posterior, which the readers turn round).
Values are real ones: whatever scale the file had is applied. float32 holds integers up to 2**24
exactly, hence every number of an 8-bit or 16-bit file comes back.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError
from undrift.medical.volumes import geometry

Values = npt.NDArray[np.float32]  # (x, y, z) or (x, y, z, t)


@dataclass(frozen=True)
class Stored:
    """How a file keeps its volume.

    kind: "nifti", "dicom", "itk", or "none" for what never was a file.
    dtype: numpy's name of the stored type, without byte order.
    slope, inter: value = slope * stored number + inter; None where each slice has its own.
    limits: the smallest and largest number that may be stored, where the type alone does not say.
    span: the smallest and largest value of the file.
    header: the whole head of the file, as the writer of its kind wants it; never changed.
    """

    kind: str = "none"
    dtype: str = "float32"
    slope: float | None = 1.0
    inter: float | None = 0.0
    limits: tuple[int, int] | None = None
    span: tuple[float, float] | None = None
    header: Any = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class Volume:
    """A volume in memory.

    array: (x, y, z) or (x, y, z, t) float32 in real units.  affine: (4, 4) float64, from voxel to
    millimetre, RAS+.  units: what a value counts, "HU" for CT, "unknown" where nobody said.
    stored: how its file kept it.  notes: what the reader found odd, one sentence each.

    Raises InputError where shape, type or affine are not so.
    """

    array: Values
    affine: geometry.Affine
    units: str = "unknown"
    stored: Stored = field(default_factory=Stored)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.array.ndim not in (3, 4) or self.array.dtype != np.float32 or not self.array.size:
            raise InputError(
                f"expected a float32 array (x, y, z) or (x, y, z, t), got {self.array.dtype} "
                f"{self.array.shape}"
            )
        geometry.check_affine(self.affine)

    @property
    def grid(self) -> tuple[int, int, int]:
        """Voxels along x, y and z."""
        x, y, z = self.array.shape[:3]
        return x, y, z

    @property
    def frames(self) -> int:
        """The number of time points, 1 for (x, y, z)."""
        return self.array.shape[3] if self.array.ndim == 4 else 1

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Millimetres between voxels along x, y and z."""
        return geometry.spacing(self.affine)

    @property
    def orientation(self) -> str:
        """Where the axes point, such as "RAS" or "LPS", to the nearest axis of the body."""
        return geometry.orientation(self.affine)

    def with_array(self, array: Values, units: str | None = None) -> "Volume":
        """The same grid and file with other values. Raises InputError for another shape."""
        if array.shape != self.array.shape:
            raise InputError(
                f"expected values of shape {self.array.shape}, got {array.shape}; "
                "a new grid goes through `on_grid`"
            )
        return replace(self, array=array, units=units or self.units)

    def on_grid(self, array: Values, affine: geometry.Affine) -> "Volume":
        """The same file on another grid: `array` with its own affine (4, 4) in millimetres."""
        return replace(self, array=array, affine=np.asarray(affine, np.float64))
