"""Volumes onto other grids, and back by their change alone.

Resampling out and back blurs what was never meant to change. So a result on the model's grid is
not brought back itself; its difference to what the model got is,

    output = original + R(result - resampled original),

and where the model changed nothing, the output is the original to the last bit. Beyond the model's
grid (one voxel past its outer centres) there is no change. Interpolation is linear; before a
coarser grid, an axis with steps r times as long is smoothed by a Gaussian of sqrt(r^2 - 1) / 2
voxels.
"""

import importlib
from typing import Any

import numpy as np

from undrift.common.errors import InputError
from undrift.medical.volumes.geometry import Affine, finer, spacing
from undrift.medical.volumes.volume import Values, Volume


def resample(
    volume: Volume, affine: Affine, grid: tuple[int, int, int], outside: float | None = None
) -> Volume:
    """The volume on another grid: `grid` voxels, placed by `affine` (4, 4) in mm.

    outside: the value further than a voxel from the outer centres; by default that at the edge.
    """
    change = np.linalg.inv(volume.affine) @ affine  # from new voxels to old ones
    reach = np.abs(change[:3, :3]).max(1)  # old voxels that one new step covers
    frames = volume.array.reshape(*volume.grid, -1)
    done = np.empty((*grid, frames.shape[3]), np.float32)
    for index in range(frames.shape[3]):
        done[..., index] = _one(frames[..., index], change, reach, grid, outside)
    return volume.on_grid(done.reshape(*grid, *volume.array.shape[3:]), affine)


def resample_to_spacing(volume: Volume, millimetres: tuple[float, float, float]) -> Volume:
    """The volume in the same box (to half a voxel) with voxels of `millimetres`."""
    if min(millimetres) <= 0 or not np.isfinite(millimetres).all():
        raise InputError(f"voxels of {millimetres} mm, expected positive numbers")
    steps = spacing(volume.affine)
    wanted = [n * step / mm for n, step, mm in zip(volume.grid, steps, millimetres, strict=True)]
    x, y, z = (max(1, round(n)) for n in wanted)
    factors = tuple(step / mm for step, mm in zip(steps, millimetres, strict=True))
    return resample(volume, finer(volume.affine, (factors[0], factors[1], factors[2])), (x, y, z))


def add_change(original: Volume, given: Volume, result: Values) -> Volume:
    """The original with the change `result` - `given`, brought from the model's grid to its own.

    given: what the model got, on its own grid.  result: what it made of it, of the same shape.
    """
    if result.shape != given.array.shape:
        raise InputError(f"a result of {result.shape} for a volume of {given.array.shape}")
    if original.frames != given.frames:
        raise InputError(f"{given.frames} time points for an original with {original.frames}")
    change = given.with_array(result - given.array)
    back = resample(change, original.affine, original.grid, outside=0.0)
    return original.with_array(original.array + back.array.reshape(original.array.shape))


def _one(
    array: Values,
    change: Affine,
    reach: np.ndarray,
    grid: tuple[int, int, int],
    outside: float | None,
) -> Values:
    ndimage: Any = importlib.import_module("scipy.ndimage")
    deviations = np.sqrt(np.maximum(reach**2 - 1, 0)) / 2
    if deviations.max() > 0.05:
        array = ndimage.gaussian_filter(array, deviations, mode="nearest")
    return ndimage.affine_transform(
        np.pad(array, 1, mode="edge"),
        change[:3, :3],
        change[:3, 3] + 1,
        output_shape=grid,
        output=np.float32,
        order=1,
        mode="nearest" if outside is None else "constant",
        cval=0.0 if outside is None else outside,
    )
