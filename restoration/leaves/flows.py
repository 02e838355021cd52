"""Textures that follow a direction: fur, wood, water, cloth; and any texture bent out of shape.

Fur is line integral convolution (Cabral and Leedom, 1993): noise averaged along the streamlines of
a smooth field of directions, so that strands run side by side, part and whirl. Cloth is threads
that pass over and under each other. Bending samples a periodic texture at displaced places.
All maps are periodic, of zero mean and unit deviation, (n, n) float32.
"""

import numpy as np

from undrift.restoration.leaves.textures import power_noise, unit


def _directions(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Cosine and sine of a smooth periodic field of angles, mostly near one direction."""
    swing = rng.choice([0.25, 0.7, 1.6])
    angle = rng.uniform(0, 2 * np.pi) + np.float32(swing) * power_noise(n, 2.2, rng)
    return np.cos(angle), np.sin(angle)


def strands(n: int, rng: np.random.Generator) -> np.ndarray:
    """Fur, hair, wood or rippled water: noise drawn out along the field to 6 to 40 pixels."""
    along, across = _directions(n, rng)
    grain = power_noise(n, rng.uniform(0.0, 0.6), rng)
    if rng.random() < 0.4:  # single hairs in place of a coat
        grain = np.where(rng.random((n, n)) < rng.uniform(0.02, 0.15), grain, 0)
    reach = int(np.exp(rng.uniform(np.log(3), np.log(20))))
    total = grain.copy()
    start = np.mgrid[:n, :n].astype(np.float32)
    for sign in (1, -1):
        y, x = start[0].copy(), start[1].copy()
        for _ in range(reach):
            row, column = y.astype(np.int64) % n, x.astype(np.int64) % n
            y += sign * across[row, column]
            x += sign * along[row, column]
            total += grain[y.astype(np.int64) % n, x.astype(np.int64) % n]
    return unit(total)


def cloth(n: int, rng: np.random.Generator) -> np.ndarray:
    """Plain weave or twill: threads of 3 to 14 pixels, round, each pair with one on top."""
    threads = max(8, round(n / np.exp(rng.uniform(np.log(3), np.log(14)))))
    threads -= threads % 4
    shift = int(rng.integers(1, 3))  # 1: plain weave, 2: twill
    bend = power_noise(n, 2.0, rng) * np.float32(rng.uniform(0, 0.3))
    t = np.arange(n, dtype=np.float32) * np.float32(threads / n)
    y, x = t[:, None] + bend, t[None] + bend.T
    up = (np.floor(y).astype(np.int64) + shift * np.floor(x).astype(np.int64)) % (2 * shift)
    over = up < shift
    tone = rng.normal(0, 0.3, (2, threads)).astype(np.float32)
    weft = np.sin(np.pi * (y % 1)) + tone[0][np.floor(y).astype(np.int64) % threads]
    warp = np.sin(np.pi * (x % 1)) + tone[1][np.floor(x).astype(np.int64) % threads]
    return unit(np.where(over, weft, warp + np.float32(rng.uniform(-0.5, 0.5))))


def bent(texture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The texture through a smooth displacement of a few to 40 pixels, interpolated linearly."""
    n = len(texture)
    size = np.float32(np.exp(rng.uniform(np.log(3), np.log(40))))
    y = np.arange(n, dtype=np.float32)[:, None] + size * power_noise(n, 2.2, rng)
    x = np.arange(n, dtype=np.float32)[None] + size * power_noise(n, 2.2, rng)
    top, left = np.floor(y), np.floor(x)
    v, u = y - top, x - left
    i, j = top.astype(np.int64) % n, left.astype(np.int64) % n
    k, m = (i + 1) % n, (j + 1) % n
    upper = texture[i, j] * (1 - u) + texture[i, m] * u
    lower = texture[k, j] * (1 - u) + texture[k, m] * u
    return unit(upper * (1 - v) + lower * v)


def flowing(maps: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    """Twenty-two more maps for a pool: strands, cloth, and bent ones of those it has."""
    n = len(maps[0])
    more = [strands(n, rng) for _ in range(10)] + [cloth(n, rng) for _ in range(4)]
    chosen = rng.choice(len(maps), 8, replace=False)
    return more + [bent(maps[int(k)], rng) for k in chosen]
