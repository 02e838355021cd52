"""Where on earth the rows and columns of a cube lie."""

import math
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from undrift.common.errors import InputError

Affine = tuple[float, float, float, float, float, float]


@dataclass(frozen=True)
class Place:
    """transform: (a, b, c, d, e, f), corner of a pixel x = a column + b row + c and
    y = d column + e row + f, in the unit of the coordinate system. crs: the system as WKT or
    "EPSG:number", None where it is not known.
    """

    transform: Affine
    crs: str | None = None

    @property
    def upright(self) -> bool:
        """Whether columns run along x and rows along y."""
        return self.transform[1] == 0 == self.transform[3]

    def centres(self, rows: int, columns: int) -> tuple[list[float], list[float]]:
        """y of every row and x of every column at the middle of pixels, where it is upright."""
        a, _, c, _, e, f = self.transform
        y = [f + e * (row + 0.5) for row in range(rows)]
        return y, [c + a * (column + 0.5) for column in range(columns)]


def from_map_info(parts: list[str], wkt: str | None, name: str) -> Place | None:
    """The place that ENVI's `map info` and `coordinate system string` tell.

    parts: projection, column and row of the tie point (the corner of the first pixel is 1, 1), its
    x and y, width and height of a pixel, then zone and hemisphere for UTM, datum, `units=`,
    `rotation=` in degrees, counterclockwise. None for "Arbitrary" without a system.

    Raises InputError for what are no numbers.
    """
    try:
        column, row, x, y, wide, high = (float(part) for part in parts[1:7])
        named = dict(part.split("=", 1) for part in parts[7:] if "=" in part)
        turn = math.radians(float(named.get("rotation", 0)))
    except ValueError:
        raise InputError(
            f"{name}: 'map info' is {', '.join(parts)!r}; expected a projection and six numbers"
        ) from None
    whole = wkt is not None and re.search("DATUM|ENSEMBLE|LOCAL_CS|ENGCRS", wkt)
    crs = wkt if whole else _system(parts) or wkt  # some writers give only the system's name
    if crs is None and parts[0].strip().lower() == "arbitrary":
        return None
    cos, sin = math.cos(turn), math.sin(turn)
    a, b, d, e = wide * cos, high * sin, wide * sin, -high * cos
    c, f = x - a * (column - 1) - b * (row - 1), y - d * (column - 1) - e * (row - 1)
    return Place((a, b, c, d, e, f), crs)


def to_map_info(place: Place) -> str | None:
    """ENVI's `map info` of an upright place with its first pixel as the tie point, else None."""
    a, _, c, _, e, f = place.transform
    if not place.upright or a <= 0 or e >= 0:
        return None
    code = _code(place.crs)
    head, tail = "Arbitrary", ""
    if code is not None and (32601 <= code <= 32660 or 32701 <= code <= 32760):
        head = "UTM"
        tail = f", {code % 100}, {'North' if code < 32700 else 'South'}, WGS-84, units=Meters"
    elif code == 4326:
        head, tail = "Geographic Lat/Lon", ", WGS-84, units=Degrees"
    return f"{head}, 1, 1, {c!r}, {f!r}, {a!r}, {-e!r}{tail}"


def _system(parts: list[str]) -> str | None:
    """The coordinate system of a map info on WGS-84."""
    texts = [part.strip().lower() for part in parts]
    if not any(text.replace("_", "-") == "wgs-84" for text in texts[7:]):
        return None
    if texts[0].startswith("geographic"):
        return "EPSG:4326"
    if texts[0] == "utm" and len(texts) > 8 and texts[7].isdigit():
        return f"EPSG:{(32700 if texts[8].startswith('south') else 32600) + int(texts[7])}"
    return None


def _code(crs: str | None) -> int | None:
    """The number of EPSG, which WKT names at its end."""
    if crs is None:
        return None
    plain = re.fullmatch(r"\s*EPSG:(\d+)\s*", crs, re.IGNORECASE)
    last = re.search(r"(?:AUTHORITY|ID)\[\"EPSG\",\s*\"?(\d+)\"?\]\]\s*$", crs)
    found = plain or last
    return int(found[1]) if found else None


def from_gdal(text: str, crs: str | None) -> Place | None:
    """The place by the six numbers of GDAL's GeoTransform: c a b f d e. None of anything else."""
    try:
        c, a, b, f, d, e = (float(part) for part in text.split())
    except ValueError:
        return None
    return Place((a, b, c, d, e, f), crs)


def from_coordinates(x: Any, y: Any, crs: str | None) -> Place | None:
    """The place by the middles of columns and rows, where they are evenly spaced."""
    if x is None or y is None or min(len(x), len(y)) < 2:
        return None
    steps = []
    for values in (x, y):
        gaps = [float(right) - float(left) for left, right in pairwise(values)]
        step = (float(values[-1]) - float(values[0])) / len(gaps)
        if step == 0 or any(abs(gap - step) > 1e-3 * abs(step) for gap in gaps):
            return None
        steps.append(step)
    a, e = steps
    return Place((a, 0.0, float(x[0]) - a / 2, 0.0, e, float(y[0]) - e / 2), crs)
