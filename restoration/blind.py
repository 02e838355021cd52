"""The point-spread function of a picture, estimated from the picture alone.

From coarse to fine, in turn (Xu, Zheng & Jia 2013, "Unnatural L0 sparse representation for natural
image deblurring", Eqs. 4-9): a picture of few edges,

    x = argmin |k * x - y|^2 + lam |grad x|_0,

by half-quadratic splitting, whose two moves are a division in the Fourier domain and a hard
threshold; and the kernel that blurs its edges into those of y,

    k = argmin |k * grad x - grad y|^2 + gamma |k|^2,

then cut off below a twentieth of its peak, centred, and brought to sum 1. The picture x is a means:
`deblur` improves the kernel in turn with a picture that the prior restores
(`undrift.common.posterior.blind`), and restores the result with the kernel it ends with.
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from undrift.common.errors import InputError, UsageError
from undrift.restoration.spectra import slopes, transfer

LAMBDA, GAMMA = 4e-3, 2.0
ROUNDS = 5  # of picture and kernel at each scale
STEP = math.sqrt(0.5)  # between scales
LARGEST = 25  # pixels of the kernel, unless a size is named
SMALLEST = 3  # pixels of the kernel at the coarsest scale


def estimate_psf(pixels: Tensor, size: int | None = None) -> Tensor:
    """A kernel of at most size x size pixels of pixels (1, c, h, w); float64, sum 1.

    A large size on a small picture finds specks; None is a seventh of the shorter side, at most 25.

    Raises UsageError for a size that is not odd and at least 3, and InputError for a picture that
    is smaller than three kernels, or without any edge.
    """
    if size is None:
        size = max(SMALLEST, min(LARGEST, min(pixels.shape[2:]) // 7 // 2 * 2 + 1))
    if size < 3 or size % 2 == 0:
        raise UsageError(f"psf_size {size}: expected an odd number of pixels from 3")
    plane = pixels[0].double().mean(0).numpy()
    if min(plane.shape) < 3 * size:
        raise InputError(
            f"a picture of {plane.shape[1]} x {plane.shape[0]} pixels is too small to estimate a "
            f"point-spread function of {size}; give psf_size of at most {min(plane.shape) // 3}"
        )
    if float(np.ptp(plane)) < 1e-3:
        raise InputError("the picture has no edges that could show the blur; give the psf")
    return estimate_kernel(plane, size)


def estimate_kernel(blurred: np.ndarray, size: int) -> Tensor:
    """The kernel (size, size) of a grey picture (h, w)."""
    scales = max(0, math.floor(math.log(SMALLEST / size) / math.log(STEP)))
    kernel = np.zeros((SMALLEST, SMALLEST))
    kernel[1, 1:] = 0.5
    for scale in range(scales, -1, -1):
        share = STEP**scale
        wide = max(SMALLEST, 2 * round((size * share - 1) / 2) + 1)
        y = _resized(blurred, [max(8, round(n * share)) for n in blurred.shape])
        kernel = _clean(_resized(kernel, [wide, wide]))
        lam = LAMBDA
        for _ in range(ROUNDS):
            x = _few_edges(y, kernel, lam)
            kernel = _clean(_kernel_step(x, y, wide))
            lam = max(lam / 1.1, 1e-4)
    return torch.from_numpy(kernel)


def centred(kernel: Tensor) -> Tensor:
    """The kernel (n, n) moved so that its mean is at its centre, by parts of pixels too; sum 1.

    A moved kernel with a picture moved the other way explains the data as well.
    """
    from scipy.ndimage import shift

    values = kernel.numpy()
    place = [np.arange(n) - n // 2 for n in values.shape]
    mean = values.sum(1) @ place[0] / values.sum(), values.sum(0) @ place[1] / values.sum()
    moved = np.clip(shift(values, [-float(c) for c in mean], order=1), 0, None)
    return torch.from_numpy(moved / moved.sum())


def _few_edges(y: np.ndarray, kernel: np.ndarray, lam: float) -> np.ndarray:
    """x of the first equation; y is continued so that it is periodic."""
    margin = max(kernel.shape)
    wide = np.pad(y, margin, mode="linear_ramp", end_values=float(y.mean()))
    response = transfer(kernel, wide.shape)
    down, right = slopes(wide.shape)
    first = response.conj() * np.fft.rfft2(wide)
    power, bend = np.abs(response) ** 2, np.abs(down) ** 2 + np.abs(right) ** 2
    x, beta = wide, 2 * lam
    while beta < 1e5:
        spectrum = np.fft.rfft2(x)
        edges = [np.fft.irfft2(turn * spectrum, wide.shape) for turn in (down, right)]
        small = edges[0] ** 2 + edges[1] ** 2 < lam / beta  # |g|^2 < lam / beta: not worth an edge
        pulled = sum(
            turn.conj() * np.fft.rfft2(np.where(small, 0, edge))
            for turn, edge in zip((down, right), edges, strict=True)
        )
        x = np.fft.irfft2((first + beta * pulled) / (power + beta * bend), wide.shape)
        beta *= 2
    return x[margin:-margin, margin:-margin]


def _kernel_step(x: np.ndarray, y: np.ndarray, size: int) -> np.ndarray:
    """k of the second equation, cut to size; edges at the frame do not count."""
    fades = [np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 0.5 for n in y.shape]
    window = np.outer(fades[0], fades[1])
    top, below = np.zeros(()), np.full((), GAMMA)
    for axis in (0, 1):
        sharp, soft = (np.fft.rfft2(window * np.asarray(np.gradient(v, axis=axis))) for v in (x, y))
        top = top + sharp.conj() * soft
        below = below + np.abs(sharp) ** 2
    whole = np.fft.irfft2(top / below, y.shape)
    half = size // 2
    return np.roll(whole, (half, half), (0, 1))[:size, :size]


def _clean(kernel: np.ndarray) -> np.ndarray:
    """Without negative and faint values and far specks, centred by its mean, sum 1."""
    from scipy.ndimage import label, shift
    from scipy.ndimage import sum as sums

    kernel = np.where(kernel < 0.05 * kernel.max(), 0, kernel)
    labelled: Any = label(kernel > 0, structure=np.ones((3, 3)))
    parts, count = labelled
    weights = np.asarray(sums(kernel, parts, range(1, count + 1)))
    kernel = np.where(np.isin(parts, 1 + np.flatnonzero(weights > 0.1 * kernel.sum())), kernel, 0)
    total = kernel.sum()
    if not total > 0:
        kernel = np.zeros_like(kernel)
        kernel[kernel.shape[0] // 2, kernel.shape[1] // 2] = total = 1.0
    place = [np.arange(n) - n // 2 for n in kernel.shape]
    centre = [(kernel.sum(1) @ place[0]) / total, (kernel.sum(0) @ place[1]) / total]
    kernel = np.clip(shift(kernel, [-round(c) for c in centre], order=0), 0, None)
    return kernel / kernel.sum()


def _resized(x: np.ndarray, size: list[int]) -> np.ndarray:
    from undrift.common.resize import bicubic

    if list(x.shape) == size:
        return x
    return bicubic(torch.from_numpy(np.ascontiguousarray(x))[None], (size[0], size[1]))[0].numpy()
