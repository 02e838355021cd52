"""A pair of pictures made of whole numbers only, on which every protocol has a stored score."""

import numpy as np


def weave(height: int = 96, width: int = 128) -> tuple[np.ndarray, np.ndarray]:
    """(clean, degraded), uint8 (3, h, w): triangular waves; fewer levels, streaks and a tint."""
    c, i, j = np.ogrid[:3, :height, :width]
    wave = (5 * i + 3 * j + 40 * c + (i * j) // 16) % 400
    clean = np.where(wave < 200, wave, 400 - wave) + 20
    streaks = 30 * (((i + 2 * j) % 23) < 2)
    degraded = np.clip((clean // 8) * 8 + 6 + streaks - 4 * c, 0, 255)
    return clean.astype(np.uint8), degraded.astype(np.uint8)


def shade(height: int = 96, width: int = 128) -> np.ndarray:
    """A mask for it, uint8 (h, w): 255 in a slanted half."""
    i, j = np.ogrid[:height, :width]
    return np.where(2 * i + j < width, 255, 0).astype(np.uint8)
