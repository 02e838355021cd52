"""DICOM series read into a volume (extra `dicom`).

A folder, or a list of files, is grouped by SeriesInstanceUID; more than one is an error that lists
them, and `series` chooses. Each slice has its own RescaleSlope and RescaleIntercept (PET's differ).
CT counts Hounsfield units, unless RescaleType says otherwise. Multi-frame objects are not read:
dcm2niix or highdicom turn them into files that are.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.errors import InputError, nearest, require
from undrift.medical.volumes.dicom_order import ordered
from undrift.medical.volumes.volume import Stored, Values, Volume

_SUFFIXES = {".dcm", ".ima", ".dicom"}
_PHILIPS = (0x2005, 0x100E)  # the private scale of Philips: value = number / scale + ...


def read_series(source: Path | Iterable[Path], series: str | None = None) -> Volume:
    """Reads the one series of a folder (searched through) or of files, or the one named `series`.

    series: a SeriesInstanceUID, SeriesDescription or SeriesNumber.
    Raises InputError for no or several series, missing or doubled slices (see `dicom_order`) and
    damaged pixels, MissingExtraError without pydicom.
    """
    where = str(source) if isinstance(source, Path) else "the files given"
    datasets, others = _datasets(_files(source))
    if not datasets:
        raise InputError(f"{where}: no DICOM image among the files")
    chosen = _chosen(datasets, series, where)
    _check(chosen)
    slices, affine = ordered(chosen)
    array = np.stack([_values(one) for one in slices], 2)
    for one in slices:
        del one.PixelData
    notes = _notes(slices)
    if others:
        notes += (f"{len(others)} files are no DICOM images, passed over",)  # unnamed: patients
    return Volume(array, affine, _units(slices[0]), _stored(slices, array), notes)


def _files(source: Path | Iterable[Path]) -> list[Path]:
    if not isinstance(source, Path):
        return list(source)
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise InputError(f"{source}: no such file or folder")
    return sorted(path for path in source.rglob("*") if path.is_file())


def _datasets(files: Sequence[Path]) -> tuple[list[Any], list[str]]:
    """Those that are DICOM images, and the names of all others."""
    pydicom = require("pydicom")
    found, others = [], []
    for path in files:
        try:
            one = pydicom.dcmread(path, force=path.suffix.lower() in _SUFFIXES)
        except pydicom.errors.InvalidDicomError:
            others.append(path.name)
            continue
        except Exception as error:  # of a damaged file: struct.error, EOFError, ValueError, ...
            raise InputError(f"{path}: cannot be read as DICOM, damaged? ({error})") from error
        if "Rows" in one:
            found.append(one)
        elif _should_be_image(one, pydicom):
            raise InputError(f"{path}: holds no pixels: the file is cut off or no image")
        else:
            others.append(path.name)
    return found, others


def _should_be_image(one: Any, pydicom: Any) -> bool:
    """Reports, structures and directories need no pixels; a file that names no class, or a standard
    one that does not exist, is broken."""
    kind = one.get("SOPClassUID") or one.file_meta.get("MediaStorageSOPClassUID")
    if kind is None:
        return True
    name = pydicom.uid.UID(kind).name
    if "SOPClassUID" not in one and name != "Media Storage Directory Storage":
        return True
    unknown = name == kind and kind.startswith("1.2.840.10008.")
    return unknown or "Image Storage" in name


def _chosen(datasets: Sequence[Any], series: str | None, where: str) -> list[Any]:
    groups: dict[str, list[Any]] = {}
    for one in datasets:
        groups.setdefault(str(one.get("SeriesInstanceUID", "")), []).append(one)
    told = {uid: _title(group) for uid, group in groups.items()}
    listed = "".join(f"\n  {title}, {uid}" for uid, title in told.items())
    if series is None:
        if len(groups) > 1:
            raise InputError(
                f"{where}: {len(groups)} series; put the files of each into a folder of its own, "
                f"or choose one (Python: `series`):{listed}"
            )
        return next(iter(groups.values()))
    matching = [uid for uid, group in groups.items() if series in _names(uid, group[0])]
    if len(matching) != 1:
        names = [name for uid, group in groups.items() for name in _names(uid, group[0])]
        raise InputError(
            f"{where}: {len(matching) or 'no'} series called {series!r}"
            f"{nearest(series, names)}; there are:{listed}"
        )
    return groups[matching[0]]


def _names(uid: str, one: Any) -> tuple[str, str, str]:
    return uid, str(one.get("SeriesDescription", "")), str(one.get("SeriesNumber", ""))


def _title(group: Sequence[Any]) -> str:
    one = group[0]
    name = one.get("SeriesDescription", "") or "(no description)"
    return (
        f"{one.get('SeriesNumber', '?')} {name} ({one.get('Modality', '?')}, {len(group)} slices)"
    )


def _check(slices: Sequence[Any]) -> None:
    for one in slices:
        if "Rows" not in one or "PixelData" not in one:
            raise InputError(f"{one.filename}: holds no pixels: the file is cut off or no image")
        if int(one.get("NumberOfFrames", 1) or 1) > 1:
            raise InputError(
                f"{one.filename}: a multi-frame object; turn it into NIfTI by dcm2niix first"
            )
        if "MOSAIC" in (one.get("ImageType") or ()):
            raise InputError(
                f"{one.filename}: a mosaic of many slices; turn it into NIfTI by dcm2niix first"
            )
        if int(one.get("SamplesPerPixel", 1)) != 1:
            raise InputError(f"{one.filename}: a picture in colour, expected one value a pixel")


def _values(one: Any) -> Values:
    """(columns, rows) float32 in real units."""
    try:
        numbers = one.pixel_array
    except Exception as error:  # every decoder has its own errors
        raise InputError(
            f"{one.filename}: the pixels cannot be decoded ({error}); the file is damaged, or "
            "compressed in a way that needs 'pip install pylibjpeg pylibjpeg-libjpeg'"
        ) from error
    slope, inter = _scale(one)
    return (numbers.T.astype(np.float64) * slope + inter).astype(np.float32)


def _scale(one: Any) -> tuple[float, float]:
    return float(one.get("RescaleSlope", 1) or 1), float(one.get("RescaleIntercept", 0) or 0)


def _units(one: Any) -> str:
    kind = str(one.get("RescaleType", "") or "").upper()
    if one.get("Modality") == "CT" and kind in ("", "HU", "US"):
        return "HU"
    return str(one.get("Units", "") or "unknown")


def _stored(slices: Sequence[Any], array: Values) -> Stored:
    bits = int(slices[0].get("BitsStored", 16))
    signed = int(slices[0].get("PixelRepresentation", 0)) == 1
    limits = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    width = 8 if int(slices[0].BitsAllocated) == 8 else int(slices[0].BitsAllocated)
    scales = {_scale(one) for one in slices}
    slope, inter = scales.pop() if len(scales) == 1 else (None, None)
    span = (float(array.min()), float(array.max()))
    dtype = f"{'int' if signed else 'uint'}{width}"
    return Stored("dicom", dtype, slope, inter, limits, span, tuple(slices))


def _notes(slices: Sequence[Any]) -> tuple[str, ...]:
    notes = []
    if any(one.get("LossyImageCompression") == "01" for one in slices):
        notes.append("the series was compressed with loss")
    if any(_PHILIPS in one for one in slices):
        notes.append("a private scale of Philips is present and not applied: values are relative")
    if str(slices[0].get("PhotometricInterpretation", "")) == "MONOCHROME1":
        notes.append("low values are meant to be shown bright (MONOCHROME1)")
    return tuple(notes)
