"""How a sinogram was measured: parallel or fan beams, angles in degrees, lengths in mm, as JSON.

Angles turn counter-clockwise with y up. A parallel ray at angle t lies at distance s from the
centre, measured along (cos t, sin t); at angle 0 of a fan the source is below the image and cells
count from left to right. The detector is flat, its middle faces the centre of rotation:

    {"kind": "parallel", "angles": [0, 3, ...], "cells": 137, "pitch": 2.4}
    {"kind": "fan", "angles": [...], "cells": 200, "pitch": 3.0, "source": 540, "detector": 410}

`source` is the distance from the source to the centre, `detector` from there on. A step between
angles can be said as {"start": 0, "step": 3, "count": 60} in place of the list.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import torch

from undrift.common.errors import InputError, nearest
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.radon import FanBeam, Radon
from undrift.common.operators.stored import stored


@dataclass(frozen=True)
class Parallel:
    """angles: degrees. cells: of the detector, 0 for enough to see the image. pitch: mm between
    cells, 0 for the pixel. image: rows and columns; pixel: mm; (0, 0) and 0 until `for_image`.
    Raises InputError for numbers that cannot be.
    """

    angles: tuple[float, ...]
    cells: int = 0
    pitch: float = 0.0
    image: tuple[int, int] = (0, 0)
    pixel: float = 0.0
    kind = "parallel"

    def __post_init__(self) -> None:
        _check(self)

    def for_image(self, plane: tuple[int, int], spacing: tuple[float, float]) -> Self:
        """The same for images of (x, y) voxels of `spacing` mm; what is open is filled in.

        Raises InputError for pixels that are not square.
        """
        pixel = _square(spacing)
        pitch = self.pitch or pixel
        diagonal = math.hypot(*plane) * pixel
        cells = self.cells or math.ceil(diagonal / pitch)
        return replace(self, cells=cells, pitch=pitch, image=(plane[1], plane[0]), pixel=pixel)

    def operator(self, dtype: torch.dtype = torch.float64) -> LinearOperator:
        """(1, rows, columns) of attenuation per mm -> (1, angles, cells), exact adjoint."""
        return stored(self.beams(), dtype)

    def beams(self) -> Radon:
        """The same, rays worked out at every call."""
        _ready(self)
        angles = torch.tensor(self.angles, dtype=torch.float64)
        return Radon(angles, (1, *self.image), self.cells, self.pitch, self.pixel)

    def record(self) -> dict[str, Any]:
        """For JSON and `geometry_of`."""
        return {
            "kind": self.kind, "angles": list(self.angles), "cells": self.cells,
            "pitch": self.pitch,
        }  # fmt: skip


@dataclass(frozen=True)
class Fan(Parallel):
    """source, detector: mm from the centre of rotation to the source and to the flat detector."""

    source: float = 0.0
    detector: float = 0.0
    kind = "fan"

    def for_image(self, plane: tuple[int, int], spacing: tuple[float, float]) -> Self:
        pixel, far = _square(spacing), self.source + self.detector
        pitch = self.pitch or pixel * far / self.source
        radius = math.hypot(*plane) / 2 * pixel
        if not self.source > radius:
            raise InputError(
                f"a source {self.source:g} mm from the centre lies within an image of radius "
                f"{radius:g} mm; expected one outside; give a smaller image or pixel"
            )
        seen = 2 * far * math.tan(math.asin(radius / self.source))
        cells = self.cells or math.ceil(seen / pitch)
        return replace(self, cells=cells, pitch=pitch, image=(plane[1], plane[0]), pixel=pixel)

    def beams(self) -> FanBeam:  # type: ignore[override]
        _ready(self)
        angles = torch.tensor(self.angles, dtype=torch.float64)
        return FanBeam(
            angles, (1, *self.image), self.source, self.detector, self.cells, self.pitch,
            self.pixel,
        )  # fmt: skip

    def record(self) -> dict[str, Any]:
        return {**super().record(), "source": self.source, "detector": self.detector}


Geometry = Parallel | Fan
_KINDS = ("parallel", "fan")
_LENGTHS = ("pitch", "source", "detector")


def evenly(count: int, span: float = 180.0, start: float = 0.0) -> tuple[float, ...]:
    """`count` angles in degrees, evenly over `span`, whose end is left out."""
    if count < 1 or not span > 0:
        raise InputError(f"{count} angles over {span:g} degrees; expected 1 or more, over > 0")
    return tuple(start + span * k / count for k in range(count))


def geometry_of(record: Mapping[str, Any]) -> Geometry:
    """The geometry of a mapping as JSON has it. Raises InputError with all that is wrong."""
    kind = record.get("kind")
    if kind not in _KINDS:
        raise InputError(
            f"a geometry of kind {kind!r}; expected parallel or fan{nearest(str(kind), _KINDS)}"
        )
    known = {"kind", "angles", "cells", "pitch"} | ({"source", "detector"} & {*_fields(kind)})
    wrong = [f"unknown key {k!r}{nearest(k, known)}" for k in record if k not in known]
    wanted = known - {"cells", "kind"} if kind == "fan" else {"angles"}
    wrong += [f"{k!r} is missing" for k in sorted(wanted) if k not in record]
    angles: tuple[float, ...] = ()
    try:
        angles = _angles(record.get("angles", [0.0]))
        numbers = {k: float(record[k]) for k in _LENGTHS if k in record}
        cells = int(record.get("cells", 0))
    except (TypeError, ValueError, KeyError) as error:
        wrong.append(f"not a number: {error}")
        numbers, cells = {}, 0
    if wrong:
        raise InputError(f"a geometry of CT: {'; '.join(wrong)}")
    pitch, source, detector = (numbers.get(k, 0.0) for k in _LENGTHS)
    if kind == "fan":
        return Fan(angles, cells, pitch, source=source, detector=detector)
    return Parallel(angles, cells, pitch)


def _fields(kind: str) -> tuple[str, ...]:
    return ("source", "detector") if kind == "fan" else ()


def _angles(given: Any) -> tuple[float, ...]:
    if isinstance(given, Mapping):
        start, step = float(given.get("start", 0)), float(given["step"])
        return tuple(start + step * k for k in range(int(given["count"])))
    return tuple(float(a) for a in given)


def _check(geometry: Parallel) -> None:
    lengths = [getattr(geometry, k, 0.0) for k in ("pitch", "source", "detector", "pixel")]
    good = geometry.angles and geometry.cells >= 0 and min(lengths) >= 0
    if not good or not all(map(math.isfinite, (*geometry.angles, *lengths))):
        raise InputError(
            f"a geometry with {len(geometry.angles)} angles, {geometry.cells} cells and lengths "
            f"{lengths} mm; expected finite angles in degrees, 1 or more, and lengths above 0"
        )


def _square(spacing: tuple[float, float]) -> float:
    x, y = spacing
    if not (min(x, y) > 0 and abs(x - y) <= 1e-3 * x):
        raise InputError(
            f"pixels of {x:g} x {y:g} mm; expected square ones; resample the image first"
        )
    return float(x)


def _ready(geometry: Parallel) -> None:
    if min(geometry.image) < 1 or not geometry.pixel > 0 or geometry.cells < 1:
        raise InputError("this geometry knows no image yet; call for_image(plane, spacing) first")
