"""The finer grid of a volume of thick slices: whole numbers of voxels in the same box of the world.

Its axes divide those of the scan, so the scan is a known average of it and nothing is turned.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from undrift.common.errors import UsageError
from undrift.medical.slice_profile import (
    Matrix,
    applied,
    cubic_matrix,
    gain_matrix,
    slice_matrix,
)
from undrift.medical.volumes.geometry import Affine, finer
from undrift.medical.volumes.volume import Values, Volume

Three = tuple[float, float, float]


@dataclass(frozen=True)
class Finer:
    """The finer grid of a volume: voxels along its axes, and what share of a step slices cover."""

    old: tuple[int, int, int]
    new: tuple[int, int, int]
    share: float
    affine: Affine = field(repr=False)

    @classmethod
    def of(
        cls, volume: Volume, spacing: str | float | Sequence[float], thickness: float | None
    ) -> "Finer":
        """Raises UsageError for a spacing that is coarser, or not finer along any axis."""
        steps, wanted = volume.spacing, wanted_spacing(spacing, volume.spacing)
        told = " x ".join(f"{step:g}" for step in steps)
        if any(mm > 1.05 * step for mm, step in zip(wanted, steps, strict=True)):
            raise UsageError(f"spacing {wanted} is coarser than {told} mm; resample the volume")
        x, y, z = (
            max(n, round(n * step / mm))
            for n, step, mm in zip(volume.grid, steps, wanted, strict=True)
        )
        if (x, y, z) == volume.grid:
            raise UsageError(f"voxels of {told} mm are as fine as that already")
        share = 1.0 if thickness is None else thickness / max(steps)
        factors = (x / volume.grid[0], y / volume.grid[1], z / volume.grid[2])
        return cls(volume.grid, (x, y, z), share, finer(volume.affine, factors))

    @property
    def factors(self) -> Three:
        """Fine voxels for each of the old ones, along each axis."""
        x, y, z = (new / old for new, old in zip(self.new, self.old, strict=True))
        return x, y, z

    def matrices(self) -> list[Matrix | None]:
        """(n, N) of each axis; None where it stays. The thickness is of the coarsest axis."""
        coarsest = int(np.argmax(self.factors))
        return [
            None if old == new else slice_matrix(old, new, self.share if axis == coarsest else 1.0)
            for axis, (old, new) in enumerate(zip(self.old, self.new, strict=True))
        ]

    def sliced(self, values: Values) -> Values:
        """What the scanner makes of fine values."""
        return applied(_tensor(values), self.matrices()).numpy()

    def interpolated(self, values: Values) -> Values:
        """The cubic spline, with M^+ of what its slices lack."""
        cubic = [
            None if old == new else cubic_matrix(old, new)
            for old, new in zip(self.old, self.new, strict=True)
        ]
        made = applied(_tensor(values), cubic)
        back = [None if m is None else gain_matrix(m, 1.0, 0.0) for m in self.matrices()]
        left = _tensor(values) - applied(made, self.matrices())
        return (made + applied(left, back)).numpy()


def wanted_spacing(spacing: str | float | Sequence[float], given_mm: Three) -> Three:
    """Three lengths in mm; text as the command has it. Raises UsageError."""
    if spacing == "isotropic":
        least = min(given_mm)
        return least, least, least
    try:
        parts = spacing.split(",") if isinstance(spacing, str) else spacing
        numbers = [float(v) for v in (parts if isinstance(parts, Sequence) else [parts])]
    except ValueError:
        numbers = []
    if len(numbers) == 1:
        numbers = [min(numbers[0], step) for step in given_mm]
    if len(numbers) != 3 or not min(numbers) > 0 or not np.isfinite(numbers).all():
        raise UsageError(f"spacing {spacing!r}: expected mm such as 1 or 1,1,1, or isotropic")
    return numbers[0], numbers[1], numbers[2]


def _tensor(values: Values) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))
