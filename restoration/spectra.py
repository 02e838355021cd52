"""Half spectra (of `numpy.fft.rfft2`) of kernels and of differences on a periodic grid."""

import numpy as np


def transfer(kernel: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Of a kernel (k, l) whose centre, at size // 2, is put at 0."""
    big = np.zeros(size)
    big[: kernel.shape[0], : kernel.shape[1]] = kernel
    return np.fft.rfft2(np.roll(big, [-(k // 2) for k in kernel.shape], (0, 1)))


def slopes(size: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Of x(i + 1, j) - x(i, j), (h, 1), and of x(i, j + 1) - x(i, j), (1, w // 2 + 1)."""
    down = np.exp(2j * np.pi * np.fft.fftfreq(size[0]))[:, None] - 1
    right = np.exp(2j * np.pi * np.fft.rfftfreq(size[1]))[None] - 1
    return down, right
