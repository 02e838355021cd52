"""HDF5 and what is HDF5 inside: NetCDF 4, MATLAB 7.3, HDF-EOS.

Such a file is a tree, and a program that reads one cube understands little of it. Therefore a cube
is written by copying its source and putting other numbers in the place of the old ones: groups,
attributes, chunks, filters and dimension scales stay as they are. The source must still be there.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.errors import InputError
from undrift.common.files import write_atomically
from undrift.scientific.hyperspectral.cubes import prisma
from undrift.scientific.hyperspectral.cubes.axes import letters_of, order_of, permuted
from undrift.scientific.hyperspectral.cubes.cube import Cube, Stored
from undrift.scientific.hyperspectral.cubes.hdf5_tree import (
    HdfHead,
    Part,
    dimension_names,
    place_of,
    scale_of,
    survey,
)
from undrift.scientific.hyperspectral.cubes.packing import decoded, encoded, fill_of
from undrift.scientific.hyperspectral.cubes.sides import band_axis, only_one, spectral_sides

FAMILIES = {".mat": "mat", ".nc": "nc", ".nc4": "nc", ".h5": "h5", ".hdf5": "h5", ".he5": "h5"}


def read(path: Path, key: str | None = None, axes: str | None = None) -> Cube:
    """The cube of a tree, for `files.open_cube`.

    The order of axes: what the user says, names of dimensions, MATLAB's (rows, columns, bands), or
    the axis that the wavelengths fit, with rows before columns.

    Raises InputError for a file that is damaged, and for arrays or axes that are ambiguous.
    """
    with opened(path) as file:
        if key is None and prisma.is_one(file):
            return prisma.read(file, path)
        found = survey(file)
        key = only_one(found.cubes, key, str(path), found.all_of_it)
        data, notes = file[key], []
        order = _order(path, key, data, found, axes, notes)
        bands = data.shape[order.index("b")]
        sides = spectral_sides(found.vectors, bands, found.unit)
        scale, offset = scale_of(data, bands)
        stored = Stored(
            kind="hdf5",
            dtype=data.dtype.name,
            scale=scale,
            offset=offset,
            fill=fill_of(data.attrs.get("_FillValue", data.attrs.get("missing_value"))),
            layout=order,
            header=HdfHead(path.resolve(), (Part(key, order, np.arange(bands)),)),
        )
        values = decoded(permuted(numbers_of(data, path), order, "bhw"), stored)
        place = place_of(file, data)
    return Cube(
        values, sides.centres, sides.widths, sides.good, stored, (*notes, *sides.notes), place
    )


def write(path: Path, cube: Cube, history: str = "") -> int:
    """A copy of the source with other numbers, or a new file, for `files.save_cube`."""
    from undrift.scientific.hyperspectral.cubes.hdf5_new import write_new

    if is_from(cube, path):
        return write_copy(path, cube, history)
    return write_new(path, cube, history)


def is_from(cube: Cube, path: Path) -> bool:
    """Whether the file at `path` can be a copy of the cube's source."""
    if cube.stored.kind != "hdf5":
        return False
    head: HdfHead = cube.stored.header
    return FAMILIES.get(head.path.suffix.lower()) == FAMILIES.get(path.suffix.lower())


def write_copy(path: Path, cube: Cube, history: str = "") -> int:
    """Copies the source and replaces its numbers; returns how many values were clipped.

    Raises InputError where the source is gone or has other sizes.
    """
    import h5py

    head: HdfHead = cube.stored.header
    if not head.path.is_file():
        raise InputError(
            f"{head.path}: is gone, and {path} cannot be written without what else it held; "
            f"choose another kind of file"
        )
    numbers, clipped, fill = encoded(cube.array, cube.stored)

    def fill_in(part: Path) -> None:
        shutil.copyfile(head.path, part)
        part.chmod(0o644)
        at = 0
        with h5py.File(part, "r+") as file:
            for piece in head.parts:
                data: Any = file[piece.key]
                count = len(piece.bands)
                _put(data, piece, numbers[at : at + count], path)
                at += count
                if fill is not None and fill != cube.stored.fill:
                    data.attrs["_FillValue"] = np.array([fill]).astype(data.dtype)
            if history:
                past = file.attrs.get("history", "")
                past = past.decode() if isinstance(past, bytes) else str(past)
                file.attrs["history"] = f"{history}\n{past}" if past else history

    write_atomically(path, fill_in)
    return clipped


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The file for reading; what is damaged is an InputError."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            yield file
    except OSError as error:
        raise InputError(f"{path}: cannot be read as HDF5 ({error}); cut short?") from error


def numbers_of(data: Any, path: Path) -> np.ndarray:
    """All numbers of an array, in the byte order of this machine."""
    found = np.asarray(data[()])
    if not found.size:
        raise InputError(f"{path}: '{data.name}' is empty, {data.shape}")
    return found.astype(found.dtype.newbyteorder("="), copy=False)


def _put(data: Any, piece: Part, numbers: np.ndarray, path: Path) -> None:
    order = piece.axes
    wanted = dict(zip("bhw", numbers.shape, strict=True))
    shape = {axis: size for axis, size in zip(order, data.shape, strict=True)}
    if (shape["h"], shape["w"]) != (wanted["h"], wanted["w"]) or shape["b"] <= max(piece.bands):
        raise InputError(f"{path}: the cube is {numbers.shape}, its source {data.shape} ({order})")
    if shape["b"] == wanted["b"]:
        data[...] = permuted(numbers, "bhw", order).astype(data.dtype)
        return
    whole = permuted(np.asarray(data[()]), order, "bhw")
    whole[piece.bands] = numbers
    data[...] = permuted(whole, "bhw", order)


def _order(path: Path, key: str, data: Any, found: Any, axes: str | None, notes: list[str]) -> str:
    by_bands = band_axis(found.vectors, data.shape)
    if path.suffix.lower() == ".mat":
        if data.attrs.get("MATLAB_class") is None:
            notes.append(f"'{key}' was not written by MATLAB; taken for (rows, columns, bands)")
        order = order_of(axes or "hwb")[::-1]  # the file has MATLAB's axes backwards
        _agree(path, key, data.shape[::-1], order[::-1], by_bands, axes)
        return order
    if axes is not None:
        return order_of(axes)
    named = letters_of(dimension_names(data))
    if named is not None:
        return named
    if by_bands is None:
        raise InputError(
            f"{path}: the file does not say which axis of '{key}' {data.shape} is which; say it "
            f"with axes=, such as 'bhw' or 'hwb'"
        )
    rest = [axis for axis in range(3) if axis != by_bands]
    notes.append(f"axes of '{key}' taken for rows before columns")
    return "".join("b" if axis == by_bands else "hw"[rest.index(axis)] for axis in range(3))


def _agree(
    path: Path, key: str, shape: tuple[int, ...], order: str, by_bands: int | None, axes: str | None
) -> None:
    """Refuses MATLAB's usual order where the wavelengths fit another axis."""
    if by_bands is None or axes is not None:
        return
    axis = len(shape) - 1 - by_bands
    if shape[axis] != shape[order.index("b")]:
        raise InputError(
            f"{path}: wavelengths fit axis {axis} of '{key}' {shape}, not the last one; say the "
            f"order with axes=, such as 'bhw'"
        )
