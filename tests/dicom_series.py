"""A CT series as a scanner writes it, file by file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest


def axial_series(
    folder: Path,
    values: np.ndarray,
    uid: str = "1.2.3",
    first: int = 0,
    more: Callable[[Any], None] = lambda one: None,
) -> None:
    """HU (columns, rows, slices) as slices 3 mm apart; more: what else a slice has to say."""
    pydicom = pytest.importorskip("pydicom")
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(values.shape[2]):
        one = pydicom.Dataset()
        one.file_meta = pydicom.dataset.FileMetaDataset()
        one.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        one.file_meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
        one.SOPClassUID, one.SOPInstanceUID = pydicom.uid.CTImageStorage, f"{uid}.{number + 1}"
        one.StudyInstanceUID, one.SeriesInstanceUID = "1.2", uid
        one.FrameOfReferenceUID, one.Modality = "1.9", "CT"
        one.Columns, one.Rows = values.shape[:2]
        one.PixelSpacing, one.SliceThickness = [1, 1], 3
        one.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        one.ImagePositionPatient = [0, 0, 3 * number]
        one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
        one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 16, 15, 1
        one.RescaleSlope, one.RescaleIntercept = 1, -1024
        one.PixelData = (values[..., number].T + 1024).astype("<i2").tobytes()
        more(one)
        one.save_as(folder / f"{uid}-{first + number:03d}.dcm", enforce_file_format=True)
