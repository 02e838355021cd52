"""What a task refuses before it works: all problems of a volume in one message.

A network takes any numbers and returns plausible ones, so these are the mistakes that nobody would
notice: voxels that are no number, an empty volume, one slice where three axes are needed, a series
in time, numbers that are no Hounsfield units, a spacing far from what a model knows.
"""

from dataclasses import dataclass

import numpy as np

from undrift.common.errors import InputError
from undrift.medical.volumes.geometry import same_grid, skew
from undrift.medical.volumes.hounsfield import not_hounsfield
from undrift.medical.volumes.on_disk import extremes, folded
from undrift.medical.volumes.volume import Values, Volume


@dataclass(frozen=True)
class Needs:
    """What a task or a model needs.

    units: of the values, "" for any.  slices: at least so many along each axis.  frames: time
    points at most; 0 for any.  spacing: the least and the largest mm along any axis.  in_time: what
    to do with a series.
    """

    units: str = ""
    slices: int = 2
    frames: int = 1
    spacing: tuple[float, float] = (0.0, float("inf"))
    in_time: str = "give one of them (3D), or each in turn"


def check_volume(volume: Volume, name: str, needs: Needs | None = None) -> None:
    """Raises InputError, which lists all that is wrong with the volume called `name`."""
    needs = needs or Needs()
    found = [*_grid_problems(volume, needs), *_value_problems(volume, needs)]
    if found:
        raise InputError(f"{name}: " + "; ".join(found))


def check_pair(one: Volume, other: Volume, names: tuple[str, str]) -> None:
    """Raises InputError where two volumes are not on one grid (to a thousandth of a mm)."""
    if same_grid(one, other):
        return
    told = [f"{name} {volume.grid} at {_mm(volume)} mm, {volume.orientation}, first voxel at "
            f"{np.round(volume.affine[:3, 3], 3).tolist()}"
            for name, volume in zip(names, (one, other), strict=True)]  # fmt: skip
    raise InputError(f"not on one grid: {'; '.join(told)}. Register and resample one to the other")


def _grid_problems(volume: Volume, needs: Needs) -> list[str]:
    found = []
    if min(volume.grid) < needs.slices:
        found.append(
            f"a grid of {volume.grid} voxels, expected at least {needs.slices} along each axis; "
            "a single slice is no volume"
        )
    if needs.frames and volume.frames > needs.frames:
        found.append(f"{volume.frames} time points, expected {needs.frames}; {needs.in_time}")
    low, high = needs.spacing
    if not low <= min(volume.spacing) <= max(volume.spacing) <= high:
        found.append(f"voxels of {_mm(volume)} mm, expected {low:g} to {high:g} mm; resample it")
    if skew(volume.affine) > 0.02:
        found.append("axes that are not at right angles; resample it to a straight grid")
    return found


def _value_problems(volume: Volume, needs: Needs) -> list[str]:
    bad = int(volume.array.size - sum(folded(_finite, volume.array)))
    if bad:
        at = tuple(int(i) for i in np.argwhere(~np.isfinite(volume.array))[0])
        return [
            f"{bad} of {volume.array.size} voxels are no finite numbers, the first at {at}; set "
            "them to the value of the background"
        ]
    low, high = extremes(volume.array)
    if low == high:
        return [f"all voxels are {low:g}: there is nothing to work on"]
    if needs.units == "HU":
        return _hounsfield_problems(volume)
    if needs.units and volume.units != needs.units:
        return [f"values count '{volume.units}', expected '{needs.units}'"]
    return []


def _finite(values: Values) -> int:
    return int(np.count_nonzero(np.isfinite(values)))


def _hounsfield_problems(volume: Volume) -> list[str]:
    if told := not_hounsfield(volume.array):
        return [told]
    if volume.units not in ("HU", "unknown"):
        return [f"values count '{volume.units}', expected 'HU'"]
    return []


def _mm(volume: Volume) -> str:
    return " x ".join(f"{step:g}" for step in volume.spacing)
