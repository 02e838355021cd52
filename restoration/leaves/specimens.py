"""Scenes of scientific instruments: stained tissue, glowing cells, filaments, grains of metal.

Tissue is a bright pink to violet ground with dark nuclei and paler lumens; fluorescence a dark
ground with bright cells of soft edge; filaments are thin bright paths crossing; grains are Voronoi
cells, each of one tone, with dark borders, as in micrographs. Nothing is copied from a picture.
"""

import numpy as np

from undrift.restoration.leaves.blur import blur
from undrift.restoration.leaves.palette import draw_palette
from undrift.restoration.leaves.textures import Textures, power_noise


def _cells(
    size: int, count: int, low: float, high: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Soft ellipses: the largest coverage at each pixel, in [0, 1], and the number of its cell."""
    cover = np.zeros((size, size), np.float32)
    owner = np.zeros((size, size), np.int64)
    for number in range(count):
        r = float(np.exp(rng.uniform(np.log(low), np.log(high))))
        cy, cx = rng.uniform(0, size, 2)
        rows = slice(max(0, int(cy - 1.6 * r)), min(size, int(cy + 1.6 * r) + 2))
        columns = slice(max(0, int(cx - 1.6 * r)), min(size, int(cx + 1.6 * r) + 2))
        dy = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] - np.float32(cy)
        dx = np.arange(columns.start, columns.stop, dtype=np.float32)[None] - np.float32(cx)
        turn, flat = rng.uniform(0, np.pi), rng.uniform(0.45, 1.0)
        u = dx * np.cos(turn) + dy * np.sin(turn)
        v = (dy * np.cos(turn) - dx * np.sin(turn)) / flat
        wobble = 1 + 0.12 * np.cos(3 * np.arctan2(v, u) + rng.uniform(0, 6))
        soft = np.clip((r * wobble - np.hypot(u, v)) / rng.uniform(0.7, 2.5) + 0.5, 0, 1)
        spot = cover[rows, columns]
        above = soft > spot
        spot[above] = soft[above]
        owner[rows, columns][above] = number
    return cover, owner


def _tissue(size: int, rng: np.random.Generator, textures: Textures) -> np.ndarray:
    ground = np.array([0.85, 0.72, 0.82], np.float32) + rng.normal(0, 0.07, 3).astype(np.float32)
    stain = np.array([0.38, 0.25, 0.5], np.float32) + rng.normal(0, 0.1, 3).astype(np.float32)
    other = draw_palette(1, rng)[0]
    fibre = textures.crop(size, size, rng) * np.float32(rng.uniform(0.02, 0.09))
    image = ground + fibre[..., None] * np.array([0.6, 1.0, 0.6], np.float32)
    patches = np.clip(power_noise(size, 1.8, rng) * 1.5, 0, 1)[..., None]
    image = image + (other - image) * patches * np.float32(rng.uniform(0, 0.7))
    count = int(np.exp(rng.uniform(np.log(40), np.log(500))) * (size / 256) ** 2)
    cover, owner = _cells(size, count, 2.5, 8.0, rng)
    tone = rng.uniform(0.6, 1.15, (count, 1)).astype(np.float32)[owner]
    nucleus = stain * tone + textures.crop(size, size, rng)[..., None] * np.float32(0.04)
    image = image + (nucleus - image) * cover[..., None]
    holes, _ = _cells(size, int(rng.integers(0, 12)), 6.0, 30.0, rng)
    return image + (np.float32(0.93) - image) * holes[..., None] * np.float32(rng.uniform(0.5, 1))


def _glowing(size: int, rng: np.random.Generator, textures: Textures) -> np.ndarray:
    image = np.full((size, size, 3), rng.uniform(0, 0.06), np.float32)
    for colour in draw_palette(int(rng.integers(1, 4)), rng, 2.0):
        count = int(np.exp(rng.uniform(np.log(8), np.log(200))) * (size / 256) ** 2) + 1
        cover, owner = _cells(size, count, 2.0, 22.0, rng)
        light = rng.gamma(2.0, 0.3, count).astype(np.float32)[owner] * cover
        light = light * (1 + textures.crop(size, size, rng) * np.float32(rng.uniform(0, 0.3)))
        image = image + blur(light, rng.uniform(0.3, 1.5))[..., None] * colour
    return image


def _filaments(size: int, rng: np.random.Generator, textures: Textures) -> np.ndarray:
    light = np.zeros((size, size), np.float32)
    for _ in range(int(rng.integers(10, 120))):
        length = int(size * rng.uniform(0.3, 1.2))
        heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.03, length))
        y = (rng.uniform(0, size) + np.cumsum(np.sin(heading))).astype(np.int64)
        x = (rng.uniform(0, size) + np.cumsum(np.cos(heading))).astype(np.int64)
        inside = (y >= 0) & (y < size) & (x >= 0) & (x < size)
        light[y[inside], x[inside]] += np.float32(rng.gamma(2, 0.4))
    light = blur(light, rng.uniform(0.6, 1.3)) * np.float32(1.5)
    ground, colour = draw_palette(2, rng)
    back = ground * np.float32(rng.uniform(0.02, 0.6))
    grain = textures.crop(size, size, rng)[..., None] * np.float32(rng.uniform(0, 0.03))
    return back + grain + light[..., None] * (colour - back * np.float32(rng.random()))


def _grains(size: int, rng: np.random.Generator, textures: Textures) -> np.ndarray:
    from scipy.spatial import KDTree

    count = int(np.exp(rng.uniform(np.log(20), np.log(900))))
    places = rng.uniform(-0.1 * size, 1.1 * size, (count, 2))
    sites = np.indices((size, size)).reshape(2, -1).T + rng.normal(0, 0.15, (size**2, 2))
    near, which = (np.asarray(found) for found in KDTree(places).query(sites, k=2))
    edge = (near[:, 1] - near[:, 0]).reshape(size, size)
    tones = draw_palette(count, rng, rng.choice([0.0, 0.3, 1.0]))[which[:, 0]]
    image = tones.reshape(size, size, 3)
    grain = textures.crop(size, size, rng)[..., None] * np.float32(rng.uniform(0, 0.06))
    wall = np.clip(1 - edge / rng.uniform(1.0, 3.5), 0, 1)[..., None].astype(np.float32)
    return (image + grain) * (1 - np.float32(rng.uniform(0.1, 0.9)) * wall)


def specimen(size: int, rng: np.random.Generator, textures: Textures) -> np.ndarray:
    """Float32 (size, size, 3), about [0, 1]: one scene of the four kinds."""
    draw = (_tissue, _glowing, _filaments, _grains)[int(rng.integers(4))]
    return draw(size, rng, textures).astype(np.float32)
