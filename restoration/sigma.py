"""How strong the noise is: the robust wavelet estimate, leaning to the upper side.

The median absolute deviation of the finest diagonal wavelet coefficients (Donoho and Johnstone
1994), by scikit-image. Denoising with a sigma that is too small costs far more than with one that
is too large (5/255 too little at 25 costs 1 dB, 5/255 too much 0.4 dB), so the estimate is taken
`SAFETY` times.
"""

import warnings

import numpy as np
from torch import Tensor

from undrift.common.errors import InputError

SAFETY = 1.05
SMALLEST = 8  # pixels a side that the wavelet needs


def estimate_sigma(pixels: Tensor) -> float:
    """Noise of (1, c, h, w) in its own units; 0 where no detail is left, as in a constant.

    Raises InputError for pictures too small to tell.
    """
    height, width = pixels.shape[-2:]
    if min(height, width) < SMALLEST:
        raise InputError(
            f"{width} x {height} pixels are too few to tell the noise (8 x 8 are needed); "
            "give sigma as a number, 0 to leave the picture as it is"
        )
    from skimage.restoration import estimate_sigma as wavelet_estimate

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the median of no coefficients is NaN
        planes = [float(wavelet_estimate(plane)) for plane in pixels[0].double().numpy()]
    finite = [value for value in planes if np.isfinite(value)]
    return SAFETY * float(np.mean(finite)) if finite else 0.0
