"""What `undrift info` shows of volumes: NIfTI, files of ITK, and one DICOM file."""

import importlib
from pathlib import Path
from typing import Any

from undrift.common.errors import require

Facts = dict[str, Any]

_DICOM = {
    "modality": "Modality",
    "series": "SeriesDescription",
    "position": "ImagePositionPatient",
    "orientation": "ImageOrientationPatient",
    "spacing": "PixelSpacing",
    "slope": "RescaleSlope",
    "intercept": "RescaleIntercept",
}


def nifti(path: Path) -> Facts:
    """Shape, type, scale, and both transforms' codes."""
    library: Any = importlib.import_module("nibabel")
    loaded = library.load(path)
    header = loaded.header
    return {
        "kind": "volume (NIfTI)",
        "shape": loaded.shape,
        "type": loaded.get_data_dtype(),
        "spacing": tuple(map(float, header.get_zooms())),
        "orientation": "".join(map(str, library.aff2axcodes(loaded.affine))),
        "units": " ".join(header.get_xyzt_units()),
        "codes": f"sform {int(header['sform_code'])}, qform {int(header['qform_code'])}",
        "slope, intercept": f"{loaded.dataobj.slope:g}, {loaded.dataobj.inter:g}",
    }


def itk(path: Path) -> Facts:
    """The head alone."""
    reader = require("SimpleITK").ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    return {
        "kind": "volume (ITK)",
        "shape": reader.GetSize(),
        "type": require("SimpleITK").GetPixelIDValueAsString(reader.GetPixelID()),
        "spacing": reader.GetSpacing(),
        "origin": reader.GetOrigin(),
        "direction": reader.GetDirection(),
    }


def dicom(path: Path) -> Facts:
    """What places one image; nothing that names a patient."""
    one = require("pydicom").dcmread(path, stop_before_pixels=True)
    facts: Facts = {"kind": "image (DICOM)", "shape": (one.get("Columns"), one.get("Rows"))}
    found = {name: one.get(keyword) for name, keyword in _DICOM.items()}
    return facts | {name: str(value) for name, value in found.items() if value is not None}
