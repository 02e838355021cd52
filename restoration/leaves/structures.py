"""Man-made and hairy structure that plain leaves lack, drawn on flat "pages" seen in perspective.

A page is an integer array: 0 is transparent, k > 0 is colour k - 1 of the page's own table.  Pages:
lines and grids, bricks and tiles, text-like glyph clusters, bundles of hair.  A random homography
then lays the page into the scene.
"""

from collections.abc import Callable

import numpy as np

Page = tuple[np.ndarray, np.ndarray]


def _lines(n: int, colours: np.ndarray, rng: np.random.Generator) -> Page:
    period = float(np.exp(rng.uniform(np.log(5), np.log(40))))
    share = rng.uniform(0.12, 0.6)
    t = np.arange(n, dtype=np.float32)
    across = (t % period < share * period)[:, None]
    along = np.zeros((1, n), bool)
    if rng.random() < 0.4:
        other = period * rng.uniform(0.7, 3)
        along = (t % other < share * period)[None]
    ground = int(rng.integers(0, 3))  # 0: see-through
    return np.where(across | along, 1, 2 * (ground > 0)), colours[:2]


def _bricks(n: int, colours: np.ndarray, rng: np.random.Generator) -> Page:
    high = int(rng.integers(10, 50))
    wide = int(high * rng.uniform(1, 3))
    joint = max(1, int(high * rng.uniform(0.04, 0.2)))
    t = np.arange(n)
    row = t[:, None] // high
    x = t[None] + (row % 2) * int(wide * rng.choice([0.0, 0.5]))
    column = x // wide
    gap = (t[:, None] % high < joint) | (x % wide < joint)
    tones = colours[0] * rng.uniform(0.75, 1.2, (24, 1)) + rng.normal(0, 0.015, (24, 3))
    scramble = rng.integers(0, 24, (n // high + 1, (n + wide) // wide + 1))
    table = np.concatenate([colours[1:2], tones.astype(np.float32)])
    return np.where(gap, 1, 2 + scramble[row, column]), table


def _glyph(high: int, wide: int, pen: float, rng: np.random.Generator) -> np.ndarray:
    """Bool (high, wide): two to four straight or bent pen strokes, a made-up letter."""
    y, x = np.mgrid[:high, :wide].astype(np.float32)
    ink = np.zeros((high, wide), bool)
    for _ in range(int(rng.integers(2, 5))):
        if rng.random() < 0.35:
            ry, rx = high * rng.uniform(0.2, 0.42), wide * rng.uniform(0.25, 0.42)
            cy, cx = rng.choice([ry + pen / 2, high - ry - pen / 2]), wide / 2
            ring = np.abs(np.hypot((y - cy) / ry, (x - cx) / rx) - 1) * min(ry, rx) <= pen / 2
            ink |= ring & ((x > cx) | (rng.random() < 0.6))
            continue
        ends = rng.choice([0.08, 0.5, 0.92], (2, 2)) * (high - 1, wide - 1)
        step = ends[1] - ends[0]
        size = max(float(step @ step), 1.0)
        t = np.clip(((y - ends[0, 0]) * step[0] + (x - ends[0, 1]) * step[1]) / size, 0, 1)
        ink |= np.hypot(y - ends[0, 0] - t * step[0], x - ends[0, 1] - t * step[1]) <= pen / 2
    return ink


def text_page(n: int, colours: np.ndarray, rng: np.random.Generator, ground: bool) -> Page:
    """Lines of words of made-up letters; ink is colour 0, paper colour 1 if `ground`."""
    high = int(np.exp(rng.uniform(np.log(10), np.log(60))))
    wide = max(5, int(high * rng.uniform(0.5, 0.75)))
    pen = max(1.5, high * rng.uniform(0.08, 0.2))
    letters = [_glyph(high, wide, pen, rng) for _ in range(14)]
    page = np.full((n, n), 2 * int(ground), np.int64)
    gap, lead = max(2, wide // 4), int(high * rng.uniform(1.3, 2.2))
    margin = int(rng.integers(2, n // 10))
    for top in range(margin, n - high - margin, lead):
        left, stop = margin, n - wide - int(rng.integers(margin, n // 4))
        while left < stop:
            if rng.random() < 0.16:
                left += wide
            ink = letters[int(rng.integers(len(letters)))]
            spot = page[top : top + high, left : left + wide]
            spot[ink[:, : spot.shape[1]]] = 1
            left += wide + gap
    return page, colours[:2]


def _text(n: int, colours: np.ndarray, rng: np.random.Generator) -> Page:
    return text_page(n, colours, rng, ground=rng.random() < 0.5)


def _hair(n: int, colours: np.ndarray, rng: np.random.Generator) -> Page:
    """Bundle of nearly parallel bent hairs; each column of the page holds one pixel run a hair."""
    count = int(np.exp(rng.uniform(np.log(25), np.log(350))))
    t = np.linspace(-1, 1, n, dtype=np.float32)[None]
    spread = n * rng.uniform(0.05, 0.28)
    start = rng.normal(0, spread, (count, 1))
    fan = rng.normal(0, 0.06 * n * rng.random(), (count, 1)) + start * rng.uniform(-0.4, 0.4)
    bend = rng.uniform(-0.3, 0.3) * n + rng.normal(0, 0.03 * n, (count, 1))
    row = np.rint(n / 2 + start + fan * t + bend * (t * t - 0.3)).astype(np.int64)
    tip = rng.uniform(0.3, 1.0, (count, 1))
    tones = colours[0] * rng.uniform(0.5, 1.45, (count, 1)) + rng.normal(0, 0.02, (count, 3))
    page = np.zeros((n, n), np.int64)
    ids = np.broadcast_to(np.arange(1, count + 1)[:, None], row.shape)
    columns = np.broadcast_to(np.arange(n)[None], row.shape)
    for offset in range(int(rng.integers(1, 4))):
        inside = (row + offset >= 0) & (row + offset < n) & (np.abs(t) <= tip)
        page[(row + offset)[inside], columns[inside]] = ids[inside]
    return page, tones.astype(np.float32)


PAGES: tuple[Callable[[int, np.ndarray, np.random.Generator], Page], ...] = (
    _lines,
    _bricks,
    _text,
    _hair,
)


def lay(page: np.ndarray, n: int, r: float, rng: np.random.Generator) -> np.ndarray:
    """Sample `page` into an (n, n) window through a random rotation, scale and perspective.

    `r` is the half side, in pixels, that the page takes in the window.  Returns int64 ids, 0
    outside the page.
    """
    side = page.shape[0]
    angle = rng.choice([0.0, np.pi / 2]) + rng.normal(0, 0.25) * (rng.random() < 0.7)
    c, s = np.float32(np.cos(angle) / r), np.float32(np.sin(angle) / r)
    t = np.arange(n, dtype=np.float32) - np.float32(n / 2)
    y, x = t[:, None], t[None]
    tilt = rng.uniform(-0.35, 0.35, 2).astype(np.float32) * np.float32(rng.random() < 0.6)
    w = 1 + tilt[0] * y / np.float32(r) + tilt[1] * x / np.float32(r)
    w = np.maximum(w, 0.2)
    u, v = (x * c + y * s) / w, (y * c - x * s) / w
    inside = (np.abs(u) < 1) & (np.abs(v) < 1)
    rows = ((v + 1) * np.float32(side / 2)).astype(np.int64)
    columns = ((u + 1) * np.float32(side / 2)).astype(np.int64)
    np.clip(rows, 0, side - 1, out=rows)
    np.clip(columns, 0, side - 1, out=columns)
    return page[rows, columns] * inside
