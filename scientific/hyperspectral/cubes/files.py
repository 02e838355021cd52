"""Any cube by its path: the suffix says who reads and writes it.

    cube = open_cube("scene.hdr")
    save_cube(cube.with_array(clean), "clean.hdr")

A file is written as its source was: type, scale, fill value, layout, and what was not understood.
Readers and writers are imported when a file of their kind comes.
"""

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError, nearest
from undrift.common.files import full_suffix
from undrift.scientific.hyperspectral.cubes.axes import order_of, permuted
from undrift.scientific.hyperspectral.cubes.cube import Cube, Stored
from undrift.scientific.hyperspectral.cubes.packing import decoded
from undrift.scientific.hyperspectral.cubes.xarrays import from_xarray, is_xarray

_HERE = "undrift.scientific.hyperspectral.cubes"
# Suffix -> module with `read(path, how)` and `write(path, cube, history)`.
KINDS = {
    ".hdr": "envi",
    ".tif": "geotiff",
    ".tiff": "geotiff",
    ".mat": "matlab",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".he5": "hdf5",
    ".nc": "netcdf",
    ".nc4": "netcdf",
}
ITEMS = tuple(KINDS)  # what a folder of cubes is searched for; the data of ENVI go by their header
ENVI_DATA = (".img", ".dat", ".raw", ".bsq", ".bil", ".bip", ".bin")  # read by the header beside


def open_cube(
    source: Any,
    *,
    key: str | None = None,
    axes: str | None = None,
    wavelengths: npt.ArrayLike | None = None,
) -> Cube:
    """The cube of a file, folder, xarray.DataArray or array; a Cube comes back as it is.

    key: name of the array in files that may hold several, where it is not the only one with three
    axes. axes: the meaning of its axes in their order, of the letters b (bands; also c), h (rows)
    and w (columns), such as "hwb", for files that do not say it. wavelengths: (bands,) in nm, for
    files that hold none; they win over the file's.

    Raises InputError for what is missing, damaged, ambiguous, of no known kind or without a single
    value, and MissingExtraError.
    """
    if isinstance(source, Cube):
        cube = source
    elif isinstance(source, (str, Path)):
        path = Path(source)
        cube = _module(path).read(path, key=key, axes=axes)
    elif is_xarray(source):
        cube = from_xarray(source, key=key, axes=axes)
    elif isinstance(source, np.ndarray):
        cube = _of_array(source, axes)
    else:
        raise InputError(
            f"expected a path, xarray.DataArray, array or Cube, got {type(source).__name__}"
        )
    if np.isnan(cube.array).all():
        raise InputError(f"{_name(source)}: no value in the whole cube, only fill values or NaN")
    if wavelengths is None:
        return cube
    return replace(cube, wavelengths=np.asarray(wavelengths, np.float64))


def save_cube(cube: Any, path: str | Path, like: Any = None, history: str = "") -> int:
    """Writes a cube by the suffix of `path`; returns how many values were clipped to the type.

    cube: a Cube, or whatever `open_cube` takes. like: the cube (or its file or xarray) whose type,
    scale, fill, header, wavelengths and place on earth the file shall have, where `cube` itself did
    not come with them. history: a line on how the cube was made, added to what the file says of its
    past.

    Raises InputError for a suffix or shape that does not fit, and MissingExtraError.
    """
    path = Path(path)
    cube = open_cube(cube)
    if like is not None:
        cube = open_cube(like).with_array(cube.array)
    return _module(path).write(path, cube, history)


def _of_array(array: np.ndarray, axes: str | None) -> Cube:
    """A cube of numbers alone, (bands, rows, columns) unless the user says otherwise."""
    if array.ndim != 3 or array.dtype.kind not in "iuf":
        raise InputError(
            f"expected numbers (bands, rows, columns), got {array.dtype} {array.shape}"
        )
    stored = Stored(dtype=array.dtype.name)
    return Cube(decoded(permuted(array, order_of(axes or "bhw"), "bhw"), stored), stored=stored)


def _module(path: Path) -> Any:
    if path.is_dir():
        return importlib.import_module(f"{_HERE}.enmap")
    suffix = full_suffix(path).lower()
    if suffix in ENVI_DATA:
        suffix = ".hdr"
    if suffix not in KINDS:
        hint = nearest(suffix, KINDS)
        raise InputError(
            f"{path}: unknown suffix '{suffix}'{hint}; known: {' '.join((*KINDS, *ENVI_DATA))}"
        )
    return importlib.import_module(f"{_HERE}.{KINDS[suffix]}")


def _name(source: Any) -> str:
    return str(source) if isinstance(source, (str, Path)) else type(source).__name__
