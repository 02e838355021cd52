"""Images of nibabel in memory, as volumes and back, with their whole header."""

from typing import Any

import numpy as np

from undrift.common.errors import InputError
from undrift.medical.volumes import nifti_head
from undrift.medical.volumes.storing import Storage
from undrift.medical.volumes.volume import Stored, Volume


def from_nibabel(image: Any, units: str = "unknown") -> Volume:
    """The volume of a Nifti1Image, Nifti2Image or a pair; `units` says what a value counts.

    Raises InputError for other kinds of images, and what `read_nifti` refuses.
    """
    header = image.header.copy()
    if "sform_code" not in header:
        raise InputError(f"expected an image of NIfTI, got {type(image).__name__}")
    data = image.dataobj
    header["scl_slope"] = getattr(data, "slope", 1.0)  # nibabel keeps them beside the header
    header["scl_inter"] = getattr(data, "inter", 0.0)
    head = nifti_head.of_header(header, "the image")
    if tuple(image.shape) != tuple(header.get_data_shape()) or not np.allclose(
        image.affine, header.get_best_affine(), atol=1e-5
    ):
        raise InputError("the image and its header differ; call image.update_header() first")
    array = np.asarray(image.get_fdata(caching="unchanged"), np.float32).reshape(head.shape)
    span = (float(array.min()), float(array.max()))
    kept = Stored("nifti", head.dtype.name, head.slope, head.inter, span=span, header=head)
    return Volume(array, head.affine, units, kept, head.notes)


def to_nibabel(volume: Volume) -> Any:
    """A float32 image of nibabel with the header of the volume's source."""
    import nibabel as nib

    head = nifti_head.head_for(volume, Storage(np.dtype(np.float32)))
    header = head.header
    header["vox_offset"] = 0  # nibabel sets it when it writes
    kind = nib.Nifti1Image if len(header.binaryblock) == 348 else nib.Nifti2Image
    return kind(volume.array.reshape(header.get_data_shape()), header.get_best_affine(), header)
