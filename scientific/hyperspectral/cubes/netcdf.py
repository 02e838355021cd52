"""NetCDF: version 4 is HDF5 inside, version 3 goes through scipy, new files through xarray.

A new file follows the CF conventions: `wavelength` in nm with its standard name, a grid mapping
with the coordinate system, packed numbers with their scale and fill.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.errors import InputError, require
from undrift.common.files import write_atomically
from undrift.scientific.hyperspectral.cubes import hdf5
from undrift.scientific.hyperspectral.cubes.axes import letters_of, order_of, permuted
from undrift.scientific.hyperspectral.cubes.cube import Cube, Stored
from undrift.scientific.hyperspectral.cubes.packing import decoded, encoded, fill_of
from undrift.scientific.hyperspectral.cubes.place import Place, from_coordinates, from_gdal
from undrift.scientific.hyperspectral.cubes.sides import Vector, only_one, spectral_sides
from undrift.scientific.hyperspectral.cubes.xarrays import to_xarray


@dataclass(frozen=True)
class ClassicHead:
    """The source of a cube of version 3, and the variable."""

    path: Path
    key: str


def read(path: Path, key: str | None = None, axes: str | None = None) -> Cube:
    """The cube of a NetCDF file, for `files.open_cube`.

    Raises InputError for a file that is damaged, and for arrays or axes that are ambiguous.
    """
    try:
        with path.open("rb") as file:
            classic = file.read(3) == b"CDF"
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    if not classic:
        return hdf5.read(path, key, axes)
    try:
        with _classic(path, "r") as file:
            return _cube(path, file, key, axes)
    except (OSError, ValueError, TypeError, IndexError, KeyError) as error:
        raise InputError(f"{path}: cannot be read as NetCDF 3 ({error}); cut short?") from error


def write(path: Path, cube: Cube, history: str = "") -> int:
    """A copy of the source with other numbers, or a new file, for `files.save_cube`."""
    if hdf5.is_from(cube, path):
        return hdf5.write_copy(path, cube, history)
    if cube.stored.kind == "netcdf3":
        return _write_classic(path, cube, history)
    return _write_new(path, cube, history)


def _cube(path: Path, file: Any, key: str | None, axes: str | None) -> Cube:
    found = {k: v.shape for k, v in file.variables.items() if _numeric(v) and len(v.shape) == 3}
    there = ", ".join(f"{k} {v.shape}" for k, v in file.variables.items()) or "nothing"
    key = only_one(found, key, str(path), there)
    variable = file.variables[key]
    order = order_of(axes) if axes is not None else letters_of(variable.dimensions)
    if order is None:
        raise InputError(
            f"{path}: dimensions {variable.dimensions} of '{key}': which one is which? Say their "
            f"order with axes=, such as 'bhw' or 'hwb'"
        )
    along = variable.dimensions[order.index("b")]
    bands = variable.shape[order.index("b")]
    vectors = {
        k: Vector(_native(v.data), _text(v._attributes.get("units")))
        for k, v in file.variables.items()
        if _numeric(v) and v.dimensions == (along,)
    }
    sides = spectral_sides(vectors, bands)
    attrs = variable._attributes
    stored = Stored(
        kind="netcdf3",
        dtype=_native(variable.data).dtype.name,
        scale=float(np.asarray(attrs.get("scale_factor", 1)).reshape(-1)[0]),
        offset=float(np.asarray(attrs.get("add_offset", 0)).reshape(-1)[0]),
        fill=fill_of(attrs.get("_FillValue", attrs.get("missing_value"))),
        layout=order,
        header=ClassicHead(path.resolve(), key),
    )
    values = decoded(permuted(_native(variable.data), order, "bhw"), stored)
    place = _place(file, variable, order)
    return Cube(values, sides.centres, sides.widths, sides.good, stored, sides.notes, place)


def _write_classic(path: Path, cube: Cube, history: str) -> int:
    head: ClassicHead = cube.stored.header
    if not head.path.is_file():
        raise InputError(
            f"{head.path}: is gone, and what else it held with it; cannot write {path}"
        )
    numbers, clipped, fill = encoded(cube.array, cube.stored)

    def fill_in(part: Path) -> None:
        shutil.copyfile(head.path, part)
        part.chmod(0o644)
        with _classic(part, "a") as file:
            variable = file.variables[head.key]
            variable.data[...] = permuted(numbers, "bhw", cube.stored.layout)
            if fill is not None and fill != cube.stored.fill:
                variable._FillValue = np.dtype(cube.stored.dtype).type(fill)
            if history:
                past = _text(getattr(file, "history", b"")) or ""
                file.history = f"{history}\n{past}" if past else history

    write_atomically(path, fill_in)
    return clipped


def _write_new(path: Path, cube: Cube, history: str) -> int:
    require("h5netcdf")
    numbers, clipped, fill = encoded(cube.array, cube.stored)
    made = to_xarray(cube, values=True)
    data = made if hasattr(made, "data_vars") else made.to_dataset(name=made.name or "cube")
    array = data[cube.stored.header.name if made is data else made.name or "cube"]
    packed: dict[str, Any] = {"zlib": True}
    if np.ndim(cube.stored.scale) == 0 == np.ndim(cube.stored.offset):
        packed |= {"dtype": numbers.dtype, "_FillValue": fill}
        if (cube.stored.scale, cube.stored.offset) != (1, 0):
            packed |= {"scale_factor": cube.stored.scale, "add_offset": cube.stored.offset}
    if cube.stored.kind != "xarray" or cube.stored.fill is not None:
        array.encoding |= packed
    if cube.stored.kind != "xarray":
        data.attrs["Conventions"] = "CF-1.10"
    if history:
        past = data.attrs.get("history")
        data.attrs["history"] = f"{history}\n{past}" if past else history
    write_atomically(path, lambda part: data.to_netcdf(part, engine="h5netcdf"))
    return clipped


def _classic(path: Path, mode: Any) -> Any:
    from scipy.io import netcdf_file

    return netcdf_file(str(path), mode, mmap=False)


def _place(file: Any, variable: Any, order: str) -> Place | None:
    name = _text(variable._attributes.get("grid_mapping"))
    attrs = file.variables[name]._attributes if name in file.variables else {}
    crs = _text(attrs.get("crs_wkt", attrs.get("spatial_ref")))
    if (geo := _text(attrs.get("GeoTransform"))) is not None:
        return from_gdal(geo, crs)
    x, y = (file.variables.get(variable.dimensions[order.index(letter)]) for letter in "wh")
    return None if x is None or y is None else from_coordinates(x.data, y.data, crs)


def _numeric(variable: Any) -> bool:
    return variable.data.dtype.kind in "iuf"


def _native(data: np.ndarray) -> np.ndarray:
    return data.astype(data.dtype.newbyteorder("="))


def _text(value: Any) -> str | None:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
