"""Any volume by its path: the suffix, or a folder of DICOM, says who reads and writes it."""

from pathlib import Path

from undrift.common.errors import InputError, nearest
from undrift.common.files import full_suffix
from undrift.medical.volumes import itk, nifti
from undrift.medical.volumes.dicom import read_series
from undrift.medical.volumes.dicom_write import Derivation, write_series
from undrift.medical.volumes.itk import read_itk, write_itk
from undrift.medical.volumes.nifti import Where, Written, laid_out, read_nifti, write_nifti
from undrift.medical.volumes.on_disk import copied
from undrift.medical.volumes.volume import Volume

DICOM = (".dcm", ".ima", ".dicom")


def read_volume(
    path: str | Path,
    units: str = "unknown",
    series: str | None = None,
    where: Where | None = None,
) -> Volume:
    """Reads a NIfTI, MetaImage or NRRD file, or the DICOM series of a folder, to real values.

    units: what a value counts ("HU" for CT), where the file does not say so itself, as DICOM does.
    series: which of several series, see `read_series`. where: shape -> the folder of a nameless
    file that holds the values, None for memory, where all are without it.

    Raises InputError for what is missing, damaged or of no known kind, and MissingExtraError.
    """
    path = Path(path)
    suffix = full_suffix(path).lower()
    if path.is_dir() or suffix in DICOM:
        return _moved(read_series(path, series), where)
    if suffix in nifti.SUFFIXES:
        return read_nifti(path, units, where)
    if suffix in itk.SUFFIXES:
        return _moved(read_itk(path, units), where)
    raise _unknown(path, suffix, (*nifti.SUFFIXES, *itk.SUFFIXES, *DICOM))


def _moved(volume: Volume, where: Where | None) -> Volume:
    """The same where its values should lie."""
    folder = where(volume.array.shape) if where is not None else None
    if folder is None:
        return volume
    array = laid_out(volume.array.shape, volume.affine, folder)
    copied(volume.array, array)
    return volume.with_array(array)


def write_volume(
    path: str | Path, volume: Volume, dtype: str = "same", derivation: Derivation | None = None
) -> Written:
    """Writes .nii, .nii.gz, .mha, .nrrd, or a folder of DICOM (a path without a suffix).

    dtype: "same" as the source, "float32" or "int16", see `storing`.
    Raises InputError for another suffix or what the kind of file cannot hold, and UsageError.
    """
    path = Path(path)
    suffix = full_suffix(path).lower()
    if suffix in (".nii", ".nii.gz"):
        return write_nifti(path, volume, dtype)
    if suffix in (".mha", ".nrrd"):
        return write_itk(path, volume, dtype)
    if not suffix:
        return write_series(path, volume, derivation, dtype)
    raise _unknown(path, suffix, (".nii", ".nii.gz", ".mha", ".nrrd"))


def _unknown(path: Path, suffix: str, known: tuple[str, ...]) -> InputError:
    hint = nearest(suffix, known)
    return InputError(f"{path}: unknown suffix '{suffix}'{hint}; known: {' '.join(known)}")
