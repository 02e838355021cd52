"""Parametric colour palettes in an opponent space; no photograph is consulted.

Luminance is spread widely, chroma is mostly low, and hues gather around two opposite scene hues
with the orange-blue axis of daylight favoured, as in natural scenes.
"""

import numpy as np


def opponent_to_rgb(light: np.ndarray, red: np.ndarray, yellow: np.ndarray) -> np.ndarray:
    """(k,) luminance in [0, 1] and two chroma coordinates about [-1, 1] -> (k, 3) RGB, clipped."""
    rgb = np.stack(
        [
            light + 0.35 * red + 0.15 * yellow,
            light - 0.20 * red + 0.15 * yellow,
            light - 0.45 * yellow,
        ],
        axis=-1,
    )
    return np.clip(rgb, 0, 1).astype(np.float32)


def draw_palette(count: int, rng: np.random.Generator, colour: float = 1.0) -> np.ndarray:
    """Float32 (count, 3) RGB colours in [0, 1]; `colour` >= 0 scales the chroma (0: all grey)."""
    centre, width = rng.uniform(0.25, 0.7), rng.uniform(0.3, 1.1)
    light = np.clip(centre + width * (rng.beta(1.1, 1.3, count) - 0.45), 0.02, 0.98)
    main = rng.choice([rng.uniform(0, 2 * np.pi), rng.normal(0.9, 0.5)])
    near = main + rng.normal(0, 0.35, count)
    opposite = main + np.pi + rng.normal(0, 0.4, count)
    anywhere = rng.uniform(0, 2 * np.pi, count)
    other = np.where(rng.random(count) < 0.5, opposite, anywhere)
    hue = np.where(rng.random(count) < 0.6, near, other)
    chroma = colour * rng.beta(1.0, 2.2, count) * rng.uniform(0.1, 1.1)
    return opponent_to_rgb(light, chroma * np.cos(hue), chroma * np.sin(hue))
