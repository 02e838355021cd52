"""A new HDF5 file for a cube that came from elsewhere.

`cube` (bands, rows, columns) has the attributes of the CF conventions; `wavelength` and `fwhm` in
nm and `bbl` lie beside it, one number a band, and `crs` has the place as GDAL writes it.
"""

from pathlib import Path

import numpy as np

from undrift.common.files import write_atomically
from undrift.scientific.hyperspectral.cubes.cube import Cube
from undrift.scientific.hyperspectral.cubes.packing import encoded


def write_new(path: Path, cube: Cube, history: str = "") -> int:
    """Writes the file; returns how many values were clipped."""
    import h5py

    numbers, clipped, fill = encoded(cube.array, cube.stored)

    def write(part: Path) -> None:
        with h5py.File(part, "w") as file:
            data = file.create_dataset("cube", data=numbers, compression="gzip", shuffle=True)
            for dimension, name in zip(data.dims, ("band", "y", "x"), strict=True):
                dimension.label = name
            if fill is not None:
                data.attrs["_FillValue"] = np.array([fill]).astype(numbers.dtype)
            if np.any(np.not_equal(cube.stored.scale, 1)) or np.any(cube.stored.offset):
                data.attrs["scale_factor"] = cube.stored.scale
                data.attrs["add_offset"] = cube.stored.offset
            for name, values in (("wavelength", cube.wavelengths), ("fwhm", cube.fwhm)):
                if values is not None:
                    file[name] = values
                    file[name].attrs["units"] = "nm"
            if cube.good is not None:
                file["bbl"] = cube.good.astype("uint8")
            if cube.place is not None:
                data.attrs["grid_mapping"] = "crs"
                file["crs"] = 0
                a, b, c, d, e, f = cube.place.transform
                file["crs"].attrs["GeoTransform"] = " ".join(map(repr, (c, a, b, f, d, e)))
                if cube.place.crs is not None:
                    file["crs"].attrs["crs_wkt"] = cube.place.crs
            if history:
                file.attrs["history"] = history

    write_atomically(path, write)
    return clipped
