"""Scores of the papers' protocols written down a second time, from the definitions, with loops.

Nothing of undrift is used: MATLAB's resizing pixel by pixel, luma from its three numbers, SSIM as a
sum over every window, so that the two can be compared.
"""

import math

import numpy as np


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
    parts = [np.lib.stride_tricks.sliding_window_view(v, window.shape) for v in (x, ref)]

    def mean(value: np.ndarray) -> np.ndarray:
        return np.einsum("...ijk,ijk->...", value, window)

    m, n = (mean(part) for part in parts)
    left, right = (mean(p * p) - c * c for p, c in zip(parts, (m, n), strict=True))
    both = mean(parts[0] * parts[1]) - m * n
    left, right, both = unbiased * left, unbiased * right, unbiased * both
    top = (2 * m * n + c1) * (2 * both + c2)
    return float((top / ((m**2 + n**2 + c1) * (left + right + c2))).mean())


def _kernel(kind: str) -> tuple[np.ndarray, int, float]:
    if kind == "square":
        return np.full((1, 7, 7), 1 / 49), 3, 49 / 48
    line = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.einsum("i,j,k->ijk", line if kind == "volume" else np.ones(1), line, line)
    return window / window.sum(), 5, 1.0


def lightness(colour: np.ndarray) -> np.ndarray:
    """L, a, b of one sRGB colour in [0, 1] by the CIE's formulas, for the white of D50."""
    matrix = np.array(
        [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169],
         [0.0139322, 0.0971045, 0.7141733]]
    )  # fmt: skip
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in colour]
    parts = []
    for row in matrix:
        share = sum(m * v for m, v in zip(row, linear, strict=True)) / row.sum()
        small = share <= 216 / 24389
        parts.append((24389 / 27 * share + 16) / 116 if small else share ** (1 / 3))
    x, y, z = parts
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def by_region(
    x: np.ndarray, ref: np.ndarray, mask: np.ndarray, side: int | None
) -> dict[str, float]:
    """Scores in, outside and regardless of a mask, as the evaluation of ISTD has them."""
    x, ref = x.astype(float), ref.astype(float)
    exact = [v if side is None else resize(v, side, rounds=False) for v in (x, ref)]
    rounded = [v if side is None else resize(v, side, rounds=True) for v in (x, ref)]
    if side is not None:
        mask = resize(mask[None], side, rounds=True)[0]
    inside = mask > 0
    found = {}
    gaps = np.zeros(inside.shape)
    for i, j in np.ndindex(*inside.shape):
        first, second = (lightness(v[:, i, j] / 255) for v in rounded)
        gaps[i, j] = np.abs(first - second).sum()
    for name, region in {"all": inside | True, "non-shadow": ~inside, "shadow": inside}.items():
        left, right = (v * region for v in exact)
        found[f"PSNR {name}"] = ratio(left, right)
        found[f"SSIM {name}"] = similarity(left, right, "volume")
        found[f"MAE {name}"] = float(gaps[region].mean())
    return found
