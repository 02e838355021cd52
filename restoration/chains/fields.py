"""Smooth random fields: noise whose amplitude falls as a power of the frequency."""

import numpy as np


def fractal(size: tuple[int, int], power: float, rng: np.random.Generator) -> np.ndarray:
    """(h, w) float64 from 0 to 1: white noise times 1 / f^(power / 2), f in cycles a side.

    The field is that of the shorter side's scale, so that its features grow with the picture; it
    is cut from one twice as large, since the spectrum makes it periodic.
    """
    tall, wide = (2 * n for n in size)
    rows = np.fft.fftfreq(tall)[:, None]
    columns = np.fft.rfftfreq(wide)[None]
    f = np.hypot(rows, columns)
    f[0, 0] = 1.0
    spectrum = np.fft.rfft2(rng.standard_normal((tall, wide))) / f ** (power / 2)
    spectrum[0, 0] = 0
    field = np.fft.irfft2(spectrum, (tall, wide))[: size[0], : size[1]]
    low, high = field.min(), field.max()
    return (field - low) / (high - low) if high > low else np.full(size, 0.5)
