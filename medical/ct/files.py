"""Sinograms in files: .npz, .h5, .tif with (slices, angles, cells), and what they mean as JSON.

    scan.npz    array "sinogram"; "geometry" holds the JSON, or it lies beside in scan.json
    scan.h5     dataset "sinogram" with the attribute "geometry", or scan.json
    scan.tif    a page for each slice, rows are angles; scan.json

The JSON is a geometry (see `geometry`) with quantity ("integrals" or "counts"), photons,
electronic, sigma, thickness, water and image: {"plane": [x, y], "pixel": mm} where they are known.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.errors import InputError, nearest
from undrift.common.files import full_suffix, stem, temporary_beside, write_text
from undrift.medical.ct.geometry import geometry_of
from undrift.medical.ct.sinogram import Sinogram

SUFFIXES = (".npz", ".h5", ".hdf5", ".tif", ".tiff")
_NUMBERS = ("photons", "electronic", "sigma", "thickness", "water")
_OWN = {*_NUMBERS, "quantity", "image"}
_GEOMETRY = {"kind", "angles", "cells", "pitch", "source", "detector"}


def read_sinogram(path: Path, geometry: Path | None = None) -> Sinogram:
    """Raises InputError for files that are missing, broken, or say nothing of their geometry.

    geometry: the JSON, where it is neither in the file nor beside it.
    """
    suffix = full_suffix(path).lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{path}: expected a sinogram, one of {' '.join(SUFFIXES)}")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    reader = {".npz": _read_npz, ".tif": _read_tiff, ".tiff": _read_tiff}.get(suffix, _read_hdf5)
    try:
        values, text = reader(path)
    except InputError:
        raise
    except Exception as error:  # readers raise what they like for broken files
        raise InputError(f"{path}: cannot be read as {suffix}: {error}") from error
    beside = geometry or path.with_name(f"{stem(path)}.json")
    if geometry is not None or not text:
        if not beside.is_file():
            raise InputError(
                f"{path}: its geometry is neither in it nor in {beside}; write "
                '{"kind": "parallel", "angles": {"start": 0, "step": 3, "count": 60}, "pitch": 2}'
            )
        text = beside.read_text(encoding="utf-8")
    return sinogram_of(values, _parsed(text, beside if not values.size else path), str(path))


def sinogram_of(values: Any, record: dict[str, Any], name: str = "the sinogram") -> Sinogram:
    """A sinogram of values (slices, angles, cells), or (angles, cells), and its JSON."""
    known = {*_OWN, *_GEOMETRY}
    wrong = [f"unknown key {k!r}{nearest(k, known)}" for k in record if k not in known]
    if wrong:
        raise InputError(f"{name}: {'; '.join(wrong)}")
    array = np.asarray(values)
    if array.dtype.kind not in "fiu" or array.ndim not in (2, 3):
        raise InputError(
            f"{name}: {array.dtype} {array.shape}; expected numbers (slices, angles, cells)"
        )
    array = np.ascontiguousarray(array[None] if array.ndim == 2 else array, np.float32)
    try:
        numbers = {k: float(record[k]) for k in _NUMBERS if k in record}
        image = record.get("image")
        plane = None if image is None else (int(image["plane"][0]), int(image["plane"][1]))
        pixel = None if image is None else float(image["pixel"])
    except (TypeError, ValueError, KeyError, IndexError) as error:
        raise InputError(f"{name}: not a number, or missing: {error}") from error
    geometry = geometry_of({k: v for k, v in record.items() if k in _GEOMETRY})
    found = Sinogram(array, geometry, str(record.get("quantity", "integrals")), **numbers)
    return found if plane is None else found.for_image(plane, pixel)


def write_sinogram(path: Path, sinogram: Sinogram) -> None:
    """Writes values and JSON, whole or not at all; TIFF has its JSON beside it.

    Raises InputError for another suffix than SUFFIXES.
    """
    suffix = full_suffix(path).lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{path}: expected one of {' '.join(SUFFIXES)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(sinogram.record())
    part = temporary_beside(path)
    try:
        if suffix == ".npz":
            with part.open("wb") as file:
                np.savez_compressed(file, sinogram=sinogram.values, geometry=np.array(text))
        elif suffix in (".tif", ".tiff"):
            import tifffile

            write_text(path.with_name(f"{stem(path)}.json"), text + "\n")
            tifffile.imwrite(part, sinogram.values, photometric="minisblack")
        else:
            import h5py

            with h5py.File(part, "w") as file:
                data = file.create_dataset("sinogram", data=sinogram.values, compression="gzip")
                data.attrs["geometry"] = text
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _read_npz(path: Path) -> tuple[np.ndarray, str]:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
        names = found.files
        if "sinogram" not in names:
            raise InputError(f"{path}: has {', '.join(names) or 'nothing'}; expected 'sinogram'")
        return found["sinogram"], str(found["geometry"]) if "geometry" in names else ""


def _read_hdf5(path: Path) -> tuple[np.ndarray, str]:
    import h5py

    with h5py.File(path, "r") as file:
        if "sinogram" not in file:
            raise InputError(f"{path}: has {', '.join(file)}; expected the dataset 'sinogram'")
        data: Any = file["sinogram"]
        text: Any = data.attrs.get("geometry", "")
        return data[()], text if isinstance(text, str) else bytes(text).decode()


def _read_tiff(path: Path) -> tuple[np.ndarray, str]:
    import tifffile

    return tifffile.imread(path), ""


def _parsed(text: str, path: Path) -> dict[str, Any]:
    try:
        record = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: its geometry is no JSON: {error}") from error
    if not isinstance(record, dict):
        raise InputError(f"{path}: its geometry is {type(record).__name__}; expected an object")
    return record
