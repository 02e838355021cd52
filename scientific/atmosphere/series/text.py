"""Series in text tables: the first column is the time, the others are sensors.

Text that was known stays letter for letter; what was filled gets as many decimals as the column
has.
"""

import csv
import math
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from undrift.common.errors import InputError
from undrift.scientific.atmosphere.series.steps import even_steps

MISSING = {"", "na", "nan", "null", "none", "-"}


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


def values_of(table: Table, name: str) -> np.ndarray:
    """(length, sensors) float64, NaN where there is none. name: of the file, for errors.

    Raises InputError for cells that are no numbers and times that are not evenly spaced.
    """
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
    return values


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


def table_with(table: Table, values: np.ndarray) -> Table:
    """The table with other values (length, sensors)."""
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
