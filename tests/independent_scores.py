"""Scores of the papers' protocols written down a second time, from the definitions, with loops.

Nothing of undrift is used: MATLAB's resizing pixel by pixel, luma from its three numbers, SSIM as a
sum over the window, so that the two can be compared.
"""

import math

import numpy as np


def weave(height: int = 96, width: int = 128) -> tuple[np.ndarray, np.ndarray]:
    """A fixed pair, uint8 (3, h, w): triangular waves, and the same with fewer levels and waves."""
    c, i, j = np.ogrid[:3, :height, :width]
    wave = (5 * i + 3 * j + 40 * c + (i * j) // 16) % 400
    clean = np.where(wave < 200, wave, 400 - wave) + 20
    streaks = 30 * (((i + 2 * j) % 23) < 2)
    degraded = np.clip((clean // 8) * 8 + 6 + streaks - 4 * c, 0, 255)
    return clean.astype(np.uint8), degraded.astype(np.uint8)


def cubic(x: float) -> float:
    """Keys' kernel with a = -1/2."""
    x = abs(x)
    if x < 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0


def resize_axis(x: np.ndarray, new: int) -> np.ndarray:
    """imresize of the first axis, numbers."""
    old = len(x)
    ratio = new / old
    shrink = min(1.0, ratio)
    out = np.zeros((new, *x.shape[1:]))
    for k in range(new):
        centre = (k + 0.5) / ratio - 0.5
        total = 0.0
        for place in range(math.floor(centre - 3 / shrink), math.ceil(centre + 3 / shrink) + 1):
            weight = cubic(shrink * (place - centre))
            inside = place % (2 * old)
            out[k] += weight * x[min(inside, 2 * old - 1 - inside)]
            total += weight
        out[k] /= total
    return out


def resize(picture: np.ndarray, side: int, rounds: bool) -> np.ndarray:
    """uint8 (3, h, w) to (3, side, side) on the scale 0..255; rounds: after each axis."""
    x = picture.astype(float).transpose(1, 2, 0)
    for axis in sorted((0, 1), key=lambda k: side / x.shape[k]):
        x = np.moveaxis(resize_axis(np.moveaxis(x, axis, 0), side), 0, axis)
        if rounds:
            x = np.floor(np.clip(x, 0, 255).round(9) + 0.5)
    return x.transpose(2, 0, 1)


def luminance(picture: np.ndarray, rounds: bool) -> np.ndarray:
    """Scale 0..255 to Y on the same scale, (1, h, w)."""
    red, green, blue = picture.astype(float)
    y = 16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255
    return (np.floor(y + 0.5) if rounds else y)[None]


def ratio(x: np.ndarray, ref: np.ndarray, peak: float = 255.0) -> float:
    """PSNR in dB."""
    return 20 * math.log10(peak / math.sqrt(((x - ref) ** 2).mean()))


def similarity(x: np.ndarray, ref: np.ndarray, kind: str) -> float:
    """SSIM of (c, h, w) on the scale 0..255; kind as `Protocol.structure`."""
    window, radius, unbiased = _kernel(kind)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    if kind == "volume":
        wide = [(radius, radius)] * 3
        x, ref = np.pad(x, wide, "edge"), np.pad(ref, wide, "edge")
    depth, height, width = window.shape
    values = []
    for layer in range(x.shape[0] - depth + 1):
        for i in range(x.shape[1] - height + 1):
            for j in range(x.shape[2] - width + 1):
                part = np.s_[layer : layer + depth, i : i + height, j : j + width]
                p, q = x[part], ref[part]
                m, n = (window * p).sum(), (window * q).sum()
                left, right = (window * p * p).sum() - m * m, (window * q * q).sum() - n * n
                both = (window * p * q).sum() - m * n
                left, right, both = unbiased * left, unbiased * right, unbiased * both
                values.append(
                    (2 * m * n + c1) * (2 * both + c2) / ((m**2 + n**2 + c1) * (left + right + c2))
                )
    return float(np.mean(values))


def _kernel(kind: str) -> tuple[np.ndarray, int, float]:
    if kind == "square":
        return np.full((1, 7, 7), 1 / 49), 3, 49 / 48
    line = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.einsum("i,j,k->ijk", line if kind == "volume" else np.ones(1), line, line)
    return window / window.sum(), 5, 1.0
