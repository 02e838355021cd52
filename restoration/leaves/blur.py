"""Separable Gaussian blur of numpy pictures with mirrored borders."""

import numpy as np


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Blur float32 (h, w) or (h, w, c) by a Gaussian of `sigma` pixels, cut at 3 sigma."""
    if sigma <= 0.05:
        return image
    reach = int(np.ceil(3 * sigma))
    t = np.arange(-reach, reach + 1)
    taps = np.exp(-t * t / (2 * sigma * sigma))
    taps = (taps / taps.sum()).astype(np.float32)
    for axis in (0, 1):
        width = [(0, 0)] * image.ndim
        width[axis] = (reach, reach)
        padded = np.pad(image, width, mode="symmetric")
        length = image.shape[axis]
        out = np.zeros_like(image)
        for k, tap in enumerate(taps):
            out += tap * (padded[k : k + length] if axis == 0 else padded[:, k : k + length])
        image = out
    return image
