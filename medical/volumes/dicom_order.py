"""The order of the slices of a DICOM series, by where they lie and never by name or number.

A slice lies at ImagePositionPatient (mm, LPS+); its rows and columns run along the two unit vectors
of ImageOrientationPatient (PS3.3 C.7.6.2.1.1), and their cross product is the normal. Slices are
sorted by position along the normal. One position held twice, a missing slice, steps that are not
equal, a tilted gantry (steps that leave the normal) and differing orientations or sizes are errors
that name the slices: a volume with a hole has no affine.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.errors import InputError
from undrift.medical.volumes import geometry

_EQUAL = 0.01  # of a step, what positions may differ by
_SAME = 1e-4  # what cosines may differ by


def ordered(slices: Sequence[Any]) -> tuple[list[Any], geometry.Affine]:
    """The datasets sorted, and the affine (RAS+, mm) of their array (column, row, slice).

    Each dataset has the attribute `filename`. Raises InputError.
    """
    _alike(slices)
    axes = np.array([float(value) for value in slices[0].ImageOrientationPatient]).reshape(2, 3)
    normal = np.cross(axes[0], axes[1])
    places = np.array([[float(v) for v in one.ImagePositionPatient] for one in slices])
    order = np.argsort(places @ normal, kind="stable")
    slices, places = [slices[n] for n in order], places[order]
    step = _step(slices, places, normal)
    rows, columns = (float(value) for value in slices[0].PixelSpacing)
    affine = np.eye(4)
    # A row runs along the first vector; its neighbours are one column's width apart.
    affine[:3, :3] = np.stack([axes[0] * columns, axes[1] * rows, step], 1)
    affine[:3, 3] = places[0]
    return slices, geometry.LPS @ affine


def _alike(slices: Sequence[Any]) -> None:
    first = slices[0]
    for one in slices:
        for name in ("ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing"):
            if not one.get(name):
                raise InputError(f"{one.filename}: has no {name}, hence no place in a volume")
        for name in ("Rows", "Columns"):
            if one.get(name) != first.get(name):
                raise InputError(
                    f"{one.filename}: {name} is {one.get(name)}, but {first.get(name)} in "
                    f"{_name(first)}; a volume has slices of one size"
                )
        for name in ("ImageOrientationPatient", "PixelSpacing"):
            mine, theirs = (np.array([float(v) for v in ds.get(name)]) for ds in (one, first))
            if np.abs(mine - theirs).max() > _SAME:
                raise InputError(
                    f"{one.filename}: {name} is {mine.tolist()}, but {theirs.tolist()} in "
                    f"{_name(first)}; give one orientation at a time (localisers have several)"
                )


def _step(slices: Sequence[Any], places: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """The step (3,) between slices in mm; of one slice by its thickness along the normal."""
    if len(slices) == 1:
        return normal * float(slices[0].get("SliceThickness") or 1.0)
    steps = np.diff(places, axis=0)
    along = steps @ normal
    usual = float(np.median(along))
    if (same := np.flatnonzero(along <= _EQUAL * max(usual, 1e-3))).size:
        one, other = slices[same[0]], slices[same[0] + 1]
        raise InputError(
            f"{_name(one)} and {_name(other)} lie at the same place ({same.size} such pairs): "
            "several times, echoes or diffusion weights in one series; give one of them"
        )
    odd = np.flatnonzero(np.abs(along - usual) > _EQUAL * usual)
    if odd.size:
        at = int(odd[np.argmax(np.abs(along[odd] - usual))])
        lost = round(along[at] / usual) - 1
        told = f"{lost} missing between" if lost > 0 else "uneven steps at"
        raise InputError(
            f"slices are {usual:g} mm apart, but {along[at]:g} mm between {_name(slices[at])} and "
            f"{_name(slices[at + 1])}: {told} them; find the missing files or resample the series"
        )
    aside = steps - along[:, None] * normal
    if np.abs(aside).max() > _EQUAL * usual:
        tilt = np.degrees(np.arctan2(np.linalg.norm(aside.mean(0)), usual))
        raise InputError(
            f"{_name(slices[0])}: slices are shifted against each other, by a gantry tilted "
            f"{tilt:.1f} degrees; undo the tilt first (dcm2niix does)"
        )
    return (places[-1] - places[0]) / (len(slices) - 1)


def _name(dataset: Any) -> str:
    return Path(str(dataset.filename)).name
