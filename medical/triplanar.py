"""Three planes of a volume as a picture: right proportions, radiological sides, bars with units.

Axial and coronal planes hang as radiologists hang them: the patient's right is on the left of the
picture (letter R), anterior or superior is above. Sagittal planes have anterior on the left.
Every picture has one scale in pixels per mm, so that thick slices are as thick as they are. Before
and after share one window of grey (CT: -160 to 240 HU, from -1000 where what went or came lies in
lung, else the .5 to 99.5 percentiles of the body); between contrasts each has its own. Changes are
blue where values fell and red where they rose; spreads and invented parts go from black to pale
yellow. Rings mark what went or came.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from undrift.common.report_pictures import diverging, heat
from undrift.medical.honesty.body import body_of
from undrift.medical.volumes.geometry import turned
from undrift.medical.volumes.volume import Values, Volume

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

    from undrift.medical.honesty.findings import Findings

Pixels = npt.NDArray[np.uint8]
SOFT, LUNG = (-160.0, 240.0), (-1000.0, 240.0)  # HU
AERATED = (-950.0, -400.0)  # HU of lung, which SOFT shows black
SIZE = 236  # pixels of the longest side of a volume
HEAD, BAR, GAP = 26, 34, 8
LETTER = 12  # pixels; thin stacks have no room for two above one another
# plane -> axis that is cut, axis across (its high end on the left), axis upwards; letters at the
# left, right, upper and lower border
PLANES = {
    "axial": ((2, 0, 1), "RLAP"),
    "coronal": ((1, 0, 2), "RLSI"),
    "sagittal": ((0, 1, 2), "APSI"),
}
RINGS = {"disappeared": (255, 120, 40), "appeared": (40, 200, 255)}
CONVENTION = "axial, coronal, sagittal; radiological: R is the patient's right, on the left"


@dataclass(frozen=True, eq=False)
class Map:
    """A map (x, y, z) in RAS; colour: 0 to 1 -> (..., 3) uint8. ends, units: of its bar."""

    title: str
    array: Values
    ends: tuple[float, float]
    units: str
    colour: Callable[[np.ndarray], np.ndarray]

    def cut(self, axis: int, index: int) -> np.ndarray:
        """The plane at a voxel of an axis, (first, second) of the others."""
        return np.take(self.array, index, axis=axis)

    def coloured(self, values: np.ndarray) -> np.ndarray:
        """Pixels (..., 3) of values."""
        low, high = self.ends
        return self.colour(np.clip((values - low) / ((high - low) or 1.0), 0, 1))


def pictures(findings: "Findings") -> dict[str, Pixels]:
    """The picture of all maps, (3, h, w), under a caption that names its conventions."""
    rings = "; rings: orange disappeared, blue appeared" if findings.components else ""
    return {CONVENTION + rings: sheet(findings).transpose(2, 0, 1)}


def sheet(findings: "Findings", size: int = SIZE) -> Pixels:
    """(h, w, 3): a column for each map, a row for each plane, through the largest of what went or
    came, else through the middle of the body. size: pixels of the longest side."""
    return columns(View.of(findings, size), list(maps_of(findings)))


def columns(view: "View", maps: Sequence[Map]) -> Pixels:
    """(h, w, 3): a column for each map of a view, a row for each plane, bars below."""
    from PIL import Image, ImageDraw, ImageFont

    wide = max(w for w, _ in view.cells.values())
    high = HEAD + sum(h + GAP for _, h in view.cells.values()) + BAR
    page = Image.new("RGB", (GAP + len(maps) * (wide + GAP), high), "white")
    draw = ImageDraw.Draw(page)
    draw.font = ImageFont.load_default(LETTER)
    for column, one in enumerate(maps):
        x, y = GAP + column * (wide + GAP), HEAD
        draw.text((x, 6), one.title, fill="black")
        for name, (w, h) in view.cells.items():
            corner = (x + (wide - w) // 2, y)
            page.paste(view.plane(one, name), corner)
            view.mark(draw, name, corner)
            y += h + GAP
        _bar(draw, page, one, (x, y), wide)
    return np.asarray(page)


def strips(findings: "Findings", most: int = 512) -> tuple[Pixels, Pixels]:
    """Before and after, each (h, w, 3) with its three planes side by side, up to `most` pixels
    wide: for a slider."""
    from PIL import Image, ImageDraw

    between = GAP * (len(PLANES) - 1)
    usual = sum(w for w, _ in View.of(findings, most).cells.values())
    view = View.of(findings, max(8, int(most * (most - between - len(PLANES)) / usual)))
    wide = sum(w for w, _ in view.cells.values()) + between
    made = []
    for one in list(maps_of(findings))[:2]:
        page = Image.new("RGB", (wide, max(h for _, h in view.cells.values())), "black")
        x = 0
        for name, (w, _) in view.cells.items():
            page.paste(view.plane(one, name), (x, 0))
            view.mark(ImageDraw.Draw(page), name, (x, 0))
            x += w + GAP
        made.append(np.asarray(page))
    return made[0], made[1]


def write_picture(path: Path, findings: "Findings", size: int = 2 * SIZE) -> None:
    """Writes the sheet as PNG, whole or not at all."""
    from PIL import Image

    from undrift.common.files import write_atomically

    picture = Image.fromarray(sheet(findings, size))
    write_atomically(path, lambda part: picture.save(part, "png"))


@dataclass(frozen=True, eq=False)
class View:
    """Where volumes are cut, and how large. grid and affine of the volume turned to RAS; focus: the
    voxel that all planes contain; scale: pixels per mm; cells: plane -> (w, h)."""

    given: Volume
    focus: tuple[int, int, int]
    scale: float
    cells: dict[str, tuple[int, int]]
    components: tuple[Any, ...]

    @classmethod
    def of(cls, findings: "Findings", size: int = SIZE) -> "View":
        """The view of what was found."""
        given, _ = turned(findings.before)
        if not findings.components:
            return cls.through(given, np.argwhere(body_of(given)).mean(axis=0), size)
        inverse = np.linalg.inv(given.affine)
        place = inverse[:3, :3] @ findings.components[0].centroid + inverse[:3, 3]
        return cls.through(given, place, size, findings.components)

    @classmethod
    def through(
        cls, given: Volume, place: np.ndarray, size: int = SIZE, components: tuple[Any, ...] = ()
    ) -> "View":
        """The view of a volume in RAS through a place in voxels. size: see `sheet`."""
        sides = [n * step for n, step in zip(given.grid, given.spacing, strict=True)]
        scale = size / max(sides)
        cells = {
            name: (max(1, round(sides[across] * scale)), max(1, round(sides[up] * scale)))
            for name, ((_, across, up), _) in PLANES.items()
        }
        x, y, z = (int(np.clip(round(p), 0, n - 1)) for p, n in zip(place, given.grid, strict=True))
        return cls(given, (x, y, z), scale, cells, components)

    def plane(self, one: Map, name: str) -> "Image.Image":
        """One plane of a map as a picture."""
        from PIL import Image

        cut = PLANES[name][0][0]
        pixels = one.coloured(one.cut(cut, self.focus[cut])[::-1, ::-1].T)
        picture = Image.fromarray(np.ascontiguousarray(pixels))
        return picture.resize(self.cells[name], Image.Resampling.BILINEAR)

    def mark(self, draw: "ImageDraw.ImageDraw", name: str, corner: tuple[int, int]) -> None:
        """Letters of the sides, and rings around what went or came near the plane."""
        (x, y), (w, h) = corner, self.cells[name]
        letters = PLANES[name][1]
        spots = ((x + 2, y + h // 2, "lm"), (x + w - 2, y + h // 2, "rm"),
                 (x + w // 2, y + 1, "mt"), (x + w // 2, y + h - 1, "mb"))  # fmt: skip
        shown = zip(letters, spots, strict=True)
        for letter, (column, row, anchor) in list(shown)[: 4 if h >= 3 * LETTER else 2]:
            draw.text(
                (column, row), letter, "white", anchor=anchor, stroke_width=1, stroke_fill="black"
            )
        (cut, across, up), _ = PLANES[name]
        inverse = np.linalg.inv(self.given.affine)
        for one in self.components:
            place = inverse[:3, :3] @ one.centroid + inverse[:3, 3]
            radius = float(np.cbrt(3 * one.volume / (4 * np.pi)))
            if abs(place[cut] - self.focus[cut]) * self.given.spacing[cut] > radius + 1:
                continue
            column = x + w - (place[across] + 0.5) * self.given.spacing[across] * self.scale
            row = y + h - (place[up] + 0.5) * self.given.spacing[up] * self.scale
            r = max(6.0, 1.5 * radius * self.scale)
            box = (max(x, column - r), max(y, row - r), min(x + w, column + r), min(y + h, row + r))
            draw.ellipse(box, outline=RINGS[one.kind], width=2)


def maps_of(findings: "Findings") -> Iterator[Map]:
    """Before, after, and what there is of std, change and invented part, all turned to RAS."""
    before, turn = turned(findings.before)
    after, units = turned(findings.after)[0], _units(findings.after)
    focus = View.of(findings).focus
    lung = bool(findings.components) and AERATED[0] < float(before.array[focus]) < AERATED[1]
    own = [_window(volume, lung) for volume in (before, after)]
    if findings.same_contrast:
        own = [own[0], own[0]]
    yield Map("before", before.array, own[0], _units(before), grey)
    yield Map("after", after.array, own[1], units, grey)
    if findings.std is not None:
        std = turn.apply(findings.std)
        yield Map("standard deviation", std, (0.0, _top(std)), units, _heat)
    if findings.residual is not None:
        change = turn.apply(findings.residual)
        top = _top(np.abs(change))
        yield Map("after - before", change, (-top, top), units, blue_red)
    if findings.invented is not None:
        invented = turn.apply(findings.invented)
        yield Map("invented by the prior", invented, (0.0, _top(invented)), units, _heat)


def _window(volume: Volume, lung: bool) -> tuple[float, float]:
    if volume.units == "HU":
        return LUNG if lung else SOFT
    low, high = (float(v) for v in np.percentile(volume.array[body_of(volume)], (0.5, 99.5)))
    return min(low, float(np.percentile(volume.array, 5))), high


def _top(array: np.ndarray) -> float:
    return float(np.percentile(array, 99.8)) or float(array.max()) or 1.0


def _units(volume: Volume) -> str:
    return "" if volume.units == "unknown" else f" {volume.units}"


def grey(values: np.ndarray) -> np.ndarray:
    return np.repeat(np.round(values * 255).astype(np.uint8)[..., None], 3, axis=-1)


def _heat(values: np.ndarray) -> np.ndarray:
    return heat(values, 1.0)


def blue_red(values: np.ndarray) -> np.ndarray:
    return diverging(2 * values - 1)


def _bar(
    draw: "ImageDraw.ImageDraw", page: "Image.Image", one: Map, at: tuple[int, int], wide: int
) -> None:
    from PIL import Image

    x, y = at
    ramp = np.ascontiguousarray(one.colour(np.linspace(0, 1, wide))[None])
    page.paste(Image.fromarray(ramp).resize((wide, 10)), (x, y))
    draw.rectangle((x, y, x + wide - 1, y + 10), outline="black")
    draw.text((x, y + 14), f"{one.ends[0]:.3g}", fill="black")
    draw.text((x + wide, y + 14), f"{one.ends[1]:.3g}{one.units}", fill="black", anchor="ra")
