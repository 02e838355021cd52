"""GeoTIFF through rasterio (extra `geo`): a band of the file is a band of the cube.

The value "no data" and masks of the file make NaN before scale and offset of the bands make values.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.errors import InputError, require
from undrift.scientific.hyperspectral.cubes.cube import Cube, Stored
from undrift.scientific.hyperspectral.cubes.geotiff_head import marks, read_head, spectral
from undrift.scientific.hyperspectral.cubes.geotiff_write import write_geotiff
from undrift.scientific.hyperspectral.cubes.packing import decoded
from undrift.scientific.hyperspectral.cubes.place import Place


def read(path: Path, key: str | None = None, axes: str | None = None) -> Cube:
    """The cube of a GeoTIFF, for `files.open_cube`; key and axes are settled by the format.

    Raises InputError for a file that is damaged, cut short or of complex numbers.
    """
    if key is not None or axes is not None:
        raise InputError(f"{path}: bands of a GeoTIFF need no key and no axes; leave them out")
    rasterio = require("rasterio")
    try:
        with _quiet(), rasterio.open(path) as file:
            if file.count and np.dtype(file.dtypes[0]).kind not in "iuf":
                raise InputError(f"{path}: numbers of type {file.dtypes[0]}; expected real ones")
            head, stored = read_head(file), _stored(file)
            numbers = file.read()
            hidden = file.read_masks() == 0 if head.masked else None
            place = _place(file)
    except rasterio.errors.RasterioError as error:
        raise InputError(f"{path}: cannot be read as GeoTIFF ({error})") from error
    stored = Stored(**{**vars(stored), "header": head})
    values = decoded(numbers, stored)
    if hidden is not None:
        values[hidden] = np.nan
    nm, fwhm, note = spectral(head)
    return Cube(values, nm, fwhm, marks(head), stored, (note,) if note else (), place)


def write(path: Path, cube: Cube, history: str = "") -> int:
    """Writes a GeoTIFF, for `files.save_cube`; history goes to the tag `undrift_history`."""
    with _quiet():
        return write_geotiff(path, cube, history)


def _stored(file: Any) -> Stored:
    scales, offsets = (np.array(x, np.float64) for x in (file.scales, file.offsets))
    return Stored(
        kind="geotiff",
        dtype=file.dtypes[0],
        scale=float(scales[0]) if (scales == scales[0]).all() else scales,
        offset=float(offsets[0]) if (offsets == offsets[0]).all() else offsets,
        fill=file.nodata,
    )


def _place(file: Any) -> Place | None:
    if file.crs is None and file.transform.is_identity:
        return None
    return Place(tuple(file.transform)[:6], None if file.crs is None else file.crs.to_wkt())


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warning that a file says nothing of its place."""
    warning = require("rasterio.errors").NotGeoreferencedWarning
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", warning)
        yield
