"""Scenes that are not stacks of leaves: smooth low-contrast pictures, and dark star fields.

Smooth scenes are slow gradients with, at random, a bright disc on black (moon, retina), vessels,
shaded craters and faint grain.  Star fields are a dark sky with a nebula, point sources whose
fluxes follow a power law, a few spikes and small galaxies.
"""

import numpy as np

from undrift.restoration.leaves.blur import blur
from undrift.restoration.leaves.palette import draw_palette
from undrift.restoration.leaves.textures import Textures, power_noise


def _grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    t = np.linspace(-1, 1, size, dtype=np.float32)
    return t[:, None], t[None]


def _vessels(size: int, rng: np.random.Generator) -> np.ndarray:
    """Float32 (size, size) in [0, 1]: smooth wandering paths that thin out and fork."""
    out = np.zeros((size, size), np.float32)
    start = rng.uniform(0, size, 2)
    todo = [(start, rng.uniform(0, 2 * np.pi), rng.uniform(1.0, 3.5)) for _ in range(6)]
    steps = 0
    while todo and steps < 900:
        at, heading, width = todo.pop()
        at = at.copy()
        for _ in range(int(size * rng.uniform(0.1, 0.4))):
            steps += 1
            heading += rng.normal(0, 0.09)
            at += (1.2 * np.sin(heading), 1.2 * np.cos(heading))
            half = max(1, round(width / 2))
            y, x = int(at[0]), int(at[1])
            if not (half <= y < size - half and half <= x < size - half):
                break
            spot = out[y - half : y + half, x - half : x + half]
            np.maximum(spot, min(1.0, width / 3), out=spot)
        else:
            if width > 0.7:
                fork = rng.uniform(0.2, 0.7)
                todo += [(at, heading + fork, width * 0.75), (at, heading - fork, width * 0.75)]
    return out


def _craters(size: int, rng: np.random.Generator) -> np.ndarray:
    """Float32 (size, size): sum of dips lit from one side, radii by a power law."""
    out = np.zeros((size, size), np.float32)
    light = rng.uniform(0, 2 * np.pi)
    for _ in range(int(rng.integers(10, 90))):
        r = min(1.5 * (1 - rng.random()) ** -0.7, size / 6)
        cy, cx = rng.uniform(0, size, 2)
        y = np.arange(max(0, int(cy - 3 * r)), min(size, int(cy + 3 * r) + 1), dtype=np.float32)
        x = np.arange(max(0, int(cx - 3 * r)), min(size, int(cx + 3 * r) + 1), dtype=np.float32)
        dy, dx = (y[:, None] - cy) / r, (x[None] - cx) / r
        dip = (dy * np.sin(light) + dx * np.cos(light)) * np.exp(-0.5 * (dy * dy + dx * dx))
        out[int(y[0]) : int(y[-1]) + 1, int(x[0]) : int(x[-1]) + 1] += dip * rng.uniform(0.3, 1)
    return out


def smooth_scene(size: int, rng: np.random.Generator, textures: Textures) -> np.ndarray:
    """Float32 (size, size, 3), about [0, 1]: a soft low-contrast picture."""
    first, second = draw_palette(2, rng, colour=rng.choice([0.0, 0.5, 1.0]))
    y, x = _grid(size)
    angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.5)
    mix = 0.5 + reach * (y * np.sin(angle) + x * np.cos(angle))
    mix = mix + rng.uniform(0.03, 0.3) * power_noise(size, rng.uniform(1.8, 2.8), rng)
    mix = np.clip(mix, 0, 1)[..., None]
    image = first + (second - first) * np.float32(rng.uniform(0.25, 1)) * mix
    if rng.random() < 0.3:
        image = image - blur(_vessels(size, rng), rng.uniform(0.5, 1.2))[..., None] * (
            rng.uniform(0.03, 0.25, 3).astype(np.float32)
        )
    if rng.random() < 0.3:
        image = image + np.float32(rng.uniform(0.02, 0.18)) * _craters(size, rng)[..., None]
    if rng.random() < 0.6:
        grain = np.exp(rng.uniform(np.log(0.002), np.log(0.025)))
        image = image + np.float32(grain) * textures.crop(size, size, rng)[..., None]
    if rng.random() < 0.35:
        cy, cx, r = rng.uniform(-0.6, 0.6), rng.uniform(-0.6, 0.6), rng.uniform(0.6, 1.4)
        edge = np.exp(rng.uniform(np.log(0.008), np.log(0.1)))
        z = (r - np.hypot(y - cy, x - cx)) / edge
        image = image * (1 / (1 + np.exp(-np.clip(z, -30, 30))))[..., None]
    return image.astype(np.float32)


def _stamp(image: np.ndarray, cy: float, cx: float, reach: int) -> tuple[np.ndarray, ...]:
    size = image.shape[0]
    rows = slice(max(0, int(cy) - reach), min(size, int(cy) + reach + 1))
    columns = slice(max(0, int(cx) - reach), min(size, int(cx) + reach + 1))
    dy = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] - np.float32(cy)
    dx = np.arange(columns.start, columns.stop, dtype=np.float32)[None] - np.float32(cx)
    return image[rows, columns], dy, dx


def _galaxy(dy: np.ndarray, dx: np.ndarray, a: float, rng: np.random.Generator) -> np.ndarray:
    """Tilted exponential disc of scale length `a` pixels, 1 at its centre."""
    flat, turn = rng.uniform(0.25, 1), rng.uniform(0, np.pi)
    u = dx * np.cos(turn) + dy * np.sin(turn)
    v = (dy * np.cos(turn) - dx * np.sin(turn)) / flat
    return np.exp(-np.sqrt(u * u + v * v) / a)


def _star(dy: np.ndarray, dx: np.ndarray, width: float, spikes: bool) -> np.ndarray:
    """Point spread: Gaussian core of `width` pixels, faint Moffat wings, optional cross."""
    d2 = (dy * dy + dx * dx) / (width * width)
    light = 0.9 * np.exp(-0.5 * d2) + 0.1 * (1 + d2 / 3) ** -2.5
    if spikes:
        light = light + 0.3 * np.exp(-0.5 * (dy / 0.6) ** 2) / (1 + np.abs(dx))
        light = light + 0.3 * np.exp(-0.5 * (dx / 0.6) ** 2) / (1 + np.abs(dy))
    return light


def star_scene(size: int, rng: np.random.Generator) -> np.ndarray:
    """Float32 (size, size, 3) >= 0, bright sources above 1: a dark sky with point sources."""
    sky = rng.uniform(0.0, 0.09) * rng.uniform(0.7, 1.3, 3)
    image = np.broadcast_to(sky.astype(np.float32), (size, size, 3)).copy()
    if rng.random() < 0.6:
        for colour in draw_palette(2, rng):
            cloud = np.exp(power_noise(size, rng.uniform(1.4, 2.1), rng) - 1.5)
            image += np.float32(rng.uniform(0, 0.5)) * cloud[..., None] * colour
    width, spikes = rng.uniform(0.6, 1.3), rng.random() < 0.3
    for _ in range(int(size * size / 65536 * np.exp(rng.uniform(np.log(30), np.log(600))))):
        flux = min(0.03 * (1 - rng.random()) ** -1.1, 12.0)
        warm = rng.normal(0, 0.25)
        colour = np.array([1 + warm, 1.0, 1 - warm], np.float32).clip(0.3, 1.6)
        cy, cx = rng.uniform(0, size, 2)
        galaxy, a = rng.random() < 0.15, rng.uniform(1, 5)
        spot, dy, dx = _stamp(image, cy, cx, int(7 * a if galaxy else 4 + 6 * min(flux, 4)))
        if galaxy:
            light = min(flux, 0.8) * _galaxy(dy, dx, a, rng)
        else:
            light = flux * _star(dy, dx, width, spikes and flux > 1)
        spot += light[..., None].astype(np.float32) * colour
    return image
