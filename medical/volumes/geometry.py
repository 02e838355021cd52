"""Affines: spacing, orientation, turning to a fixed orientation and exactly back.

The affine's columns are the steps from voxel to voxel in millimetres; spacing is their length,
never the diagonal (which is wrong as soon as a scan is oblique). Turning permutes and flips axes,
hence moves every value and changes none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError

if TYPE_CHECKING:
    from undrift.medical.volumes.volume import Values, Volume

Affine = npt.NDArray[np.float64]  # (4, 4)

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])  # from RAS+ to LPS+ and back


def check_affine(affine: Affine) -> None:
    """Raises InputError for what is no affine of a grid."""
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        raise InputError(f"expected a finite (4, 4) affine, got {np.asarray(affine).tolist()}")
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    if not steps.all() or abs(np.linalg.det(affine[:3, :3] / np.where(steps, steps, 1))) < 1e-3:
        raise InputError(
            f"the affine {affine[:3, :3].tolist()} has axes of no length or in one plane; "
            "repair the header of the file"
        )


def spacing(affine: Affine) -> tuple[float, float, float]:
    """Millimetres between voxels along each axis."""
    x, y, z = (float(step) for step in np.linalg.norm(affine[:3, :3], axis=0))
    return x, y, z


def orientation(affine: Affine) -> str:
    """The ends that the axes point to, such as "RAS"."""
    from nibabel.orientations import aff2axcodes

    return "".join(str(code) for code in aff2axcodes(affine))


def skew(affine: Affine) -> float:
    """How far the axes are from right angles: the largest cosine between two of them."""
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return float(np.abs(axes.T @ axes - np.eye(3)).max())


def same_grid(one: "Volume", other: "Volume", tolerance: float = 1e-3) -> bool:
    """Whether every voxel of two volumes lies at the same place, to `tolerance` in mm."""
    if one.grid != other.grid:
        return False
    corners = np.array(
        [[*np.multiply(at, np.subtract(one.grid, 1)), 1] for at in np.ndindex(2, 2, 2)]
    )
    return bool(np.abs((one.affine - other.affine) @ corners.T).max() <= tolerance)


def finer(affine: Affine, factors: tuple[float, float, float]) -> Affine:
    """The affine of a grid with `factors` times as many voxels along each axis in the same box.

    The box of a grid reaches half a voxel beyond the outer voxels' centres: voxel i of the new
    grid lies at (i + 1/2) / factor - 1/2 of the old one.
    """
    inverse = 1 / np.asarray(factors, np.float64)
    change = np.diag([*inverse, 1.0])
    change[:3, 3] = inverse / 2 - 0.5
    return affine @ change


@dataclass(frozen=True)
class Turn:
    """A permutation and flips of the first three axes: axis n of the result is axis order[n]."""

    order: tuple[int, int, int]
    flips: tuple[bool, bool, bool]  # of the result's axes

    def apply(self, array: "Values") -> "Values":
        """(x, y, z[, t]) turned; a view."""
        turned = array.transpose(*self.order, *range(3, array.ndim))
        return turned[tuple(slice(None, None, -1 if flip else 1) for flip in self.flips)]

    def undo(self, array: "Values") -> "Values":
        """The inverse of `apply`; a view."""
        back = array[tuple(slice(None, None, -1 if flip else 1) for flip in self.flips)]
        return back.transpose(*np.argsort(self.order), *range(3, array.ndim))

    def borders_back(
        self, borders: Mapping[int, Sequence[int]], grid: tuple[int, int, int]
    ) -> dict[int, list[int]]:
        """Axis -> planes of the turned array as those of the array with `grid` voxels.

        A plane is the index of the first voxel after it.
        """
        found = {}
        for new, planes in borders.items():
            old, flip = self.order[new], self.flips[new]
            found[old] = sorted(grid[old] - plane if flip else plane for plane in planes)
        return found

    def affine(self, affine: Affine, grid: tuple[int, int, int]) -> Affine:
        """The affine of the turned array, from that of the array with `grid` voxels."""
        change = np.zeros((4, 4))
        change[3, 3] = 1.0
        for new, (old, flip) in enumerate(zip(self.order, self.flips, strict=True)):
            change[old, new] = -1.0 if flip else 1.0
            change[old, 3] = grid[old] - 1 if flip else 0.0
        return affine @ change


def turn_to(affine: Affine, axes: str = "RAS") -> Turn:
    """The turn that brings a grid nearest to `axes`, three letters of R L, A P, S I.

    >>> turn_to(np.diag([-2.0, 2.0, 2.0, 1.0]))
    Turn(order=(0, 1, 2), flips=(True, False, False))
    """
    from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

    try:
        wanted = axcodes2ornt(tuple(axes))
    except ValueError:
        wanted = np.array([[np.nan]])
    if wanted.shape != (3, 2) or sorted(wanted[:, 0]) != [0, 1, 2]:
        raise InputError(f"expected axes such as 'RAS' or 'LPS', got {axes!r}")
    found = ornt_transform(io_orientation(affine), wanted)
    order = [0, 0, 0]
    flips = [False, False, False]
    for old, (new, sign) in enumerate(found):
        order[int(new)], flips[int(new)] = old, bool(sign < 0)
    return Turn((order[0], order[1], order[2]), (flips[0], flips[1], flips[2]))


def turned(volume: "Volume", axes: str = "RAS") -> tuple["Volume", Turn]:
    """The volume with its axes nearest to `axes`, and the turn, whose `undo` leads back."""
    turn = turn_to(volume.affine, axes)
    affine = turn.affine(volume.affine, volume.grid)
    return volume.on_grid(turn.apply(volume.array), affine), turn
