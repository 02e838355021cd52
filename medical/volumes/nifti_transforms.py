"""Where the header of a NIfTI file puts its voxels, and the same for another grid.

Of two transforms the sform counts where its code is set, then the qform, then pixdim alone (with x
to the left, as NIfTI's first method has it). Lengths are in millimetres unless `xyzt_units` says
metres or micrometres. Where the grid changes by voxel_old = T voxel_new, both transforms are
multiplied by T, so that they keep their difference, and their codes.
"""

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from undrift.common.errors import InputError
from undrift.medical.volumes import geometry

if TYPE_CHECKING:
    from undrift.medical.volumes.volume import Volume

_MILLIMETRES = {0: 1.0, 1: 1e3, 2: 1.0, 3: 1e-3}  # by the code of the unit of length


def affine_of(header: Any) -> tuple[geometry.Affine, tuple[str, ...]]:
    """In millimetres, and what is odd."""
    from nibabel.spatialimages import HeaderDataError

    notes: list[str] = []
    try:
        with np.errstate(invalid="ignore", over="ignore"):  # refused below
            affine = header.get_best_affine().astype(np.float64)
            lengths = np.array(geometry.spacing(affine))
    except (HeaderDataError, ValueError) as error:
        raise InputError(f"the transforms of the header cannot be used: {error}") from error
    geometry.check_affine(affine)
    if np.abs(lengths - np.abs(header["pixdim"][1:4])).max() > 0.01 * lengths.max():
        notes.append("pixdim and the affine have different spacings; the affine's are used")
    if int(header["sform_code"]) <= 0 and int(header["qform_code"]) <= 0:
        notes.append("neither sform nor qform is set: where the volume lies is not known")
    elif int(header["sform_code"]) > 0 and int(header["qform_code"]) > 0:
        try:
            with np.errstate(invalid="ignore", over="ignore"):
                apart = not np.abs(affine - header.get_qform()).max() <= 1e-2
        except (HeaderDataError, ValueError):
            apart = True
        if apart:
            notes.append("sform and qform differ; the sform is used, both are kept")
    unit = int(header["xyzt_units"]) & 7
    if unit == 0:
        notes.append("the unit of length is not given; taken as millimetres")
    affine[:3] *= _MILLIMETRES.get(unit, 1.0)
    return affine, tuple(notes)


def regrid(header: Any, volume: "Volume", shape: tuple[int, ...], affine: geometry.Affine) -> None:
    """Shape and transforms of a new grid."""
    old = copy.deepcopy(header)
    if volume.array.shape != shape:
        header.set_data_shape(volume.array.shape)
        header["pixdim"][4:] = old["pixdim"][4:]  # which nibabel resets
    if volume.grid == shape[:3] and np.array_equal(volume.affine, affine):
        return  # only the number of time points is another
    change = np.linalg.inv(affine) @ volume.affine
    unit = _MILLIMETRES.get(int(header["xyzt_units"]) & 7, 1.0)
    header["pixdim"][1:4] = np.divide(geometry.spacing(volume.affine), unit)
    if int(header["qform_code"]) > 0:
        header.set_qform(old.get_qform() @ change, int(header["qform_code"]))
    if int(header["sform_code"]) > 0:
        header.set_sform(old.get_sform() @ change, int(header["sform_code"]))
    for name in ("slice_start", "slice_end", "slice_code", "slice_duration"):
        header[name] = 0  # they tell which slice was taken when, and slices are others now
