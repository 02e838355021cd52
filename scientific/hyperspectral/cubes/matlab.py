"""MATLAB files: version 5 through scipy, 7.3 as HDF5 with its axes backwards.

The cube is the only array of real numbers with three axes, (rows, columns, bands) unless the user
says otherwise; flags and text are none. All other variables come back as they were.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.errors import InputError
from undrift.common.files import write_atomically
from undrift.scientific.hyperspectral.cubes import hdf5
from undrift.scientific.hyperspectral.cubes.axes import order_of, permuted
from undrift.scientific.hyperspectral.cubes.cube import Cube, Stored
from undrift.scientific.hyperspectral.cubes.packing import decoded, encoded
from undrift.scientific.hyperspectral.cubes.sides import (
    Vector,
    band_axis,
    only_one,
    spectral_sides,
)

_COMPRESSED = 15  # the first element of a compressed file


@dataclass(frozen=True)
class MatHead:
    """variables: all of the file by name. key: of the cube."""

    variables: dict[str, Any]
    key: str
    compressed: bool


def read(path: Path, key: str | None = None, axes: str | None = None) -> Cube:
    """The cube of a MATLAB file, for `files.open_cube`.

    Raises InputError for a file that is damaged, and for arrays or axes that are ambiguous.
    """
    start = _start(path)
    if b"MATLAB 7.3" in start[:20] or start[:4] == b"\x89HDF":
        return hdf5.read(path, key, axes)
    variables = _loaded(path)
    found = {k: v.shape for k, v in variables.items() if _numeric(v) and v.ndim == 3}
    there = ", ".join(f"{k} {np.shape(v)}" for k, v in variables.items()) or "nothing"
    key = only_one(found, key, str(path), there)
    array, order = variables[key], order_of(axes or "hwb")
    vectors = {
        k: Vector(v.reshape(-1)) for k, v in variables.items()
        if _numeric(v) and v.size == max(v.shape, default=0) > 0
    }  # fmt: skip
    axis = band_axis(vectors, array.shape)
    if axes is None and axis is not None and array.shape[axis] != array.shape[2]:
        raise InputError(
            f"{path}: wavelengths fit axis {axis} of '{key}' {array.shape}, not the last one; say "
            f"the order with axes=, such as 'bhw'"
        )
    sides = spectral_sides(vectors, array.shape[order.index("b")], _unit(variables))
    head = MatHead(variables, key, start[128:129] == bytes([_COMPRESSED]))
    stored = Stored(kind="mat", dtype=array.dtype.name, layout=order, header=head)
    values = decoded(permuted(array, order, "bhw"), stored)
    return Cube(values, sides.centres, sides.widths, sides.good, stored, sides.notes)


def write(path: Path, cube: Cube, history: str = "") -> int:
    """Writes a MATLAB file of its source's version, else version 5, for `files.save_cube`.

    history goes to the variable `undrift_history`. Returns how many values were clipped. MATLAB has
    no fill values: integers with missing ones become floats.
    """
    from scipy.io import savemat

    if hdf5.is_from(cube, path):
        return hdf5.write_copy(path, cube, history)
    numbers, clipped, fill = encoded(cube.array, cube.stored)
    if cube.stored.kind == "mat":
        head: MatHead = cube.stored.header
        array = permuted(numbers if fill is None else cube.array, "bhw", cube.stored.layout)
        variables, compressed = {**head.variables, head.key: array}, head.compressed
    else:
        variables, compressed = _new(cube, numbers, fill), True
    if history:
        past = "".join(np.asarray(variables.get("undrift_history", "")).reshape(-1))
        variables["undrift_history"] = f"{past}; {history}" if past else history

    def save(part: Path) -> None:
        savemat(part, variables, do_compression=compressed, long_field_names=True)

    write_atomically(path, save)
    return clipped


def _new(cube: Cube, numbers: np.ndarray, fill: float | None) -> dict[str, Any]:
    """A cube of another format: MATLAB has no scale or fill, so these hold real numbers.

    A cube without scale and fill keeps its type.
    """
    plain = np.ndim(cube.stored.scale) == 0 == np.ndim(cube.stored.offset)
    plain = plain and (cube.stored.scale, cube.stored.offset, fill) == (1.0, 0.0, None)
    array = numbers if plain and numbers.dtype.kind in "iuf" else cube.array
    variables: dict[str, Any] = {"cube": permuted(array, "bhw", "hwb")}
    for name, values in (("wavelength", cube.wavelengths), ("fwhm", cube.fwhm)):
        if values is not None:
            variables[name] = values
    if cube.wavelengths is not None:
        variables["wavelength_units"] = "Nanometers"
    if cube.good is not None:
        variables["bbl"] = cube.good.astype(np.uint8)
    return variables


def _loaded(path: Path) -> dict[str, Any]:
    """Variables by name, flags as flags, in the file's order."""
    from scipy.io import loadmat, whosmat

    try:
        flags = {name for name, _, kind in whosmat(str(path)) if kind == "logical"}
        found = loadmat(str(path))
    except Exception as error:  # scipy raises all kinds of them for damaged files
        raise InputError(
            f"{path}: cannot be read as a MATLAB file ({type(error).__name__}: {error}); cut short?"
        ) from error
    return {
        name: value.astype(bool) if name in flags else value
        for name, value in found.items()
        if not name.startswith("__")
    }


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(136)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error})") from error


def _numeric(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "iuf"


def _unit(variables: dict[str, Any]) -> str | None:
    for name, value in variables.items():
        if "unit" in name.lower() and isinstance(value, np.ndarray) and value.dtype.kind == "U":
            return "".join(value.reshape(-1)).strip()
    return None
