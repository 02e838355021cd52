"""Series of sensors in files and objects: CSV, NetCDF, xarray, arrays; the rest comes back.

Text of a table that was known stays letter for letter; what was filled gets as many decimals as the
column has. Times must be evenly spaced, since a model that counts in steps would not see a jump.
"""

import csv
import math
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.errors import InputError, UsageError, require
from undrift.common.files import write_atomically, write_text

MISSING = {"", "na", "nan", "null", "none", "-"}
SUFFIXES = (".csv", ".tsv", ".nc")


@dataclass(frozen=True, eq=False)
class Table:
    """A text table. header: names. rows: all cells as text, the first column is the time."""

    header: list[str]
    rows: list[list[str]]
    delimiter: str = ","

    def text(self) -> str:
        """The table as a file."""
        lines = [self.header, *self.rows]
        return "".join(self.delimiter.join(map(self._quoted, line)) + "\n" for line in lines)

    def _quoted(self, cell: str) -> str:
        if any(mark in cell for mark in (self.delimiter, '"', "\n")):
            return '"' + cell.replace('"', '""') + '"'
        return cell


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
            return _table_with(self.source, values)
        if isinstance(self.source, np.ndarray):
            return values.reshape(self.source.shape).astype(self.source.dtype)
        return _xarray_with(self.source, values)


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
            return _of_xarray(_read_netcdf(path), str(path))
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
    data = result.to_dataset() if hasattr(result, "to_dataset") else result.copy()
    if std is not None:
        deviations = std.to_dataset() if hasattr(std, "to_dataset") else std
        for name in _chosen(data):
            data[f"{name}_std"] = deviations[name].assign_attrs(long_name=f"deviation of {name}")
            data[f"{name}_std"].encoding = {}
            data[name].attrs["ancillary_variables"] = f"{name}_std"
    if history:
        past = data.attrs.get("history")
        data.attrs["history"] = f"{history}\n{past}" if past else history
    write_atomically(path, lambda part: data.to_netcdf(part, engine="h5netcdf"))


def read_table(path: Path) -> Table:
    """A text table with a header. Raises InputError for unequal lines, naming the line."""
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = [line for line in csv.reader(file, delimiter=delimiter) if line]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as a table ({error})") from error
    if len(lines) < 2 or len(lines[0]) < 2:
        raise InputError(f"{path}: expected a header and columns, a time and at least one sensor")
    for number, line in enumerate(lines, 1):
        if len(line) != len(lines[0]):
            raise InputError(
                f"{path}: line {number} has {len(line)} cells, the header {len(lines[0])}"
            )
    return Table(lines[0], lines[1:], delimiter)


def even_steps(times: np.ndarray, name: str) -> None:
    """Raises InputError where times do not rise by one and the same step."""
    gaps = np.diff(times)
    step = float(np.median(gaps)) if len(gaps) else 1.0
    wrong = np.flatnonzero(~(abs(gaps - step) <= 0.01 * abs(step)) | (gaps <= 0))
    if len(wrong):
        raise InputError(
            f"{name}: the step of time changes after row {wrong[0] + 1}; put in rows "
            f"without values where some are missing, so that all steps are alike"
        )


def _of_table(table: Table, name: str) -> Series:
    even_steps(_times([row[0] for row in table.rows], name), name)
    values = np.empty((len(table.rows), len(table.header) - 1))
    for at, row in enumerate(table.rows):
        for column, cell in enumerate(row[1:]):
            try:
                text = cell.strip()
                values[at, column] = math.nan if text.lower() in MISSING else float(text)
            except ValueError:
                raise InputError(
                    f"{name}: '{table.header[column + 1]}' in row {at + 1} is {cell!r}; expected a "
                    f"number, or nothing where it is missing"
                ) from None
    return Series(values, tuple(table.header[1:]), table)


def _times(cells: list[str], name: str) -> np.ndarray:
    try:
        return np.array([float(cell) for cell in cells])
    except ValueError:
        pass
    try:
        found = [datetime.fromisoformat(cell.strip()) for cell in cells]
        return np.array([(time - found[0]).total_seconds() for time in found])
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{name}: the first column is no time ({error}); expected numbers or 2024-01-31T12:00"
        ) from error


def _table_with(table: Table, values: np.ndarray) -> Table:
    decimals = [
        max((len(row[n].strip().partition(".")[2]) for row in table.rows), default=0)
        for n in range(1, len(table.header))
    ]
    rows = [
        [row[0], *(_cell(row[n + 1], values[at, n], decimals[n]) for n in range(len(decimals)))]
        for at, row in enumerate(table.rows)
    ]
    return Table(table.header, rows, table.delimiter)


def _cell(text: str, value: float, decimals: int) -> str:
    """The text where it says the same, else a number; nothing for NaN."""
    known = text.strip().lower() not in MISSING
    if known and float(text) == value:
        return text
    return "" if math.isnan(value) else f"{value:.{min(decimals, 12)}f}"


def _read_netcdf(path: Path) -> Any:
    xarray = require("xarray")
    try:
        with xarray.open_dataset(path) as data:
            return data.load()
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as NetCDF ({error})") from error


def _chosen(data: Any) -> list[Any]:
    """Variables of a Dataset that are series of numbers."""
    return [
        name for name, variable in data.data_vars.items()
        if "time" in variable.dims and variable.dtype.kind == "f"
    ]  # fmt: skip


def _of_xarray(source: Any, name: str) -> Series:
    arrays = [source[k] for k in _chosen(source)] if hasattr(source, "data_vars") else [source]
    if not arrays or "time" not in arrays[0].dims:
        raise InputError(f"{name}: no floating-point variable with a dimension 'time'")
    if "time" in source.coords:
        times = source.coords["time"].values
        seconds = times.astype("datetime64[ns]") if times.dtype.kind == "M" else times
        if times.dtype.kind in "iufM":
            even_steps((seconds - seconds[0]).astype(np.float64), name)
    parts = [
        array.transpose("time", ...).values.reshape(array.sizes["time"], -1) for array in arrays
    ]
    names = [
        f"{array.name}[{n}]" if part.shape[1] > 1 else str(array.name)
        for array, part in zip(arrays, parts, strict=True)
        for n in range(part.shape[1])
    ]
    return Series(np.concatenate(parts, 1).astype(np.float64), tuple(names), source)


def _xarray_with(source: Any, values: np.ndarray) -> Any:
    if not hasattr(source, "data_vars"):
        return _array_with(source, values)
    out, at = source.copy(), 0
    for name in _chosen(source):
        count = source[name].size // source.sizes["time"]
        out[name] = _array_with(source[name], values[:, at : at + count])
        at += count
    return out


def _array_with(array: Any, values: np.ndarray) -> Any:
    turned = array.transpose("time", ...)
    filled = turned.copy(data=values.reshape(turned.shape).astype(array.dtype))
    out = filled.transpose(*array.dims)
    out.encoding = dict(array.encoding)
    return out
