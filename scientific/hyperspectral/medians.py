"""Medians that leave missing values out, band by band, so that only a band is copied at a time."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def median(values: Array, axis: int = 0) -> Array:
    """Medians along an axis without NaN; NaN where nothing is left."""
    ordered = np.sort(values, axis)  # NaN last
    count = np.isfinite(values).sum(axis)
    low, high = (np.maximum(n, 0) for n in ((count - 1) // 2, count // 2))
    first, second = (
        np.take_along_axis(ordered, np.expand_dims(n, axis), axis).squeeze(axis)
        for n in (low, high)
    )
    return np.where(count > 0, (first + second) / 2, np.nan)


def spread(band: Array) -> float:
    """Robust standard deviation of the values of a band that are there; 0 without any."""
    flat = band.reshape(-1)
    return float(np.nan_to_num(1.4826 * median(abs(flat - median(flat)))))
