"""One synthetic photograph: leaves in front of leaves, lit, slightly defocused.

Radii follow p(r) ~ r^-alpha, alpha in [2.6, 3.2] (3 is the scale-invariant case of Lee, Mumford &
Huang, 2001).  The scene is painted at twice the size and box-averaged, so edges are antialiased.
Of the pictures, 8 % are smooth, 3 % star fields, 3 % printed pages; the rest are leaves, of which
a third carry man-made or hairy structure and a third have a defocused background layer.
"""

import numpy as np

from undrift.restoration.leaves.blur import blur
from undrift.restoration.leaves.canvas import Canvas
from undrift.restoration.leaves.palette import draw_palette
from undrift.restoration.leaves.shapes import leaf_mask
from undrift.restoration.leaves.smooth import smooth_scene, star_scene
from undrift.restoration.leaves.structures import PAGES, lay, text_page
from undrift.restoration.leaves.textures import Textures

SUPERSAMPLING = 2
MOST_LEAVES = 6000


def _fill(
    y: np.ndarray, x: np.ndarray, r: float, rng: np.random.Generator, textures: Textures
) -> np.ndarray | None:
    """Luminance (h, w) added inside one leaf: None when flat, else gradient and/or texture."""
    kind, out = rng.random(), None
    if kind >= 0.5:
        contrast = np.exp(rng.uniform(np.log(0.008), np.log(0.18)))
        out = textures.crop(y.shape[0], x.shape[1], rng) * np.float32(contrast)
    if 0.3 <= kind < 0.5 or rng.random() < 0.4:
        angle, slope = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.3) / r
        ramp = x * np.float32(slope * np.cos(angle)) + y * np.float32(slope * np.sin(angle))
        out = ramp if out is None else out + ramp
    return out


def paint_leaves(
    canvas: Canvas,
    colours: np.ndarray,
    rng: np.random.Generator,
    textures: Textures,
    count: int = MOST_LEAVES,
    smallest: float = 1.5,
) -> None:
    """Up to `count` leaves from the front on, until no pixel is empty."""
    n, power = canvas.n, rng.uniform(2.6, 3.2) - 1
    low = (smallest * SUPERSAMPLING * np.exp(rng.uniform(0, 2.3))) ** -power
    high = (0.45 * n) ** -power
    fine = 4 * SUPERSAMPLING
    for k in range(count):
        r = float((low + rng.random() * (high - low)) ** (-1 / power))  # inverse distribution
        if k > 0.6 * count and count == MOST_LEAVES:
            r = max(r, 0.08 * n)  # close the last gaps with large leaves
        cy, cx = rng.uniform(-0.5 * r, n + 0.5 * r, 2)
        where = canvas.window(cy, cx, 1.24 * r)
        if where is None:
            continue
        y = (np.arange(where[0].start, where[0].stop) - cy).astype(np.float32)[:, None]
        x = (np.arange(where[1].start, where[1].stop) - cx).astype(np.float32)[None]
        mask = leaf_mask(y, x, r, rng) & canvas.empty[where]
        if not mask.any():
            continue
        base = colours[int(rng.integers(len(colours)))] + rng.normal(0, 0.04, 3)
        light = _fill(y, x, r, rng, textures) if r >= fine else None
        tint = (1 + rng.normal(0, 0.25, 3)).astype(np.float32)
        canvas.put(where, mask, base.astype(np.float32), light, tint)
        if canvas.left <= 0:
            return


def paint_page(
    canvas: Canvas, colours: np.ndarray, rng: np.random.Generator, textures: Textures
) -> None:
    """One structure page somewhere in the scene, sometimes with grain on it."""
    n = canvas.n
    r = n * np.exp(rng.uniform(np.log(0.12), np.log(0.7)))
    draw = PAGES[int(rng.integers(len(PAGES)))]
    page, table = draw(max(80, int(2 * r)), rng.permutation(colours), rng)
    cy, cx = rng.uniform(0, n, 2)
    where = canvas.window(cy, cx, 1.6 * r)
    if where is None:
        return
    side = 2 * int(1.6 * r) + 4
    view = lay(page, side, r, rng)
    top, left = int(cy - 1.6 * r) - 1, int(cx - 1.6 * r) - 1
    view = view[where[0].start - top : where[0].stop - top, where[1].start - left :]
    view = view[:, : where[1].stop - where[1].start]
    where = (
        slice(where[0].start, where[0].start + view.shape[0]),
        slice(where[1].start, where[1].start + view.shape[1]),
    )
    colour = table[np.maximum(view - 1, 0)]
    if rng.random() < 0.5:
        grain = np.float32(np.exp(rng.uniform(np.log(0.006), np.log(0.08))))
        colour = colour + (textures.crop(view.shape[0], view.shape[1], rng) * grain)[..., None]
    canvas.put(where, view > 0, colour)


def _leaves(size: int, rng: np.random.Generator, textures: Textures) -> np.ndarray:
    n = size * SUPERSAMPLING
    colours = draw_palette(int(rng.integers(4, 12)), rng)
    canvas = Canvas(n)
    if rng.random() < 0.35:
        for _ in range(int(rng.integers(1, 4))):
            paint_leaves(canvas, colours, rng, textures, count=int(rng.integers(0, 60)))
            paint_page(canvas, colours, rng, textures)
    if rng.random() < 0.3:  # depth of field: a sharp front layer before a defocused back layer
        back = Canvas(n)
        paint_leaves(canvas, colours, rng, textures, count=int(rng.integers(3, 80)))
        paint_leaves(back, colours, rng, textures, smallest=4.0)
        back.fill(colours[0])
        half = shrink(back.image)
        soft = blur(half, np.exp(rng.uniform(np.log(0.7), np.log(4))))
        canvas.fill(np.repeat(np.repeat(soft, SUPERSAMPLING, 0), SUPERSAMPLING, 1))
    else:
        paint_leaves(canvas, colours, rng, textures)
        canvas.fill(colours[0])
    return shrink(canvas.image)


def _document(size: int, rng: np.random.Generator, textures: Textures) -> np.ndarray:
    n = size * SUPERSAMPLING
    ink, paper = draw_palette(1, rng, 0.3)[0] * 0.5, 1 - 0.4 * draw_palette(1, rng, 0.3)[0]
    colours = np.stack([paper, ink] if rng.random() < 0.2 else [ink, paper])
    r = n * rng.uniform(0.6, 1.1)
    page, table = text_page(int(2 * r), colours, rng, ground=True)
    view = lay(page, n, r, rng)
    image = table[np.where(view > 0, view - 1, 1)]
    grain = np.float32(np.exp(rng.uniform(np.log(0.002), np.log(0.03))))
    return shrink(image + (textures.crop(n, n, rng) * grain)[..., None])


def shrink(image: np.ndarray) -> np.ndarray:
    """Box average by the supersampling factor, (n, n, 3) -> (n / 2, n / 2, 3)."""
    return 0.25 * (image[::2, ::2] + image[1::2, ::2] + image[::2, 1::2] + image[1::2, 1::2])


def light(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Slanted illumination, a change of contrast, and mostly an exposure that keeps the whites."""
    slope = rng.uniform(-0.25, 0.25, 2).astype(np.float32)
    t = np.linspace(-1, 1, image.shape[0], dtype=np.float32)
    image = image * (1 + slope[0] * t[:, None] + slope[1] * t[None])[..., None]
    mean = image.mean()
    image = mean + (image - mean) * np.float32(rng.uniform(0.85, 1.25))
    white = float(np.quantile(image[::4, ::4], 0.98))
    return image / np.float32(white) if white > 1 and rng.random() < 0.75 else image


def lens(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Slight defocus of the whole picture in about half of the cases."""
    draw = rng.random()
    if draw < 0.2:
        return blur(image, rng.uniform(0.4, 0.9))
    return blur(image, rng.uniform(0.2, 0.45)) if draw < 0.48 else image


def scene(size: int, rng: np.random.Generator, textures: Textures) -> np.ndarray:
    """Draw one picture.

    `size` is its side in pixels (>= 16); all randomness comes from `rng`, all fills from
    `textures`.  Returns float32 (3, size, size) RGB in [0, 1].
    """
    kind = rng.random()
    if kind < 0.08:
        image = smooth_scene(size, rng, textures)
    elif kind < 0.11:
        image = star_scene(size, rng)
    elif kind < 0.14:
        image = lens(light(_document(size, rng, textures), rng), rng)
    else:
        image = lens(light(_leaves(size, rng, textures), rng), rng)
    return finished(image)


def finished(image: np.ndarray) -> np.ndarray:
    """Clipped to [0, 1], channels first, contiguous float32."""
    return np.ascontiguousarray(np.clip(image, 0, 1).transpose(2, 0, 1), dtype=np.float32)
