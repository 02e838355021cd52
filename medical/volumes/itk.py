"""MetaImage and NRRD files (.mha, .mhd, .nrrd, .nhdr) through SimpleITK (extra `itk`).

ITK counts to the left and posterior, and its arrays begin with the slowest axis; both are turned
round. Origin, spacing, direction and all entries of the head come out as they came in.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.errors import InputError, require
from undrift.common.files import write_atomically
from undrift.medical.volumes import geometry
from undrift.medical.volumes.nifti import Written
from undrift.medical.volumes.storing import plan_storage
from undrift.medical.volumes.volume import Stored, Volume

SUFFIXES = (".mha", ".mhd", ".nrrd", ".nhdr")


@dataclass(frozen=True)
class Head:
    """What a file of ITK says beside its voxels; shape and affine are those of the array."""

    origin: tuple[float, ...]
    spacing: tuple[float, ...]
    direction: tuple[float, ...]
    entries: tuple[tuple[str, str], ...]
    shape: tuple[int, ...]
    affine: geometry.Affine


def read_itk(path: Path, units: str = "unknown") -> Volume:
    """Reads three axes and one value a voxel; `units` says what a value counts.

    Raises InputError for other files and damaged ones, MissingExtraError without SimpleITK.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    sitk = _library()
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        told = " ".join(str(error).split())[-300:]
        raise InputError(f"{path}: cannot be read, damaged or cut off? ({told})") from error
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(
            f"{path}: has {image.GetDimension()} axes and {image.GetNumberOfComponentsPerPixel()} "
            "values a voxel, expected 3 axes and one value"
        )
    numbers = sitk.GetArrayViewFromImage(image).transpose(2, 1, 0)
    if numbers.dtype.kind not in "iuf":
        raise InputError(f"{path}: voxels are of type {numbers.dtype}, expected real numbers")
    array = np.array(numbers, np.float32, order="F")  # a copy: the view dies with the image
    affine = _affine(image, path)
    entries = tuple((key, image.GetMetaData(key)) for key in image.GetMetaDataKeys())
    head = Head(image.GetOrigin(), image.GetSpacing(), image.GetDirection(), entries,
                array.shape, affine)  # fmt: skip
    span = (float(array.min()), float(array.max()))
    return Volume(array, affine, units, Stored("itk", numbers.dtype.name, span=span, header=head))


def write_itk(path: Path, volume: Volume, dtype: str = "same") -> Written:
    """Writes .mha or .nrrd, compressed, whole or not at all.

    Raises InputError for a volume with time points, a scale or axes not at right angles, none of
    which these files hold, and for the suffixes of two files (.mhd, .nhdr).
    """
    if path.suffix.lower() not in (".mha", ".nrrd"):
        raise InputError(f"{path}: one file is written, .mha or .nrrd")
    storage = plan_storage(volume, dtype)
    if (storage.slope, storage.inter) != (1.0, 0.0):
        if storage.dtype.kind == "f" or dtype != "same":
            raise InputError(f"{path}: cannot hold scaled numbers; choose the type float32")
        storage = plan_storage(volume, "float32")
    if volume.array.ndim != 3:
        raise InputError(f"{path}: cannot hold {volume.frames} time points; write .nii.gz")
    if geometry.skew(volume.affine) > 1e-4:
        raise InputError(f"{path}: cannot hold axes that are not at right angles; write .nii.gz")
    numbers, clipped = storage.store(volume.array)
    sitk = _library()
    image = sitk.GetImageFromArray(np.ascontiguousarray(numbers.transpose(2, 1, 0)))
    _place(image, volume)
    write_atomically(path, lambda part: sitk.WriteImage(image, str(part), True))
    return Written(path, storage, clipped)


def _affine(image: Any, path: Path) -> geometry.Affine:
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    try:
        geometry.check_affine(affine)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    affine = geometry.LPS @ affine
    affine.setflags(write=False)
    return affine


def _place(image: Any, volume: Volume) -> None:
    """Geometry and entries: the source's own numbers where the grid is still its own."""
    head = volume.stored.header if volume.stored.kind == "itk" else None
    if head is not None:
        for key, value in head.entries:
            image.SetMetaData(key, value)
        if head.shape == volume.array.shape and np.array_equal(head.affine, volume.affine):
            image.SetOrigin(head.origin)
            image.SetSpacing(head.spacing)
            image.SetDirection(head.direction)
            return
    lps = geometry.LPS @ volume.affine
    image.SetOrigin(tuple(map(float, lps[:3, 3])))
    image.SetSpacing(volume.spacing)
    image.SetDirection(tuple(map(float, (lps[:3, :3] / volume.spacing).ravel())))


def _library() -> Any:
    with warnings.catch_warnings():  # of SWIG's, at import under Python 3.12 and later
        warnings.simplefilter("ignore", DeprecationWarning)
        return require("SimpleITK")
