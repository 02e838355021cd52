"""Pictures of cubes, drawn by Pillow alone: composites of three bands, and lines over wavelength.

A composite takes the bands nearest to 650, 550 and 460 nm, or a quarter, a half and three quarters
along the bands where those are not seen, each stretched between its 2nd and 98th percentile.
Pixels without a value are grey.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from undrift.scientific.hyperspectral.cubes.cube import Cube

if TYPE_CHECKING:
    from PIL import ImageDraw

Array = npt.NDArray[np.float64]
_COLOURS = (650.0, 550.0, 460.0)
_NEAR = 30.0  # nm
_GREY = 0.5
_SCALE = 2  # drawn larger and averaged, so that lines are smooth
WIDTH, HEIGHT = 640, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 12, 26, 38
_INK, _FAINT = (40, 40, 40), (222, 222, 222)
COLOURS = ((0, 90, 160), (200, 70, 20), (20, 130, 60), (130, 60, 150))


def composite_bands(cube: Cube) -> tuple[int, int, int]:
    """Numbers of the bands that stand for red, green and blue; empty ones are passed over."""
    there = np.flatnonzero(np.isfinite(cube.array).any((1, 2)))
    w = cube.wavelengths
    if w is not None:
        nearest = [int(there[abs(w[there] - colour).argmin()]) for colour in _COLOURS]
        if all(abs(w[b] - c) < _NEAR for b, c in zip(nearest, _COLOURS, strict=True)):
            return nearest[0], nearest[1], nearest[2]
    places = (there[int(share * (len(there) - 1))] for share in (0.75, 0.5, 0.25))
    red, green, blue = (int(place) for place in places)
    return red, green, blue


def composite(cube: Cube, like: Cube | None = None) -> Array:
    """(3, rows, columns) in [0, 1]; like: the cube whose bands and stretch are taken."""
    reference = cube if like is None else like
    out = []
    for band in composite_bands(reference):
        low, high = np.nanpercentile(reference.array[band], [2, 98])
        values = (cube.array[band].astype(np.float64) - low) / max(float(high - low), 1e-12)
        out.append(np.where(np.isfinite(values), values.clip(0, 1), _GREY))
    return np.stack(out)


def flat(values: npt.NDArray[np.floating]) -> Array:
    """(rows, columns): the root mean square over bands, 0 where there is no value."""
    squares = np.where(np.isfinite(values), values.astype(np.float64) ** 2, 0)
    count = np.isfinite(values).sum(0)
    return np.sqrt(squares.sum(0) / np.maximum(count, 1))


def grey(values: npt.NDArray[np.floating], like: npt.NDArray[np.floating] | None = None) -> Array:
    """(rows, columns) in [0, 1], stretched as the composite is."""
    reference = values if like is None else like
    low, high = np.nanpercentile(reference, [2, 98])
    scaled = (values.astype(np.float64) - low) / max(float(high - low), 1e-12)
    return np.where(np.isfinite(scaled), scaled.clip(0, 1), _GREY)


@dataclass(frozen=True, eq=False)
class Line:
    """y: (n,) with NaN for gaps. band: (n,) half width of what is shaded around it, or None."""

    label: str
    y: Array
    colour: tuple[int, int, int]
    band: Array | None = None
    dots: bool = False


def lines(
    title: str,
    x: Array,
    shown: Sequence[Line],
    unit: str,
    logarithmic: bool = False,
    size: tuple[int, int] = (WIDTH, HEIGHT),
) -> npt.NDArray[np.uint8]:
    """(3, height, width) uint8: lines over x, with axes and a legend; the title on top."""
    from PIL import Image, ImageDraw

    width, height = size
    big = Image.new("RGB", (width * _SCALE, height * _SCALE), "white")
    draw = ImageDraw.Draw(big)
    frame = _Frame.around(x, shown, logarithmic, size)
    for value, _ in frame.heights():
        y = frame.down(np.array([value]))[0]
        draw.line((_LEFT * _SCALE, y, (width - _RIGHT) * _SCALE, y), fill=_FAINT, width=1)
    for line in shown:
        _draw(draw, frame, x, line)
    page = big.resize(size, Image.Resampling.BOX)
    _letter(ImageDraw.Draw(page), frame, title, shown, unit)
    return np.asarray(page).transpose(2, 0, 1)


@dataclass(frozen=True)
class _Frame:
    """From values to pixels of the large page."""

    left: float
    right: float
    low: float
    high: float
    logarithmic: bool
    size: tuple[int, int]

    @classmethod
    def around(
        cls, x: Array, shown: Sequence[Line], logarithmic: bool, size: tuple[int, int]
    ) -> "_Frame":
        values = np.concatenate([line.y[np.isfinite(line.y)] for line in shown])
        values = values[values > 0] if logarithmic else values
        if not values.size:
            values = np.array([0.1, 1.0])
        low, high = np.percentile(values, [0.5, 99.5])
        if logarithmic:
            return cls(x.min(), x.max(), low / 1.3, high * 1.3, True, size)
        room = max(float(high - low), 1e-9) * 0.08
        return cls(x.min(), x.max(), low - room, high + room, False, size)

    def along(self, x: Array) -> Array:
        share = (x - self.left) / max(self.right - self.left, 1e-9)
        return (_LEFT + share * (self.size[0] - _LEFT - _RIGHT)) * _SCALE

    def down(self, y: Array) -> Array:
        if self.logarithmic:
            y = np.log(np.maximum(y, self.low * 1e-3) / self.low) / np.log(self.high / self.low)
        else:
            y = (y - self.low) / (self.high - self.low)
        inside = self.size[1] - _TOP - _BOTTOM
        return (_TOP + (1 - np.clip(y, -0.02, 1.02)) * inside) * _SCALE

    def heights(self) -> Iterator[tuple[float, str]]:
        """Values that get a line and their text."""
        if self.logarithmic:
            first, last = np.floor(np.log10(self.low)), np.ceil(np.log10(self.high))
            steps = (1, 2, 5) if last - first < 4 else (1,)
            found = [k * 10.0**n for n in np.arange(first, last + 1) for k in steps]
            yield from ((v, f"{v:g}") for v in found if self.low <= v <= self.high)
        else:
            yield from ((v, f"{v:g}") for v in _round(self.low, self.high, 5))


def _draw(draw: "ImageDraw.ImageDraw", frame: _Frame, x: Array, line: Line) -> None:
    across = frame.along(x)
    good = np.isfinite(line.y) & ((line.y > 0) | (not frame.logarithmic))
    if line.band is not None:
        lower, upper = frame.down(line.y - line.band), frame.down(line.y + line.band)
        light = tuple((2 * 255 + channel) // 3 for channel in line.colour)
        for part in _runs(good & np.isfinite(line.band)):
            edge = [*zip(across[part], upper[part], strict=True)]
            edge += [*zip(across[part][::-1], lower[part][::-1], strict=True)]
            if len(edge) > 3:
                draw.polygon([(float(a), float(b)) for a, b in edge], fill=light)
    y = frame.down(np.where(good, line.y, 0))
    if line.dots:
        for a, b in zip(across[good], y[good], strict=True):
            draw.ellipse((a - 2, b - 2, a + 2, b + 2), fill=line.colour)
        return
    for part in _runs(good):
        points = [(float(a), float(b)) for a, b in zip(across[part], y[part], strict=True)]
        draw.line(points if len(points) > 1 else points * 2, fill=line.colour, width=3)


def _letter(
    draw: "ImageDraw.ImageDraw", frame: _Frame, title: str, shown: Sequence[Line], unit: str
) -> None:
    from PIL import ImageFont

    draw.font = ImageFont.load_default(12)
    width, height = frame.size
    bottom = height - _BOTTOM
    draw.rectangle((_LEFT, _TOP, width - _RIGHT, bottom), outline=_INK)
    for value, text in frame.heights():
        y = frame.down(np.array([value]))[0] / _SCALE
        draw.text((_LEFT - 6, y), text, fill=_INK, anchor="rm")
    for value in _round(frame.left, frame.right, 8):
        at = frame.along(np.array([value]))[0] / _SCALE
        draw.line((at, bottom, at, bottom + 4), fill=_INK)
        draw.text((at, bottom + 6), f"{value:g}", fill=_INK, anchor="mt")
    draw.text((width - _RIGHT, height - 4), unit, fill=_INK, anchor="rs")
    draw.text((_LEFT, _TOP - 8), title, fill=_INK, anchor="ls")
    at = float(width - _RIGHT)
    for line in reversed([line for line in shown if line.label]):
        at -= draw.textlength(line.label) + 4
        draw.text((at, _TOP - 8), line.label, fill=line.colour, anchor="ls")
        at -= 10


def _runs(good: npt.NDArray[np.bool_]) -> Iterator[slice]:
    """Stretches of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(int)))
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        yield slice(int(first), int(last))


def _round(low: float, high: float, about: int) -> Iterator[float]:
    """Round numbers from low to high, roughly `about` of them."""
    size = 10.0 ** np.floor(np.log10(max(high - low, 1e-12) / about))
    step = next(k * size for k in (1, 2, 5, 10) if (high - low) / (k * size) <= about + 1)
    for k in range(int(np.ceil(low / step)), int(np.floor(high / step + 1e-9)) + 1):
        yield float(f"{k * step:.10g}")
