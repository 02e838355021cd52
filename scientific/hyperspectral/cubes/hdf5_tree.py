"""What a tree of HDF5 holds: arrays that could be a cube, vectors, units, dimensions, places."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.errors import InputError
from undrift.scientific.hyperspectral.cubes.place import Place, from_coordinates, from_gdal
from undrift.scientific.hyperspectral.cubes.sides import Vector

_NO_NUMBERS = ("char", "cell", "struct", "logical", "function_handle")  # classes of MATLAB


@dataclass(frozen=True, eq=False)
class Part:
    """bands: which of the array `key`, whose axes are `axes`, the cube has, in its order."""

    key: str
    axes: str
    bands: np.ndarray


@dataclass(frozen=True)
class HdfHead:
    """The source of a cube, and where in it the numbers are."""

    path: Path
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Survey:
    """cubes: shapes of arrays of real numbers with three axes, by key. vectors: lists of numbers.
    unit: of wavelengths, where a text of its own tells it. all_of_it: what is there, for errors.
    """

    cubes: dict[str, tuple[int, ...]]
    vectors: dict[str, Vector]
    unit: str | None
    all_of_it: str


def survey(file: Any) -> Survey:
    """Looks at every array of the tree; reads the short ones."""
    import h5py

    cubes: dict[str, tuple[int, ...]] = {}
    vectors: dict[str, Vector] = {}
    units: list[str] = []
    there: list[str] = []

    def look(name: str, item: Any) -> None:
        if not isinstance(item, h5py.Dataset) or name.startswith("#"):
            return
        there.append(f"{name} {item.shape}")
        kind = text_of(item.attrs.get("MATLAB_class")) or ""
        plain = name.rsplit("/", 1)[-1].lower()
        if kind == "char":  # numbers of letters
            if "unit" in plain:
                units.append("".join(chr(code) for code in np.asarray(item[()]).reshape(-1)))
        elif item.dtype.kind in "OS":
            if "unit" in plain and item.size == 1:
                units.append(text_of(np.asarray(item[()]).reshape(-1)[0]) or "")
        elif item.dtype.kind in "iuf" and kind not in _NO_NUMBERS:
            if item.ndim == 3:
                cubes[name] = item.shape
            elif item.size and item.size == max(item.shape, default=0):
                vectors[name] = Vector(
                    np.asarray(item[()]).reshape(-1), text_of(item.attrs.get("units"))
                )

    file.visititems(look)
    return Survey(cubes, vectors, units[0] if units else None, ", ".join(there) or "nothing")


def text_of(value: Any) -> str | None:
    """Text of an attribute, which may come as bytes or in an array of one."""
    if value is None:
        return None
    if isinstance(value, np.ndarray):
        value = value.reshape(-1)[0] if value.size else ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def scale_of(data: Any, bands: int) -> tuple[Any, Any]:
    """Scale and offset by the attributes of the CF conventions, one number or one a band."""
    found = []
    for name, default in (("scale_factor", 1.0), ("add_offset", 0.0)):
        value = np.asarray(data.attrs.get(name, default), np.float64).reshape(-1)
        if value.size not in (1, bands):
            raise InputError(f"'{data.name}': {name} has {value.size} numbers for {bands} bands")
        found.append(float(value[0]) if value.size == 1 else value)
    return found[0], found[1]


def dimension_names(data: Any) -> list[str]:
    """Names of the axes, by dimension scales or labels, "?" where there is none."""
    names = []
    for dimension in data.dims:
        name = dimension.label
        if not name and len(dimension):
            name = str(dimension[0].name)
        names.append(name.rsplit("/", 1)[-1] or "?")
    return names


def place_of(file: Any, data: Any) -> Place | None:
    """The place by a variable of grid mapping, or by the coordinates x and y."""
    mapping = text_of(data.attrs.get("grid_mapping"))
    attrs = file[mapping].attrs if mapping and mapping in file else {}
    crs = text_of(attrs.get("crs_wkt", attrs.get("spatial_ref")))
    geo = text_of(attrs.get("GeoTransform"))
    if geo is not None:
        return from_gdal(geo, crs)
    axes = {
        str(dimension[0].name).rsplit("/", 1)[-1]: np.asarray(dimension[0][()])
        for dimension in data.dims
        if len(dimension)
    }
    return from_coordinates(axes.get("x"), axes.get("y"), crs)
