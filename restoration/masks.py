"""Masks: which pixels are missing, from files, from the picture itself, and drawn for tests.

A mask is (h, w) bool, True where a pixel is missing. In a file white (above the middle) marks what
is missing, as one paints over a scratch. Words for drawn masks, all functions of (seed, item):

    random:0.7       this share of the pixels, each by itself
    box:0.25         one square of this share of the shorter side, anywhere
    strokes:8        so many thick bent strokes
    scratches:12     so many thin lines across the picture
    text             lines of letters
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.errors import InputError, nearest


def read_mask(given: Any, size: tuple[int, int], item: str = "") -> np.ndarray:
    """(h, w) bool of a path, or of a folder in which a file has the stem of `item`, or an array.

    Raises InputError for a missing file, another size, NaN, and a mask in which nothing is
    missing, or everything.
    """
    if isinstance(given, str | Path):
        path = _file(Path(given).expanduser(), item)
        from undrift.restoration.images import read_picture

        values, name = read_picture(path).pixels.max(0) > 0.5, str(path)
    else:
        values, name = _plane(given), "mask"
    return checked_mask(values, size, name)


def checked_mask(mask: np.ndarray, size: tuple[int, int], name: str) -> np.ndarray:
    """The mask; raises InputError if it has another size, or misses nothing or everything."""
    if mask.shape != size:
        raise InputError(
            f"{name} is {mask.shape[-1]} x {mask.shape[0]} pixels, the picture {size[1]} x "
            f"{size[0]}; expected equal sizes"
        )
    if mask.all():
        raise InputError(
            f"{name} marks every pixel as missing; nothing is left to go by. White is missing: "
            "is the mask inverted?"
        )
    if not mask.any():
        raise InputError(
            f"{name} marks no pixel as missing: nothing to fill in. White is missing: is the "
            "mask inverted, or the wrong one?"
        )
    return mask


def grown(mask: np.ndarray, pixels: int) -> np.ndarray:
    """The mask with everything within `pixels` (Euclidean) of a missing pixel missing too."""
    if pixels <= 0:
        return mask
    from scipy.ndimage import distance_transform_edt

    return np.asarray(distance_transform_edt(~mask)) <= pixels


def drawn_mask(word: str, size: tuple[int, int], *, seed: int, item: str) -> np.ndarray:
    """(h, w) bool of a word; equal arguments give equal masks. Raises InputError."""
    name, _, number = word.partition(":")
    if name not in DRAWN:
        raise InputError(
            f"no mask {word!r}{nearest(name, DRAWN)} (there are: {', '.join(DRAWN)}, each with a "
            "number, as random:0.7)"
        )
    usual, low, high, draw = DRAWN[name]
    try:
        value = float(number) if number else usual
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise InputError(f"mask {word!r}: expected a number from {low:g} to {high:g}")
    from undrift.common.noise import Noise

    return draw(size, value, np.random.default_rng(Noise(seed, f"mask/{item}").key()))


def _random(size: tuple[int, int], share: float, rng: np.random.Generator) -> np.ndarray:
    return rng.random(size) < share


def _box(size: tuple[int, int], share: float, rng: np.random.Generator) -> np.ndarray:
    side = max(1, round(share * min(size)))
    top, left = (int(rng.integers(0, n - side + 1)) for n in size)
    mask = np.zeros(size, bool)
    mask[top : top + side, left : left + side] = True
    return mask


def _strokes(size: tuple[int, int], count: float, rng: np.random.Generator) -> np.ndarray:
    """Bent strokes like a brush's: up to five parts, each turned against the one before."""
    shorter = min(size)
    paths = []
    for _ in range(int(count)):
        points, heading = [rng.uniform(0, size)], rng.uniform(0, 2 * math.pi)
        for _ in range(int(rng.integers(2, 6))):
            step = rng.uniform(0.05, 0.25) * shorter
            turn = np.array([math.sin(heading), math.cos(heading)])
            points.append(points[-1] + step * turn)
            heading += rng.uniform(-1.2, 1.2)
        paths.append((points, max(1, round(rng.uniform(0.015, 0.05) * shorter))))
    return _painted(size, paths)


def _scratches(size: tuple[int, int], count: float, rng: np.random.Generator) -> np.ndarray:
    """Thin, nearly straight lines from edge to edge, one to three pixels wide."""
    paths = []
    for _ in range(int(count)):
        start, end = rng.uniform(0, size), rng.uniform(0, size)
        axis = int(rng.integers(0, 2))
        start[axis], end[axis] = -1, size[axis]
        bend = (start + end) / 2 + rng.normal(0, 0.02 * min(size), 2)
        paths.append(([start, bend, end], int(rng.integers(1, 4))))
    return _painted(size, paths)


def _text(size: tuple[int, int], height: float, rng: np.random.Generator) -> np.ndarray:
    """Lines of letters of this height in pixels."""
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("L", (size[1], size[0]))
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(height)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz   "))
    for top in range(0, size[0], int(1.5 * height)):
        pen.text((2, top), "".join(rng.choice(letters, size[1] // 6)), fill=255, font=font)
    return np.array(picture) > 127


def _painted(size: tuple[int, int], paths: list[tuple[list[Any], int]]) -> np.ndarray:
    """Lines of (row, column) points and widths as a mask."""
    from PIL import Image, ImageDraw

    picture = Image.new("L", (size[1], size[0]))
    pen = ImageDraw.Draw(picture)
    for points, width in paths:
        flat = [(float(column), float(row)) for row, column in points]
        pen.line(flat, fill=255, width=width, joint="curve")
    return np.array(picture) > 127


Draw = Callable[[tuple[int, int], float, np.random.Generator], np.ndarray]
DRAWN: dict[str, tuple[float, float, float, Draw]] = {
    "random": (0.5, 0.001, 0.999, _random),
    "box": (0.25, 0.001, 0.999, _box),
    "strokes": (8, 1, 1000, _strokes),
    "scratches": (12, 1, 1000, _scratches),
    "text": (18, 6, 500, _text),
}


def _file(path: Path, item: str) -> Path:
    if path.is_file():
        return path
    if not path.is_dir():
        raise InputError(f"mask {path}: no such file or folder")
    from undrift.restoration.images import SUFFIXES

    stem = Path(item).with_suffix("").as_posix()
    found = [path / f"{name}{suffix}" for name in (stem, Path(stem).name) for suffix in SUFFIXES]
    for candidate in found:
        if candidate.is_file():
            return candidate
    raise InputError(
        f"{path} holds no mask for {item or 'a picture without a name'}; expected "
        f"{path / stem}.png or another picture of that stem"
    )


def _plane(given: Any) -> np.ndarray:
    values = np.asarray(given.cpu() if hasattr(given, "cpu") else given)
    if values.ndim == 3 and 1 in (values.shape[0], values.shape[-1]):
        values = values[0] if values.shape[0] == 1 else values[..., 0]
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise InputError("mask holds NaN or infinite values; expected 0 (known) and 1 (missing)")
    if values.ndim != 2 or values.dtype.kind not in "biuf":
        raise InputError(f"mask is {values.dtype} {values.shape}; expected (h, w) of 0 and 1")
    return values > (127 if values.dtype == np.uint8 and values.max() > 1 else 0)
