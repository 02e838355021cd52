"""Series of sensors in files and objects: CSV, NetCDF, xarray, arrays; the rest comes back."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.errors import InputError, UsageError
from undrift.common.files import write_text
from undrift.scientific.atmosphere.series import netcdf, text
from undrift.scientific.atmosphere.series.text import Table, read_table

SUFFIXES = (".csv", ".tsv", ".nc")


@dataclass(frozen=True, eq=False)
class Series:
    """values: (length, sensors) float64, NaN where there is none. names: of the sensors. source:
    what they came from: a Table, xarray.Dataset, DataArray or array.
    """

    values: np.ndarray
    names: tuple[str, ...]
    source: Any

    def back(self, values: np.ndarray) -> Any:
        """Other values as the kind of thing that the source is."""
        if isinstance(self.source, Table):
            return text.table_with(self.source, values)
        if isinstance(self.source, np.ndarray):
            return values.reshape(self.source.shape).astype(self.source.dtype)
        return netcdf.xarray_with(self.source, values)


def open_series(source: Any) -> Series:
    """The series of a path (.csv, .tsv, .nc), xarray object or array (length, sensors).

    Raises InputError for what is damaged, without values, or not evenly spaced in time.
    """
    if isinstance(source, Series):
        return source
    if isinstance(source, (str, Path)):
        path = Path(source)
        if path.suffix.lower() in (".csv", ".tsv"):
            return _of_table(read_table(path), str(path))
        if path.suffix.lower() == ".nc":
            return _of_xarray(netcdf.read_netcdf(path), str(path))
        raise InputError(f"{path}: unknown suffix; known: {' '.join(SUFFIXES)}")
    if isinstance(source, np.ndarray):
        if source.ndim not in (1, 2) or source.dtype.kind != "f":
            raise InputError(
                f"expected floats (length, sensors), got {source.dtype} {source.shape}"
            )
        values = source.reshape(len(source), -1).astype(np.float64)
        return Series(values, tuple(f"sensor {n}" for n in range(values.shape[1])), source)
    if hasattr(source, "dims") and hasattr(source, "coords"):
        return _of_xarray(source, type(source).__name__)
    raise InputError(f"expected a path, xarray object or array, got {type(source).__name__}")


def save_series(path: Path, result: Any, std: Any = None, history: str = "") -> None:
    """Writes a Table as CSV, with the deviations beside it as NAME.std.csv, or xarray as NetCDF.

    Raises UsageError where object and suffix do not fit.
    """
    if isinstance(result, Table) and path.suffix.lower() in (".csv", ".tsv"):
        write_text(path, result.text())
        if std is not None:
            write_text(path.with_suffix(f".std{path.suffix}"), std.text())
        return
    if isinstance(result, Table) or path.suffix.lower() != ".nc":
        raise UsageError(f"{path}: a series is written as it came, .csv as .csv and .nc as .nc")
    netcdf.save_netcdf(path, result, std, history)


def _of_table(table: Table, name: str) -> Series:
    return Series(text.values_of(table, name), tuple(table.header[1:]), table)


def _of_xarray(source: Any, name: str) -> Series:
    values, names = netcdf.values_of(source, name)
    return Series(values, names, source)
