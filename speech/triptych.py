"""Spectrograms before and after, and their difference in dB, as one picture with axes.

Before and after share their scale of 80 dB, whose top is the loudest of both. The difference is
after - before, blue where power was taken away, red where it was added. With several samples a
fourth panel shows their standard deviation as `common.report_pictures` draws it. Drawn by Pillow
alone, so that a report needs no plotting package.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from undrift.common.report_pictures import diverging, heat
from undrift.speech.overview import Overview

if TYPE_CHECKING:
    from PIL import ImageDraw

DEPTH, SPAN = 80.0, 30.0  # dB shown, and dB either way of the difference
WIDTH, HEIGHT = 960, 190
LEFT, RIGHT, TOP, BOTTOM = 62, 100, 24, 10  # around each panel; time labels add AXIS below the last
AXIS = 26
_INK = (30, 30, 30)


@dataclass(frozen=True, eq=False)
class Panel:
    """pixels: (h, w, 3) uint8, low frequencies below. ends: labels of the colour bar, low to high.

    bar: (n, 3) uint8 colours from low to high.
    """

    title: str
    pixels: np.ndarray
    ends: tuple[str, str]
    bar: np.ndarray


def panels(
    before: Overview, after: Overview, spread: np.ndarray | None = None, heard: float = 0.0
) -> list[Panel]:
    """The panels, up to the lower of both highest frequencies.

    spread: (bins, columns) or None; its bins are those of the model, which hears up to `heard` Hz.
    """
    highest = min(before.highest, after.highest)
    first, last = before.below(highest), after.below(highest)
    top = max(float(first.powers.max()), float(last.powers.max())) or 1.0
    levels = [view.decibels(top, DEPTH) for view in (first, last)]
    made = [
        Panel(title, heat(_upright(level) + DEPTH, DEPTH), (f"-{DEPTH:g} dB", "0 dB"), _ramp())
        for title, level in zip(("before", "after"), levels, strict=True)
    ]
    change = (levels[1] - _like(levels[0], levels[1].shape)) / SPAN
    two = np.linspace(-1, 1, 64)
    made.append(
        Panel(
            "after - before", diverging(_upright(change)), (f"-{SPAN:g} dB", f"+{SPAN:g} dB"),
            diverging(two),
        )
    )  # fmt: skip
    if spread is not None:
        most = float(np.quantile(spread, 0.99)) or float(spread.max())
        spread = _up_to(highest, spread, heard)
        made.append(
            Panel(
                "standard deviation of the samples' spectrograms, in the band of the model",
                heat(_upright(spread), most), ("0", f">= {most:.2g}"), _ramp(),
            )
        )  # fmt: skip
    return made


def triptych(shown: list[Panel], seconds: float, highest: float) -> np.ndarray:
    """(3, h, w) uint8: the panels below one another over a common axis of time."""
    from PIL import Image, ImageDraw, ImageFont

    height = len(shown) * (TOP + HEIGHT + BOTTOM) + AXIS
    page = Image.new("RGB", (LEFT + WIDTH + RIGHT, height), "white")
    draw = ImageDraw.Draw(page)
    draw.font = ImageFont.load_default(13)
    for place, panel in enumerate(shown):
        y = place * (TOP + HEIGHT + BOTTOM) + TOP
        page.paste(Image.fromarray(stretched(panel.pixels, WIDTH, HEIGHT)), (LEFT, y))
        bar = Image.fromarray(np.ascontiguousarray(panel.bar[::-1, None]))
        page.paste(bar.resize((12, HEIGHT)), (LEFT + WIDTH + 10, y))
        draw.rectangle((LEFT - 1, y - 1, LEFT + WIDTH, y + HEIGHT), outline=_INK)
        draw.text((LEFT, y - 5), panel.title, fill=_INK, anchor="ls")
        right = LEFT + WIDTH + 26
        draw.text((right, y), panel.ends[1], fill=_INK, anchor="lt")
        draw.text((right, y + HEIGHT), panel.ends[0], fill=_INK, anchor="ls")
        _frequencies(draw, y, highest)
    _times(draw, height - AXIS - BOTTOM, seconds)
    return np.asarray(page).transpose(2, 0, 1)


def _frequencies(draw: "ImageDraw.ImageDraw", y: int, highest: float) -> None:
    for value in _ticks(highest / 1000, 4):
        row = y + HEIGHT - round(value * 1000 / highest * HEIGHT)
        draw.line((LEFT - 5, row, LEFT - 1, row), fill=_INK)
        draw.text((LEFT - 8, row), f"{value:g}", fill=_INK, anchor="rm")
    draw.text((2, y - 5), "kHz", fill=_INK, anchor="ls")


def _times(draw: "ImageDraw.ImageDraw", y: int, seconds: float) -> None:
    unit, name = (60.0, "min") if seconds > 180 else (1.0, "s")
    for value in _ticks(seconds / unit, 8):
        column = LEFT + round(value * unit / seconds * WIDTH)
        draw.line((column, y, column, y + 5), fill=_INK)
        draw.text((column, y + 8), f"{value:g}", fill=_INK, anchor="mt")
    draw.text((LEFT + WIDTH + 26, y + 8), name, fill=_INK, anchor="lt")


def _ticks(most: float, about: int) -> Iterator[float]:
    """Round numbers from 0 to `most`, roughly `about` of them."""
    if most <= 0:
        return
    size = 10.0 ** np.floor(np.log10(most / about))
    step = next(k * size for k in (1, 2, 5, 10) if most / (k * size) <= about + 1)
    for k in range(int(most / step + 1e-9) + 1):
        yield round(k * step, 10)


def stretched(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """(h, w, 3) uint8 in another size: averages where it shrinks, smooth where it grows."""
    from PIL import Image

    grows = pixels.shape[1] < width
    way = Image.Resampling.BILINEAR if grows else Image.Resampling.BOX
    return np.asarray(Image.fromarray(pixels).resize((width, height), way))


def _up_to(highest: float, spread: np.ndarray, heard: float) -> np.ndarray:
    """Rows from 0 to `highest` Hz of rows from 0 to `heard` Hz; above them zeros."""
    rows = max(1, round(len(spread) * highest / heard))
    return np.pad(spread[:rows], ((0, max(0, rows - len(spread))), (0, 0)))


def _upright(values: np.ndarray) -> np.ndarray:
    return values[::-1]


def _ramp() -> np.ndarray:
    return heat(np.linspace(0, 1, 64), 1.0)


def _like(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The nearest rows and columns in another shape: of sounds that changed their rate."""
    if values.shape == shape:
        return values
    rows, columns = (
        np.minimum(np.arange(n) * m // n, m - 1) for n, m in zip(shape, values.shape, strict=True)
    )
    return values[rows][:, columns]
