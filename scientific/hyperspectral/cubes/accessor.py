"""`array.undrift` on every xarray.DataArray, once this module is imported.

import undrift.scientific.hyperspectral.cubes.accessor

report = array.undrift.noise_report()
clean = array.undrift.denoise(seed=0).value  # a DataArray with its coordinates and encoding
"""

from pathlib import Path
from typing import Any

from undrift.common.errors import require
from undrift.scientific.hyperspectral.cubes.cube import Cube
from undrift.scientific.hyperspectral.cubes.files import open_cube, save_cube

_xarray = require("xarray")


@_xarray.register_dataarray_accessor("undrift")
class Accessor:
    """Tasks on a DataArray with dimensions of bands, rows and columns in any order."""

    def __init__(self, array: Any) -> None:
        self._array = array

    def cube(self) -> Cube:
        """The values as (bands, rows, columns), with wavelengths in nm. Raises InputError."""
        return open_cube(self._array)

    def noise_report(self) -> Any:
        """Sigma, stripes, dead columns and bad bands, see `noise.estimate.NoiseReport`."""
        from undrift.scientific.hyperspectral.noise.estimate import noise_report

        return noise_report(self.cube())

    def denoise(self, **options: Any) -> Any:
        """`undrift.scientific.hyperspectral.denoise` of this array."""
        from undrift.scientific import hyperspectral

        return hyperspectral.denoise(self._array, **options)

    def save(self, path: str | Path, like: Any = None, history: str = "") -> int:
        """Writes the array by the suffix of `path`, see `files.save_cube`."""
        return save_cube(self._array, path, like, history)
