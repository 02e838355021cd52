"""How much a result differs from its input, place by place: |after - before|, smoothed.

The difference of one voxel is mostly the noise that was taken away. Its magnitude averaged over a
neighbourhood shows where much was changed: flat over noise of one strength, raised where structure
went or came. Where the grids differ (finer voxels), the input is brought to the result's by linear
interpolation, so that the map shows what was added to that.

Both have to count the same thing. Two contrasts do not: CSF is dark in T1 and bright in T2, no
monotone map leads from one to the other, and their difference would show the contrast and not the
network. `across` finds there what one does not explain of the other.
"""

from typing import Any

import numpy as np

from undrift.common.errors import InputError
from undrift.medical.resampling import resample
from undrift.medical.volumes.geometry import same_grid
from undrift.medical.volumes.on_disk import Part, let_go, like, parts
from undrift.medical.volumes.volume import Values, Volume

WIDTH = 2.0  # mm, the least deviation of the Gaussian
_REACH = 4.0  # deviations after which it ends


def change_map(before: Volume, after: Volume, width: float | None = None) -> Values:
    """Mean |after - before| about each voxel, on the grid and in the units of `after`, >= 0.

    before, after: (x, y, z). width: deviation in mm of the Gaussian that averages; by default that
    of the longest voxel, and 2 mm at least. Beyond the faces the outermost voxels go on.
    Raises InputError for a series in time, other units than before, or a width that cannot be.
    """
    _check(before, after)
    given = before if same_grid(before, after) else resample(before, after.affine, after.grid)
    wide = width_for(after) if width is None else width
    if not (np.isfinite(wide) and wide > 0):
        raise InputError(f"a width of {width} mm; expected a length above 0")
    deviations = [wide / step for step in after.spacing]
    made = like(after.array)
    for part in parts(made):
        made[part] = _averaged(given.array, after.array, part, deviations)
        let_go(made, given.array, after.array)
    return made


def width_for(volume: Volume) -> float:
    """The default width in mm, see `change_map`."""
    return max(WIDTH, *volume.spacing)


def _check(before: Volume, after: Volume) -> None:
    if before.array.ndim != 3 or after.array.ndim != 3:
        raise InputError("a change map is of one volume (x, y, z); give one time point of a series")
    told = {before.units, after.units} - {"unknown"}
    if len(told) > 1:
        raise InputError(
            f"values of {before.units} and of {after.units} have no difference; a change map needs "
            "the same contrast before and after"
        )


def _averaged(before: Values, after: Values, part: Part, deviations: list[float]) -> Values:
    """One part of the map, from as much around it as the Gaussian reaches."""
    from scipy.ndimage import gaussian_filter

    axis, own = len(part) - 1, part[-1]
    halo = int(_REACH * deviations[axis] + 0.5)
    first = max(0, own.start - halo)
    around = (*part[:-1], slice(first, own.stop + halo))
    size = np.abs(after[around].astype(np.float32) - before[around])
    smooth: Any = gaussian_filter(size, deviations, mode="nearest", truncate=_REACH)
    return smooth[(*part[:-1], slice(own.start - first, own.stop - first))]
