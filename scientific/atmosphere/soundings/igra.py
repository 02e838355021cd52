"""IGRA version 2 of NOAA: soundings in fixed columns (igra2-data-format.txt).

A sounding is a header, which begins with #, and as many lines as it says. Numbers are integers in
columns and are cut out by column, since signs and missing values leave no blanks between them.
-9999 is missing and -8888 was removed by the archive's checks; both are NaN here. Latitude and
longitude are whole numbers of 1e-4 degrees: "    312" is 0.0312.
"""

import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np

from undrift.common.errors import InputError
from undrift.scientific.atmosphere.soundings.sounding import Sounding

_MISSING = (-9999, -8888)
_KELVIN = 273.15
# First and last column, counted from 1 as in the description of the format.
_LEVEL = {
    "level_type": (1, 1), "level_kind": (2, 2), "elapsed": (4, 8), "pressure": (10, 15),
    "height": (17, 21), "temperature": (23, 27), "relative_humidity": (29, 33),
    "dewpoint_depression": (35, 39), "wind_direction": (41, 45), "wind_speed": (47, 51),
}  # fmt: skip
_FLAGS = {"pressure": 16, "height": 22, "temperature": 28}
_TENTHS = ("temperature", "relative_humidity", "dewpoint_depression", "wind_speed")


def read_igra(path: Path | str) -> list[Sounding]:
    """All soundings of a station file, text or zipped.

    Raises InputError, with the line, for what is not such a file or ends too soon.
    """
    lines = iter(enumerate(_text(Path(path)).splitlines(), 1))
    found = [_sounding(line, number, lines, path) for number, line in lines if line.strip()]
    if not found:
        raise InputError(f"{path}: holds no sounding; expected lines that begin with '#'")
    return found


def _text(path: Path) -> str:
    try:
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as archive:
                names = [name for name in archive.namelist() if not name.endswith("/")]
                if len(names) != 1:
                    raise InputError(f"{path}: holds {len(names)} files; expected one of a station")
                return archive.read(names[0]).decode("ascii")
        return path.read_text("ascii")
    except (OSError, zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as IGRA text ({error})") from error


def _sounding(line: str, number: int, rest: Iterator[tuple[int, str]], path: object) -> Sounding:
    where = f"{path}: line {number}"
    if not line.startswith("#"):
        raise InputError(f"{where}: expected a header with '#', got {line[:30]!r}")
    count = _whole(line, 33, 36, where)
    levels = []
    for _ in range(count):
        at, text = next(rest, (0, ""))
        if not at or text.startswith("#"):
            raise InputError(f"{where}: {count} levels announced, {len(levels)} follow")
        levels.append(_level(text, f"{path}: line {at}"))
    table = {name: np.array([level[name] for level in levels]) for name in _LEVEL}
    kinds = {name: table.pop(name).astype(np.int64) for name in ("level_type", "level_kind")}
    flags = {
        name: np.array([level[f"flag {name}"] for level in levels], dtype=np.str_)
        for name in _FLAGS
    }
    day, time = _time(line, where)
    return Sounding(
        station=line[1:12].strip(),
        time=time,
        latitude=_whole(line, 56, 62, where) / 1e4,
        longitude=_whole(line, 64, 71, where) / 1e4,
        release=_release(_whole(line, 28, 31, where)),
        date=day,
        flags=flags,
        **kinds,
        **table,
    )


def _level(line: str, where: str) -> dict[str, float | str]:
    level: dict[str, float | str] = {}
    for name, (first, last) in _LEVEL.items():
        value = _whole(line, first, last, where)
        known = value not in _MISSING
        level[name] = (value / 10 if name in _TENTHS else float(value)) if known else np.nan
    if isinstance(level["temperature"], float):
        level["temperature"] += _KELVIN
    if isinstance(level["elapsed"], float) and np.isfinite(level["elapsed"]):
        minutes, seconds = divmod(int(level["elapsed"]), 100)  # MMMSS
        level["elapsed"] = 60.0 * minutes + seconds
    for name, column in _FLAGS.items():
        level[f"flag {name}"] = line[column - 1 : column].strip()
    return level


def _time(line: str, where: str) -> tuple[str, datetime | None]:
    year, month, day, hour = (
        _whole(line, *columns, where) for columns in ((14, 17), (19, 20), (22, 23), (25, 26))
    )
    date = f"{year:04d}-{month:02d}-{day:02d}"
    try:
        time = datetime(year, month, day, 0 if hour == 99 else hour)
    except ValueError as error:
        raise InputError(f"{where}: no date: {line[13:26]!r} ({error})") from error
    return date, None if hour == 99 else time


def _release(value: int) -> int | None:
    """Minutes after midnight of HHMM; None for hour 99, the full hour for minute 99."""
    hours, minutes = divmod(value, 100)
    return None if hours == 99 else 60 * hours + (0 if minutes == 99 else minutes)


def _whole(line: str, first: int, last: int, where: str) -> int:
    """The integer in columns `first` to `last`, counted from 1."""
    text = line[first - 1 : last]
    try:
        return int(text)
    except ValueError:
        raise InputError(
            f"{where}: expected an integer in columns {first} to {last}, got {text!r}"
        ) from None
