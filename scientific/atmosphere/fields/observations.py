"""Observations as a user names them on the command line, as sources of the downscaling.

    igra:USM00072469-data.txt,std.t=0.7,std.u=2,window=60
    stations:airports.csv,std.t2m=0.5

IGRA gives ascents, stations a table with the columns latitude, longitude and, where it has several
times, time (ISO 8601, UTC), and one column for each variable or channel, in its unit inside (K,
m/s, Pa); on a plane without places on the Earth the columns are row and column. `std.NAME` is the
error in the same units, with that of representation in it; it has no default, since nobody but the
user knows it. `window` is how many minutes an observation may lie from the time of the field.
`layer.NAME=250-750` and `reference.NAME=260` are those of `Radiosondes`.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError, UsageError, nearest
from undrift.scientific.atmosphere.fields.times import moment
from undrift.scientific.atmosphere.soundings import Sounding, read_igra

if TYPE_CHECKING:
    from undrift.scientific.atmosphere.sources import Source

KINDS = ("igra", "stations")
_PLACES = (("latitude", "longitude"), ("lat", "lon"), ("row", "column"))
_WINDOW = 60.0  # minutes


@dataclass(frozen=True)
class Asked:
    """One `--obs`: where the observations are, and how far to trust them. window: minutes."""

    kind: str
    path: Path
    std: dict[str, float] = field(default_factory=dict)
    layers: dict[str, tuple[float, float]] = field(default_factory=dict)
    reference: dict[str, float] = field(default_factory=dict)
    window: float = _WINDOW

    def sources(self, time: np.datetime64 | None) -> "list[Source]":
        """What is known at a time, [] where nothing is near. time: None where the field has none.

        Raises InputError for a file that is none.
        """
        from undrift.scientific.atmosphere.sources import Radiosondes

        name = f"{self.kind}:{self.path.name}"
        if self.kind == "igra":
            near = [
                one
                for one in _soundings(self.path, _stamp(self.path))
                if self._near(one.time, time)
            ]
            return [
                Radiosondes(near, self.std, self.layers, self.reference, name=name)
            ] if near else []  # fmt: skip
        return _table(self.path, _stamp(self.path)).sources(self, time, name)

    def _near(self, own: Any, time: np.datetime64 | None) -> bool:
        if time is None:
            return True
        if own is None:
            return False
        away = abs(np.datetime64(own, "s") - time)
        return bool(away <= np.timedelta64(round(60 * self.window), "s"))


def parse(text: str) -> Asked:
    """`KIND:FILE,std.NAME=NUMBER,...` as told above; raises UsageError that says what is wrong."""
    kind, colon, rest = text.partition(":")
    if not colon or kind not in KINDS:
        hint = nearest(kind, KINDS)
        raise UsageError(
            f"--obs {text}: expected {' or '.join(k + ':FILE' for k in KINDS)}, then "
            f"std.NAME=NUMBER by commas{hint}"
        )
    file, *settings = rest.split(",")
    asked: dict[str, Any] = {"std": {}, "layers": {}, "reference": {}, "window": _WINDOW}
    for one in settings:
        key, _, value = one.partition("=")
        group, _, name = key.partition(".")
        try:
            if group in ("std", "reference") and name:
                asked[group][name] = float(value)
            elif group == "layer" and name:
                low, high = value.split("-")
                asked["layers"][name] = (float(low), float(high))
            elif key == "window":
                asked["window"] = float(value)
            else:
                raise UsageError(
                    f"--obs {text}: unknown setting '{one}'; there are std.NAME=, window=, "
                    "layer.NAME=UPPER-LOWER in hPa and reference.NAME="
                )
        except ValueError as error:
            raise UsageError(f"--obs {text}: '{one}': expected a number ({error})") from error
    if not asked["std"] or not min(asked["std"].values()) > 0:
        raise UsageError(f"--obs {text}: says no error; add std.NAME=NUMBER above 0, in K or m/s")
    return Asked(kind, Path(file), **asked)


@dataclass(frozen=True, eq=False)
class Table:
    """A file of stations. axes: the names of the columns of places. times: (n,) or None."""

    axes: tuple[str, str]
    places: npt.NDArray[np.float64]
    times: npt.NDArray[Any] | None
    values: dict[str, npt.NDArray[np.float64]]

    def sources(self, asked: Asked, time: np.datetime64 | None, name: str) -> "list[Source]":
        """The rows near a time, of the variables that have an error. Raises InputError."""
        from undrift.scientific.atmosphere.sources import Stations

        for wanted in asked.std:
            if wanted not in self.values:
                raise InputError(
                    f"{asked.path}: has no column '{wanted}'{nearest(wanted, self.values)}; it has "
                    f"{', '.join(self.values)}"
                )
        rows = np.ones(len(self.places), bool)
        if self.times is not None and time is not None:
            away = np.abs(self.times - time)
            rows = away <= np.timedelta64(round(60 * asked.window), "s")
        if not rows.any():
            return []
        values = {key: self.values[key][rows] for key in asked.std}
        first, second = self.places[rows].T
        if self.axes == ("row", "column"):
            return [Stations(values, asked.std, indices=self.places[rows], name=name)]
        return [Stations(values, asked.std, latitudes=first, longitudes=second, name=name)]


def _stamp(path: Path) -> tuple[int, int]:
    """Tells an edited file from the one that was read before. Raises InputError."""
    try:
        found = path.stat()
    except OSError as error:
        raise InputError(f"{path}: no such file of observations") from error
    return found.st_mtime_ns, found.st_size


@cache
def _soundings(path: Path, stamp: tuple[int, int]) -> Sequence[Sounding]:
    return tuple(read_igra(path))


@cache
def _table(path: Path, stamp: tuple[int, int]) -> Table:
    """Raises InputError, with the line, for what is no such table."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error})") from error
    head = [cell.strip() for cell in rows[0]] if rows else []
    axes = next((pair for pair in _PLACES if set(pair) <= set(head)), None)
    if axes is None or len(rows) < 2:
        raise InputError(
            f"{path}: expected a first line with latitude and longitude (or row and column) and "
            f"the variables, then one line a station; got {', '.join(head) or 'nothing'}"
        )
    columns: dict[str, list[str]] = {name: [] for name in head}
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(head):
            raise InputError(f"{path}, line {number}: {len(row)} cells for {len(head)} columns")
        for name, cell in zip(head, row, strict=True):
            columns[name].append(cell.strip())
    times = [moment(cell) for cell in columns.pop("time")] if "time" in columns else None
    numbers = {name: _numbers(cells, path, name) for name, cells in columns.items()}
    places = np.stack([numbers.pop(axis) for axis in axes], -1)
    if np.isnan(places).any():
        raise InputError(f"{path}: a station without a place; fill it in or leave the line out")
    return Table(axes, places, None if times is None else np.array(times), numbers)


def _numbers(cells: Sequence[str], path: Path, name: str) -> npt.NDArray[np.float64]:
    out = np.full(len(cells), np.nan)
    for k, cell in enumerate(cells):
        if cell.lower() in ("", "nan", "na"):
            continue
        try:
            out[k] = float(cell)
        except ValueError:
            if name.lower() in ("station", "id", "name"):
                continue
            raise InputError(
                f"{path}, line {k + 2}: {name} is '{cell}'; expected a number"
            ) from None
    return out
