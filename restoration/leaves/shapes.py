"""Silhouettes of leaves: boolean masks on a local pixel grid centred on the leaf.

Five families, drawn with fixed probabilities: ellipse .40, rectangle .20, bent stroke .15,
wobbly star .15, convex polygon .10.  Each takes rotated coordinates `u, v` (h, w) in pixels and
the radius `r` in pixels; every mask lies inside the disc of radius 1.24 r.
"""

import numpy as np


def _ellipse(u: np.ndarray, v: np.ndarray, r: float, rng: np.random.Generator) -> np.ndarray:
    flat = rng.uniform(0.3, 1.0)
    return u * u + (v / flat) ** 2 <= r * r


def _rectangle(u: np.ndarray, v: np.ndarray, r: float, rng: np.random.Generator) -> np.ndarray:
    flat = rng.uniform(0.25, 0.9)
    return (np.abs(u) <= 0.8 * r) & (np.abs(v) <= 0.8 * flat * r)


def _stroke(u: np.ndarray, v: np.ndarray, r: float, rng: np.random.Generator) -> np.ndarray:
    half = max(0.7, r * rng.uniform(0.02, 0.12))
    bend = rng.uniform(-0.6, 0.6) / r
    return (np.abs(u) <= r) & (np.abs(v - bend * u * u) <= half)


def _star(u: np.ndarray, v: np.ndarray, r: float, rng: np.random.Generator) -> np.ndarray:
    lobes = int(rng.integers(2, 9))
    depth, phase = 0.3 * rng.random(), rng.uniform(0, 2 * np.pi)
    angle = np.arctan2(v, u)
    edge = 0.65 + depth * np.cos(lobes * angle + phase) + 0.1 * np.cos((lobes + 3) * angle)
    return u * u + v * v <= (r * edge) ** 2


def _polygon(u: np.ndarray, v: np.ndarray, r: float, rng: np.random.Generator) -> np.ndarray:
    inside = u * u + v * v <= r * r
    for angle in rng.uniform(0, 2 * np.pi, int(rng.integers(3, 7))):
        inside &= u * np.cos(angle) + v * np.sin(angle) <= r * rng.uniform(0.35, 0.9)
    return inside


_FAMILIES = (_ellipse, _rectangle, _stroke, _star, _polygon)
_EDGES = (0.40, 0.60, 0.75, 0.90)  # cumulative probabilities of the families


def leaf_mask(y: np.ndarray, x: np.ndarray, r: float, rng: np.random.Generator) -> np.ndarray:
    """Mask of one random leaf.

    `y` (h, 1) and `x` (1, w) float32 are pixel offsets from the leaf's centre, `r` > 0 its radius
    in pixels.  Returns bool (h, w).
    """
    family = _FAMILIES[int(np.searchsorted(_EDGES, rng.random()))]
    angle = rng.uniform(0, np.pi)
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return family(x * c + y * s, y * c - x * s, r, rng)
