"""Volumes in and out of the medical domain: NIfTI, DICOM series, MetaImage, NRRD, raw k-space.

Whatever comes in becomes float32 (x, y, z) in real units with an affine in millimetres; the head of
the file goes back into the output, so that geometry, codes and units are those of the source.

    volume = read_volume("ct.nii.gz", units="HU")
    check_volume(volume, "ct.nii.gz", Needs(units="HU"))
    write_volume("out.nii.gz", volume.with_array(denoise(volume.array)))
"""

from undrift.medical.volumes.checks import Needs, check_pair, check_volume
from undrift.medical.volumes.dicom import read_series
from undrift.medical.volumes.dicom_write import Derivation, write_series
from undrift.medical.volumes.fastmri import Measured, read_fastmri, write_fastmri
from undrift.medical.volumes.files import read_volume, write_volume
from undrift.medical.volumes.geometry import Turn, finer, same_grid, turned
from undrift.medical.volumes.itk import read_itk, write_itk
from undrift.medical.volumes.nifti import Written, read_nifti, write_nifti
from undrift.medical.volumes.nifti_images import from_nibabel, to_nibabel
from undrift.medical.volumes.storing import Storage, plan_storage
from undrift.medical.volumes.volume import Stored, Volume

__all__ = [
    "Derivation",
    "Measured",
    "Needs",
    "Storage",
    "Stored",
    "Turn",
    "Volume",
    "Written",
    "check_pair",
    "check_volume",
    "finer",
    "from_nibabel",
    "plan_storage",
    "read_fastmri",
    "read_itk",
    "read_nifti",
    "read_series",
    "read_volume",
    "same_grid",
    "to_nibabel",
    "turned",
    "write_fastmri",
    "write_itk",
    "write_nifti",
    "write_series",
    "write_volume",
]
