"""Richer scenes: layers out of focus, specimens of science, surfaces that fill the view.

A layer at depth d is blurred by strength |d - focus|, its coverage with it, and the layers are
composed front to back with premultiplied colours, so that a near leaf has a soft edge in front of a
sharp one. The other kinds are those of `scene`.
"""

import numpy as np

from undrift.restoration.leaves.blur import blur
from undrift.restoration.leaves.canvas import Canvas
from undrift.restoration.leaves.palette import draw_palette
from undrift.restoration.leaves.scene import (
    MOST_LEAVES,
    SUPERSAMPLING,
    finished,
    lens,
    light,
    paint_leaves,
    paint_page,
    scene,
    shrink,
)
from undrift.restoration.leaves.specimens import specimen
from undrift.restoration.leaves.textures import Textures, power_noise


def _layers(size: int, rng: np.random.Generator, textures: Textures) -> np.ndarray:
    """Depth of field: two to four layers of leaves, front to back, each with a blur of its own."""
    colours = draw_palette(int(rng.integers(4, 12)), rng)
    depths = np.sort(rng.uniform(0, 1, int(rng.integers(2, 5))))
    focus, strength = rng.uniform(0, 1), np.exp(rng.uniform(np.log(1.0), np.log(9.0)))
    image = np.zeros((size, size, 3), np.float32)
    seen = np.zeros((size, size, 1), np.float32)
    for number, depth in enumerate(depths):
        layer = Canvas(size * SUPERSAMPLING)
        last = number == len(depths) - 1
        count = MOST_LEAVES if last else int(np.exp(rng.uniform(np.log(2), np.log(80))))
        paint_leaves(layer, colours, rng, textures, count=count, smallest=rng.uniform(1.5, 6))
        if last:
            layer.fill(colours[0])
        cover = shrink((~layer.empty).astype(np.float32)[..., None])
        both = np.concatenate([shrink(layer.image), cover], -1)  # premultiplied: empty is 0
        both = blur(both, strength * abs(depth - focus))
        image += (1 - seen) * both[..., :3]
        seen += (1 - seen) * both[..., 3:]
    return image


def _toned(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A tone curve: a power between .6 and 1.6, and sometimes an S; the scene stays in [0, 1]."""
    image = np.clip(image, 0, 1) ** np.float32(np.exp(rng.uniform(np.log(0.6), np.log(1.6))))
    if rng.random() < 0.3:
        image = image + np.float32(rng.uniform(0, 0.9)) * image * (1 - image) * (2 * image - 1)
    return image


def rich_scene(size: int, rng: np.random.Generator, textures: Textures) -> np.ndarray:
    """Like `scene`, with layers out of focus, specimens, surfaces of one texture and tone curves.

    Of the pictures, 45 % are those of `scene`, 25 % have layers at several depths, 12 % come from
    instruments, 18 % are one or two surfaces large enough to fill the view.
    """
    kind = rng.random()
    if kind < 0.45:
        return scene(size, rng, textures)
    if kind < 0.70:
        image = lens(light(_layers(size, rng, textures), rng), rng)
    elif kind < 0.82:
        image = lens(specimen(size, rng, textures), rng)
    else:
        image = lens(light(_surfaces(size, rng, textures), rng), rng)
    return finished(_toned(image, rng) if rng.random() < 0.5 else image)


def _surfaces(size: int, rng: np.random.Generator, textures: Textures) -> np.ndarray:
    """A few huge leaves, all textured: coats, bark, cloth, walls and what meets them."""
    n = size * SUPERSAMPLING
    colours = draw_palette(int(rng.integers(2, 6)), rng)
    canvas = Canvas(n)
    paint_leaves(canvas, colours, rng, textures, count=int(rng.integers(0, 12)), smallest=8.0)
    if rng.random() < 0.3:
        paint_page(canvas, colours, rng, textures)
    for _ in range(int(rng.integers(0, 4))):
        paint_leaves(canvas, colours, rng, textures, count=1, smallest=0.2 * size)
    contrast = np.float32(np.exp(rng.uniform(np.log(0.02), np.log(0.2))))
    ground = textures.crop(n, n, rng) * contrast + power_noise(n, 2.0, rng) * np.float32(0.06)
    tint = (1 + rng.normal(0, 0.25, 3)).astype(np.float32)
    canvas.fill(colours[0] + ground[..., None] * tint)
    return shrink(canvas.image)
