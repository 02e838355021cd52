"""What is left tells how well noise was removed where nobody knows the clean picture.

The residual y - x of a perfect restoration is the noise: of white noise it has no correlation
between pixels, a flat spectrum, and nothing in common with the picture. Structure in it was taken
from the picture; correlation at short lags can also be that of the noise itself, so that a residual
is judged beside what is known of the camera.
"""

from dataclasses import dataclass

import numpy as np

from undrift.common.errors import InputError

LAGS = 8
BLOCK = 32  # side of the blocks whose periodograms are averaged


@dataclass(frozen=True)
class Whiteness:
    """deviation: root mean square of the residual, in its unit.

    lags: correlation of pixels 1 .. 8 apart, mean of rows and columns. flatness: geometric over
    arithmetic mean of the spectrum, 1 for white noise. common: correlation with the estimate;
    detail: with the estimate less its mean over 5 x 5 pixels. All are means over the channels.
    """

    deviation: float
    lags: tuple[float, ...]
    flatness: float
    common: float
    detail: float


def whiteness(y: np.ndarray, x: np.ndarray) -> Whiteness:
    """Measures the residual of noisy y and estimate x, both (c, h, w), sides of 32 or more.

    Raises InputError for other shapes, or where the two are equal.
    """
    if y.shape != x.shape or y.ndim != 3 or min(y.shape[1:]) < BLOCK:
        raise InputError(
            f"expected two pictures (c, h, w) of one shape, {BLOCK} x {BLOCK} or larger; got "
            f"{y.shape} and {x.shape}"
        )
    left = y.astype(np.float64) - x
    left -= left.mean((1, 2), keepdims=True)
    if not left.any():
        raise InputError("the estimate is the picture itself: nothing was removed")
    estimate = x.astype(np.float64)
    return Whiteness(
        float(np.sqrt((left**2).mean())),
        tuple(autocorrelation(left, lag) for lag in range(1, LAGS + 1)),
        flatness(left),
        _correlation(left, estimate),
        _correlation(left, estimate - _smooth(estimate)),
    )


def autocorrelation(left: np.ndarray, lag: int) -> float:
    """Of a residual (c, h, w) of mean 0 at one lag, mean of rows, columns and channels."""
    power = (left**2).mean((1, 2))
    across = (left[:, :, lag:] * left[:, :, :-lag]).mean((1, 2))
    down = (left[:, lag:] * left[:, :-lag]).mean((1, 2))
    return float(((across + down) / 2 / power).mean())


def flatness(left: np.ndarray) -> float:
    """Of the periodogram averaged over half-overlapping blocks under a Hann window."""
    window = np.hanning(BLOCK + 2)[1:-1]
    window = np.outer(window, window)
    starts = [range(0, side - BLOCK + 1, BLOCK // 2) for side in left.shape[1:]]
    values = []
    for plane in left:
        blocks = np.stack(
            [plane[i : i + BLOCK, j : j + BLOCK] for i in starts[0] for j in starts[1]]
        )
        power = (np.abs(np.fft.fft2(blocks * window)) ** 2).mean(0)
        power = np.delete(power.ravel(), 0) + 1e-30  # without the mean
        values.append(np.exp(np.log(power).mean()) / power.mean())
    return float(np.mean(values))


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Mean over channels of Pearson's coefficient; 0 for a constant."""
    a, b = (v - v.mean((1, 2), keepdims=True) for v in (a, b))
    both = np.sqrt((a**2).mean((1, 2)) * (b**2).mean((1, 2)))
    return float(((a * b).mean((1, 2)) / np.maximum(both, 1e-30)).mean())


def _smooth(x: np.ndarray) -> np.ndarray:
    from scipy.ndimage import uniform_filter

    return np.stack([uniform_filter(plane, 5) for plane in x])
