"""How strong the noise is: a robust estimate that leans to the upper side.

The median absolute second difference along both axes, Immerkaer's mask (1996) of unit norm, over
0.6745: exact for white Gaussian noise on anything that bends little over three pixels; texture adds
to it. Denoising with a sigma that is too small costs far more than with one that is too large
(5/255 too little at 25 costs 1 dB, 5/255 too much 0.4 dB), so the estimate is taken `SAFETY` times.

Stored pictures are clipped, which halves the noise of the darkest and brightest places: where a
picture has a share of values at its ends, only places are looked at whose mean is some standard
deviations away from them.
"""

import numpy as np
from torch import Tensor

from undrift.common.errors import InputError

SAFETY = 1.05
SMALLEST = 8  # pixels a side
CLIPPED = 1e-3  # share of values at the ends above which a picture counts as clipped
WINDOW = 7  # pixels a side, of the local mean
_AWAY = (2.0, 1.5, 1.0, 0.5)  # standard deviations from the ends, the first that leaves enough
_ENOUGH = 0.02  # share of the pixels
_MEDIAN = 0.6744897501960817  # of |z|, z ~ N(0, 1)


def estimate_sigma(pixels: Tensor) -> float:
    """Noise of (1, c, h, w) in its own units, the mean of the channels; 0 for a constant.

    Raises InputError for pictures too small to tell.
    """
    check_size(pixels)
    return SAFETY * float(np.mean([_of_plane(plane) for plane in pixels[0].double().numpy()]))


def check_size(pixels: Tensor) -> None:
    """Raises InputError for pictures too small to tell their noise."""
    height, width = pixels.shape[-2:]
    if min(height, width) < SMALLEST:
        raise InputError(
            f"{width} x {height} pixels are too few to tell the noise (8 x 8 are needed); "
            "give sigma as a number, 0 to leave the picture as it is"
        )


def details(plane: np.ndarray) -> np.ndarray:
    """Second differences (h - 2, w - 2) along both axes, of the deviation of white noise."""
    return _second(_second(plane, 0), 1) / 6  # the mask (1, -2, 1)^T (1, -2, 1) has the norm 6


def deviation_of(values: np.ndarray) -> float:
    """Standard deviation from the median of |values|; exact zeros tell nothing, 0 if all are."""
    seen = np.abs(values[values != 0])
    return float(np.median(seen)) / _MEDIAN if seen.size else 0.0


def is_clipped(plane: np.ndarray) -> bool:
    """Whether many values lie at 0 or 1, and none beyond."""
    if plane.min() < 0 or plane.max() > 1:
        return False
    return float(np.mean((plane == 0) | (plane == 1))) > CLIPPED


def local_mean(plane: np.ndarray) -> np.ndarray:
    """Mean around each of the places of `details`."""
    from scipy.ndimage import uniform_filter

    return uniform_filter(plane, WINDOW)[1:-1, 1:-1]


def _of_plane(plane: np.ndarray) -> float:
    fine = details(plane)
    sigma = deviation_of(fine)
    if not is_clipped(plane):
        return sigma
    mean = local_mean(plane)
    for _ in range(4):  # the places depend on the estimate and it on them
        for away in _AWAY:
            inside = (mean > away * sigma) & (mean < 1 - away * sigma)
            if inside.mean() > _ENOUGH:
                break
        else:
            return sigma
        sigma = deviation_of(fine[inside]) or sigma
    return sigma


def _second(values: np.ndarray, axis: int) -> np.ndarray:
    return np.diff(values, 2, axis)
