"""The warnings of `honesty.guards` about volumes that lie on the disk.

Statistics of values need no more than every n-th voxel along each axis; grid, spacing and field of
view are those of the whole.
"""

import math
from typing import Any

import numpy as np

from undrift.medical.honesty.guards import guard, hounsfield_warnings
from undrift.medical.volumes.on_disk import is_on_disk, thinned
from undrift.medical.volumes.volume import Volume

ENOUGH = 2**22  # voxels
_ANY = (0.0, math.inf)


def thin(volume: Volume, most: int = ENOUGH) -> Volume:
    """A volume in memory as it is; of one on the disk, at most about `most` voxels of its grid."""
    if not is_on_disk(volume.array):
        return volume
    step = math.ceil((volume.array.size / most) ** (1 / 3))
    affine = volume.affine @ np.diag([step, step, step, 1.0])
    return volume.on_grid(thinned(volume.array, step), affine)


def guarded(volume: Volume, signal: Any) -> tuple[str, ...]:
    """What `guard` says of a volume whose values are known to be finite."""
    if not is_on_disk(volume.array):
        return guard(volume, signal)
    level = np.broadcast_to(np.float32(0), volume.array.shape)  # of no values, but of its grid
    told = [text for text in guard(volume.with_array(level), signal) if text != "all voxels are 0"]
    anywhere = signal.model_copy(update={"spacing": _ANY, "fov": _ANY})
    return tuple(dict.fromkeys([*told, *guard(thin(volume), anywhere)]))


def hounsfield(volume: Volume) -> list[str]:
    """What `hounsfield_warnings` says of it."""
    return hounsfield_warnings(thin(volume))
