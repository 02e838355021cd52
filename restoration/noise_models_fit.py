"""Gain and reading noise of a camera from one picture.

Noise that counts light has var = gain mean + read^2, a straight line. Second differences
(`sigma.details`) and local means are sorted by the mean into classes of equally many pixels; in
each, the half with the least slope at a coarser scale, which holds the least texture, gives a
variance by its median; the line is fitted to them with weights 1 / variance^2, no coefficient
below 0, and variances above the line, where texture is left, count less (Foi et al. 2008 fit the
same line to level sets of a smoothed picture). Classes that clipping reaches are left out, and
those whose mean square is far above the median's variance: too few photons for a median, or edges.
"""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from undrift.common.errors import InputError
from undrift.restoration.sigma import (
    SAFETY,
    check_size,
    details,
    deviation_of,
    is_clipped,
    local_mean,
)

CLASSES = 24
LEAST = 100  # pixels in a class
AWAY = 2.0  # standard deviations between the mean of a class and a clipped end
MIXED = 2.5  # mean square over the median's variance; 1 for normal noise
TOLERANCE = 0.15  # relative excess of a variance that counts half
ROUNDS = 12


def estimate_gain_and_read(
    pixels: Tensor, gain: float | None = None, read: float | None = None
) -> tuple[float, float]:
    """(gain, read) of (1, c, h, w), in its units, `SAFETY` times the deviation; given ones stay.

    All channels are taken to have the same noise. Raises InputError for pictures that are too small
    or that have nowhere enough unclipped pixels.
    """
    check_size(pixels)
    return gain_and_read([classes(plane) for plane in pixels[0].double().numpy()], gain, read)


def gain_and_read(
    found: Sequence[np.ndarray], gain: float | None = None, read: float | None = None
) -> tuple[float, float]:
    """The same from the `classes` of planes, or of parts of them."""
    means, variances = np.concatenate([np.zeros((2, 0)), *found], axis=1)
    if means.size == 0:
        raise InputError(
            "too few unclipped pixels to tell how the noise grows with the light; give gain and "
            "read_noise as numbers"
        )
    slope, level = _line(means, variances, gain, None if read is None else read**2)
    return (
        SAFETY**2 * slope if gain is None else gain,
        SAFETY * level**0.5 if read is None else read,
    )


def classes(plane: np.ndarray) -> np.ndarray:
    """(2, k): mean and variance of the noise, of k classes of equally bright pixels."""
    fine, mean = details(plane), local_mean(plane)
    rough = _slope(plane)
    order = np.argsort(mean, axis=None, kind="stable")
    count = int(np.clip(order.size // LEAST, 1, CLASSES))
    clipped, found, mixed = is_clipped(plane), [], []
    for places in np.array_split(order, count):
        slope = rough.ravel()[places]
        smooth = places[slope <= np.median(slope)]
        values, bright = fine.ravel()[smooth], float(mean.ravel()[smooth].mean())
        sigma = deviation_of(values)
        near = min(bright, 1 - bright) < AWAY * sigma
        if sigma > 0 and not (clipped and near):
            kept = found if np.square(values).mean() < MIXED * sigma**2 else mixed
            kept.append((max(bright, 0.0), sigma**2))
    return np.array(found or mixed).reshape(-1, 2).T


def _line(
    means: np.ndarray, variances: np.ndarray, slope: float | None, level: float | None
) -> tuple[float, float]:
    """Robust (slope, level) >= 0 of variances over means; given ones stay."""
    from scipy.optimize import nnls

    columns = np.stack([means, np.ones_like(means)], 1)
    free = [k for k, given in enumerate((slope, level)) if given is None]
    fixed = np.array([slope or 0.0, level or 0.0])
    if not free:
        return float(fixed[0]), float(fixed[1])
    rest = variances - columns @ fixed
    fitted, weight, found = variances, np.ones_like(variances), fixed.copy()
    for _ in range(ROUNDS):
        root = np.sqrt(weight) / fitted
        part, _ = nnls(columns[:, free] * root[:, None], np.maximum(rest, 0) * root)
        found[free] = part
        fitted = np.maximum(columns @ found, 1e-3 * variances.min())
        excess = np.maximum(variances / fitted - 1, 0) / TOLERANCE
        weight = 1 / (1 + excess**2)
    return float(found[0]), float(found[1])


def _slope(plane: np.ndarray) -> np.ndarray:
    """Size of the gradient of the picture smoothed beyond the scale of `details`."""
    from scipy.ndimage import gaussian_gradient_magnitude

    return gaussian_gradient_magnitude(plane, 1.5)[1:-1, 1:-1]
