"""Cubes from and to xarray: one DataArray in, one DataArray out; a Dataset stays a Dataset.

Dimensions in any order, coordinates, attributes and encoding come back as they were; xarray itself
drops the encoding on the way through most functions. What was read without decoding keeps its
`_FillValue`, `scale_factor` and `add_offset` among the attributes and is decoded here.
"""

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from undrift.common.errors import InputError, require
from undrift.scientific.hyperspectral.cubes.axes import letters_of, order_of, permuted
from undrift.scientific.hyperspectral.cubes.cube import Cube, Stored
from undrift.scientific.hyperspectral.cubes.packing import decoded, encoded, fill_of
from undrift.scientific.hyperspectral.cubes.place import Place, from_coordinates, from_gdal
from undrift.scientific.hyperspectral.cubes.sides import (
    Vector,
    band_axis,
    only_one,
    spectral_sides,
)


@dataclass(frozen=True)
class XarrayHead:
    """All of a DataArray but its values. coords: xarray's variables by name. within: the Dataset
    whose variable it was, or None.
    """

    name: Any
    dims: tuple[Any, ...]
    coords: dict[Any, Any]
    attrs: dict[Any, Any]
    encoding: dict[Any, Any]
    within: Any = None


def is_xarray(source: Any) -> bool:
    """Whether this is a DataArray or Dataset; imports nothing."""
    xarray = sys.modules.get("xarray")
    return xarray is not None and isinstance(source, (xarray.DataArray, xarray.Dataset))


def from_xarray(source: Any, key: str | None = None, axes: str | None = None) -> Cube:
    """The cube of a DataArray, or of the only variable with three axes of a Dataset.

    Raises InputError where the variable or the order of its dimensions is ambiguous.
    """
    array = _numbers(source, key)
    vectors = {
        str(name): Vector(np.asarray(coord.values), coord.attrs.get("units"))
        for name, coord in array.coords.items()
        if coord.ndim == 1 and coord.dtype.kind in "iuf"
    }
    order = order_of(axes) if axes is not None else _order(array, vectors)
    bands = array.shape[order.index("b")]
    along = array.dims[order.index("b")]
    own = {k: v for k, v in vectors.items() if array.coords[k].dims == (along,)}
    sides = spectral_sides(own, bands)
    attrs = dict(array.attrs)
    stored = Stored(
        kind="xarray",
        dtype=array.dtype.name,
        scale=float(attrs.get("scale_factor", 1)),
        offset=float(attrs.get("add_offset", 0)),
        fill=fill_of(attrs.get("_FillValue", attrs.get("missing_value"))),
        layout=order,
        header=XarrayHead(
            array.name, array.dims, {k: v.variable for k, v in array.coords.items()}, attrs,
            dict(array.encoding), None if array is source else source,
        ),
    )  # fmt: skip
    values = decoded(permuted(np.asarray(array.values), order, "bhw"), stored)
    return Cube(
        values, sides.centres, sides.widths, sides.good, stored, sides.notes, _place(array, order)
    )


def _numbers(source: Any, key: str | None) -> Any:
    """The DataArray itself, or the one of a Dataset."""
    array = source
    if hasattr(source, "data_vars"):
        shapes = {
            str(name): variable.shape
            for name, variable in source.data_vars.items()
            if variable.ndim == 3 and variable.dtype.kind in "iuf"
        }
        there = ", ".join(f"{k} {v.shape}" for k, v in source.variables.items()) or "nothing"
        array = source[only_one(shapes, key, "Dataset", there)]
    if array.ndim != 3 or array.dtype.kind not in "iuf":
        raise InputError(
            f"expected a DataArray of numbers with three dimensions, got {array.dtype} "
            f"{dict(array.sizes)}"
        )
    return array


def to_xarray(cube: Cube, values: bool = False) -> Any:
    """The source with these values, or a DataArray (band, y, x) of a cube from elsewhere.

    values: real ones, NaN where there is none, instead of the stored numbers of a source that was
    read without decoding. Raises MissingExtraError without xarray.
    """
    xarray = require("xarray")
    if cube.stored.kind != "xarray":
        return _new(cube)
    head: XarrayHead = cube.stored.header
    attrs, fill = dict(head.attrs), cube.stored.fill
    if values:
        numbers = cube.array
        for name in ("_FillValue", "missing_value", "scale_factor", "add_offset"):
            attrs.pop(name, None)
    else:
        numbers, _, fill = encoded(cube.array, cube.stored)
    if fill != cube.stored.fill:
        attrs["_FillValue"] = np.dtype(cube.stored.dtype).type(fill)
    out = xarray.DataArray(
        permuted(numbers, "bhw", cube.stored.layout),
        coords=head.coords, dims=head.dims, name=head.name, attrs=attrs,
    )  # fmt: skip
    out.encoding = dict(head.encoding)
    return out if head.within is None else head.within.assign({head.name: out})


def _new(cube: Cube) -> Any:
    xarray = require("xarray")
    coords: dict[str, Any] = {}
    if cube.wavelengths is not None:
        named = {"units": "nm", "standard_name": "radiation_wavelength"}
        coords["wavelength"] = ("band", cube.wavelengths, named)
    if cube.fwhm is not None:
        named = {"units": "nm", "long_name": "full width at half maximum"}
        coords["fwhm"] = ("band", cube.fwhm, named)
    if cube.good is not None:
        coords["bbl"] = ("band", cube.good.astype(np.uint8), {"long_name": "good bands"})
    if cube.place is not None:
        a, b, c, d, e, f = cube.place.transform
        attrs = {"GeoTransform": " ".join(map(repr, (c, a, b, f, d, e)))}
        if cube.place.crs is not None:
            attrs |= {"crs_wkt": cube.place.crs, "spatial_ref": cube.place.crs}
        coords["spatial_ref"] = ((), 0, attrs)
        if cube.place.upright:
            coords["y"], coords["x"] = cube.place.centres(*cube.array.shape[1:])
    out = xarray.DataArray(cube.array, coords=coords, dims=("band", "y", "x"), name="cube")
    if cube.place is not None:
        out.encoding["grid_mapping"] = "spatial_ref"
    return out


def _order(array: Any, vectors: dict[str, Vector]) -> str:
    named = letters_of([str(name) for name in array.dims])
    if named is not None:
        return named
    axis = band_axis(vectors, array.shape)
    rest = [dim for n, dim in enumerate(array.dims) if n != axis]
    if axis is not None:
        known = letters_of(["band", *map(str, rest)]) or "bhw"
        letters = iter(known[1:])
        return "".join("b" if n == axis else next(letters) for n in range(3))
    raise InputError(
        f"dimensions {array.dims}: which one is which? Name them band, y and x, or say their order "
        f"with axes=, such as 'bhw' or 'hwb'"
    )


def _place(array: Any, order: str) -> Place | None:
    name = array.encoding.get("grid_mapping", array.attrs.get("grid_mapping", "spatial_ref"))
    attrs = array.coords[name].attrs if name in array.coords else {}
    crs = attrs.get("crs_wkt", attrs.get("spatial_ref"))
    if "GeoTransform" in attrs:
        return from_gdal(str(attrs["GeoTransform"]), crs)
    x, y = (array.dims[order.index(letter)] for letter in "wh")
    if not {x, y} <= set(array.coords):
        return None
    columns, rows = array.coords[x].values, array.coords[y].values
    if columns.dtype.kind not in "iuf" or rows.dtype.kind not in "iuf":
        return None
    return from_coordinates(columns, rows, crs)
