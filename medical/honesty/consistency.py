"""Do slices flicker, do tiles show?  Two indices of the residual, after - before.

Flicker, per axis: mean |difference of adjacent slices| across that axis over the mean of the two
others, inside the body. White noise and smooth changes of cubic voxels have 1; a network that
works slice by slice leaves changes that jump across its slice axis, well above 1. Thick slices
alone raise it: what changes smoothly in mm changes more from one thick slice to the next. So the
same index of the input itself stands beside it.

Seams, per axis: mean |difference| across each plane over that of the planes on either side, 1
where nothing changes there. With tile borders known, the largest of theirs; else the largest of
all planes, of which a few chance ones exceed 1 in small volumes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError
from undrift.medical.volumes.volume import Values

Mask = npt.NDArray[np.bool_]
CAP = 1e6  # an index stays finite, also where there is no change within slices at all
FLICKERS, SEAM = 1.5, 2.0  # above these a warning


@dataclass(frozen=True)
class Flicker:
    """The index across x, y and z; `given` is that of the input."""

    index: tuple[float, float, float]
    given: tuple[float, float, float] | None = None

    @property
    def worst(self) -> int:
        """The axis with the largest index."""
        return int(np.argmax(self.index))

    def warnings(self) -> tuple[str, ...]:
        """Says so where the residual flickers, and does so 1.5 times as much as the input."""
        own = self.given[self.worst] if self.given else 1.0
        value = self.index[self.worst]
        if value <= FLICKERS * max(1.0, own):
            return ()
        return (
            f"slices along axis {'xyz'[self.worst]} flicker: the change jumps {value:.3g} times as "
            "much from slice to slice as within slices",
        )


@dataclass(frozen=True)
class Seams:
    """The largest seam: its index, axis and plane (between voxels plane - 1 and plane)."""

    index: float
    axis: int
    plane: int
    known: bool  # whether the borders of tiles were given

    def warnings(self) -> tuple[str, ...]:
        """Says so where the index exceeds 2."""
        if self.index <= SEAM:
            return ()
        what = "border of tiles" if self.known else "plane"
        return (
            f"the change jumps {self.index:.3g} times as much across the {what} "
            f"{'xyz'[self.axis]} = {self.plane} as beside it; try a larger tile or overlap",
        )


def flicker(residual: Values, body: Mask | None = None, given: Values | None = None) -> Flicker:
    """The index of a residual (x, y, z); axes of one voxel have index 0. given: the input."""
    index = _flicker(residual, body)
    return Flicker(index, None if given is None else _flicker(given, body))


def seams(
    residual: Values,
    body: Mask | None = None,
    borders: Mapping[int, Sequence[int]] | None = None,
) -> Seams | None:
    """The largest seam; None where no axis has the four voxels it takes, or nothing changes.

    borders: axis -> planes, each the index of the first voxel after a border of tiles.
    Raises InputError for a plane outside the volume.
    """
    found: Seams | None = None
    for axis in range(3):
        steps = _steps(residual, axis, body)
        planes = range(2, len(steps)) if borders is None else borders.get(axis, ())
        for plane in planes:
            if not 0 < plane < residual.shape[axis]:
                raise InputError(
                    f"axis {axis} has no plane {plane}, it has {len(steps) + 1} voxels"
                )
            beside = [steps[p - 1] for p in (plane - 1, plane + 1) if 0 < p <= len(steps)]
            here, usual = steps[plane - 1], float(np.mean(beside)) if beside else 0.0
            if not np.isfinite([here, usual]).all() or here == 0:
                continue
            index = float(min(CAP, here / max(usual, here / CAP)))
            if found is None or index > found.index:
                found = Seams(index, axis, plane, borders is not None)
    return found


def _flicker(array: Values, body: Mask | None) -> tuple[float, float, float]:
    means = [_mean_step(array, axis, body) for axis in range(3)]
    found = [0.0, 0.0, 0.0]
    for axis in range(3):
        others = [means[a] for a in range(3) if a != axis and means[a] is not None]
        here = means[axis]
        if here and others:
            usual = float(np.mean([other or 0.0 for other in others]))
            found[axis] = min(CAP, here / max(usual, here / CAP))
    return found[0], found[1], found[2]


def _mean_step(array: Values, axis: int, body: Mask | None) -> float | None:
    """Mean |difference of neighbours| within the body; None along an axis of one voxel."""
    if array.shape[axis] < 2:
        return None
    steps = np.abs(np.diff(array, axis=axis))
    if body is None:
        return float(steps.mean(dtype=np.float64))
    both = _pairs(body, axis)
    return float(steps[both].mean(dtype=np.float64)) if both.any() else 0.0


def _steps(array: Values, axis: int, body: Mask | None) -> npt.NDArray[Any]:
    """Mean |difference| across each plane along an axis, NaN where there is hardly any body."""
    others = tuple(a for a in range(3) if a != axis)
    steps = np.abs(np.diff(array, axis=axis)).astype(np.float64)
    if body is None:
        return steps.mean(axis=others) if steps.size else np.zeros(0)
    both = _pairs(body, axis)
    count = both.sum(axis=others)
    total = np.where(both, steps, 0).sum(axis=others)
    return np.where(count > 0.1 * count.max(initial=0), total / np.maximum(count, 1), np.nan)


def _pairs(body: Mask, axis: int) -> Any:
    first = np.take(body, range(body.shape[axis] - 1), axis)
    return first & np.take(body, range(1, body.shape[axis]), axis)
