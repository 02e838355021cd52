"""A derived DICOM series, one file a slice, made after the series it comes from (extra `dicom`).

Patient, study and frame of reference stay, so that archives file it beside its source and viewers
overlay the two. Series and instances get new identifiers, every slice names its source, ImageType
says DERIVED, and the description says SYNTHETIC: nobody shall take it for an acquisition. Private
elements and what the new values make untrue (windows, smallest and largest value, compression) go.
"""

import copy
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.errors import InputError, require
from undrift.medical.notice import NOTICE
from undrift.medical.volumes import geometry
from undrift.medical.volumes.dicom_names import new_salt, replace_names
from undrift.medical.volumes.nifti import Written
from undrift.medical.volumes.on_disk import let_go
from undrift.medical.volumes.storing import Storage, plan_storage
from undrift.medical.volumes.volume import Volume

_UNTRUE = (
    "WindowCenter", "WindowWidth", "WindowCenterWidthExplanation", "VOILUTFunction",
    "VOILUTSequence", "ModalityLUTSequence", "SmallestImagePixelValue", "LargestImagePixelValue",
    "SmallestPixelValueInSeries", "LargestPixelValueInSeries", "PixelPaddingValue",
    "PixelPaddingRangeLimit", "IconImageSequence", "RescaleType", "PixelAspectRatio",
    "SliceLocation",
)  # fmt: skip


@dataclass(frozen=True)
class Derivation:
    """What a derived series says of itself: a short name, and how it was made.

    anonymous: whether other identifiers and dates take the place of the source's (`dicom_names`).
    """

    name: str = "restored"
    description: str = f"Made by a diffusion model. {NOTICE}"
    version: str = ""
    anonymous: bool = False


def write_series(
    folder: Path, volume: Volume, derivation: Derivation | None = None, dtype: str = "same"
) -> Written:
    """Writes `volume` as a series in the new folder `folder`, whole or not at all.

    Raises InputError where the volume is no series of its own, or where `folder` holds files.
    """
    if volume.stored.kind != "dicom" or volume.array.ndim != 3:
        raise InputError(
            "a derived series needs the series it comes from (patient, study, frame of reference); "
            "write .nii.gz, or read the source from DICOM"
        )
    storage = plan_storage(volume, "int16" if dtype == "float32" else dtype)
    made = _Series(volume, storage, derivation or Derivation())
    clipped = 0
    with _new_folder(folder) as part:
        for index in range(volume.grid[2]):
            one, cut = made.slice(index)
            clipped += cut
            one.save_as(part / f"{index + 1:05d}.dcm", enforce_file_format=True)
    return Written(folder, storage, clipped)


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: holds files already; a series goes into a folder of its own")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".undrift-") as name:
        part = Path(name) / "series"
        part.mkdir()
        yield part
        os.replace(part, folder)


class _Series:
    """What all slices share."""

    def __init__(self, volume: Volume, storage: Storage, derivation: Derivation):
        self.uid: Any = require("pydicom.uid")
        self.dataset: Any = require("pydicom.dataset")
        self.volume, self.storage, self.derivation = volume, storage, derivation
        self.affine = geometry.LPS @ volume.affine
        self.series = self.uid.generate_uid()
        self.salt = new_salt()
        self.sources = volume.stored.header
        places = [[float(v) for v in one.ImagePositionPatient] for one in self.sources]
        self.places = np.array(places)

    def slice(self, index: int) -> tuple[Any, int]:
        """The dataset of slice `index`, and how many of its values were cut."""
        place = self.affine[:3] @ (0, 0, index, 1)
        source = self.sources[int(np.linalg.norm(self.places - place, axis=1).argmin())]
        one = copy.deepcopy(source)
        one.remove_private_tags()
        for name in _UNTRUE:
            if name in one:
                delattr(one, name)
        self._identify(one, source, index)
        self._place(one, place)
        if self.derivation.anonymous:
            replace_names(one, self.salt)
            one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
        return one, self._fill(one, self.volume.array[:, :, index])

    def _identify(self, one: Any, source: Any, index: int) -> None:
        derivation = self.derivation
        one.SOPInstanceUID = self.uid.generate_uid()
        one.SeriesInstanceUID = self.series
        one.SeriesNumber = int(source.get("SeriesNumber", 0) or 0) + 1000
        one.InstanceNumber = index + 1
        one.SeriesDescription = f"SYNTHETIC {derivation.name}"[:64]
        one.ImageType = ["DERIVED", "SECONDARY", *list(source.get("ImageType", ()))[2:]]
        one.DerivationDescription = derivation.description[:1024]
        one.SourceImageSequence = [self._reference(source)]
        equipment = self.dataset.Dataset()
        equipment.Manufacturer = "undrift"
        equipment.SoftwareVersions = derivation.version
        equipment.ContributionDescription = "Image processing for research use only"
        equipment.PurposeOfReferenceCodeSequence = [
            self._code("109103", "DCM", "Modifying Equipment")
        ]
        before = list(one.get("ContributingEquipmentSequence", ()))
        one.ContributingEquipmentSequence = [*before, equipment]
        one.BurnedInAnnotation = "NO"
        one.file_meta = self.dataset.FileMetaDataset()
        one.file_meta.MediaStorageSOPClassUID = one.SOPClassUID
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
        one.file_meta.TransferSyntaxUID = self.uid.ExplicitVRLittleEndian

    def _reference(self, source: Any) -> Any:
        reference = self.dataset.Dataset()
        reference.ReferencedSOPClassUID = source.SOPClassUID
        reference.ReferencedSOPInstanceUID = source.SOPInstanceUID
        reference.PurposeOfReferenceCodeSequence = [
            self._code("121322", "DCM", "Source image for image processing operation")
        ]
        return reference

    def _code(self, value: str, scheme: str, meaning: str) -> Any:
        code = self.dataset.Dataset()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
        return code

    def _place(self, one: Any, place: np.ndarray) -> None:
        """The geometry; untouched where the grid is the source's."""
        source = geometry.LPS @ self._source_affine()
        if self.volume.grid[:2] == (one.Columns, one.Rows) and np.allclose(
            source, self.affine, rtol=0, atol=1e-6
        ):
            return
        steps = geometry.spacing(self.affine)
        axes = self.affine[:3, :3] / steps
        if geometry.skew(self.affine) > 1e-3 or np.cross(axes[:, 0], axes[:, 1]) @ axes[:, 2] < 0:
            raise InputError("DICOM holds right-handed grids at right angles only; write .nii.gz")
        one.ImageOrientationPatient = [_text(v) for v in (*axes[:, 0], *axes[:, 1])]
        one.ImagePositionPatient = [_text(v) for v in place]
        one.PixelSpacing = [_text(steps[1]), _text(steps[0])]
        one.SliceThickness = _text(steps[2])
        if "SpacingBetweenSlices" in one:
            one.SpacingBetweenSlices = _text(steps[2])

    def _source_affine(self) -> geometry.Affine:
        from undrift.medical.volumes.dicom_order import ordered

        return ordered(self.sources)[1]

    def _fill(self, one: Any, values: np.ndarray) -> int:
        numbers, cut = self.storage.store(np.ascontiguousarray(values.T))
        let_go(values)
        same = self.storage.keeps(self.volume.stored)
        bits = numbers.dtype.itemsize * 8
        one.Rows, one.Columns = numbers.shape
        one.BitsAllocated = bits
        one.BitsStored = int(one.BitsStored) if same else bits
        one.HighBit = one.BitsStored - 1
        one.PixelRepresentation = int(numbers.dtype.kind == "i")
        hu, scaled = self.volume.units == "HU", (self.storage.slope, self.storage.inter)
        if hu or "RescaleSlope" in one or scaled != (1.0, 0.0):
            one.RescaleSlope = _text(self.storage.slope)
            one.RescaleIntercept = _text(self.storage.inter)
            one.RescaleType = "HU" if hu else "US"
        one.PixelData = numbers.astype(numbers.dtype.newbyteorder("<")).tobytes()
        one["PixelData"].VR = "OB" if bits == 8 else "OW"
        kind = "SS" if one.PixelRepresentation else "US"
        one.add_new("SmallestImagePixelValue", kind, int(numbers.min()))
        one.add_new("LargestImagePixelValue", kind, int(numbers.max()))
        return cut


def _text(value: float) -> Any:
    """A decimal string, of which DICOM allows 16 characters."""
    return require("pydicom.valuerep").DSfloat(float(value), auto_format=True)
