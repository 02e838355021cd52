"""What `lesion(histogram=...)` takes: a name, mean and deviation, a lesion to copy, or shares."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from undrift.common.errors import UsageError, nearest
from undrift.medical.intensity import IntensityMap
from undrift.medical.lesions.histogram import BINS, Shares, checked, measure, of_normal

# Name -> parts (share, mean, deviation) of nodules of the lung, HU.
TEXTURES: Mapping[str, tuple[tuple[float, float, float], ...]] = {
    "solid": ((1.0, 10.0, 60.0),),
    "part-solid": ((0.75, -480.0, 90.0), (0.25, 0.0, 90.0)),
    "ground-glass": ((1.0, -600.0, 60.0),),
}


def shares_of(histogram: Any, window: IntensityMap, texture_of: Any = None) -> Shares:
    """16 shares of the numbers of the network, by the window that brings values to numbers.

    histogram: a name of TEXTURES; {"mean": HU, "deviation": HU}; or 16 shares. texture_of: a pair
    (values, mask) of a lesion to copy, instead. Raises UsageError and InputError.
    """
    if texture_of is not None:
        values, mask = texture_of
        return measure(window.forward(np.asarray(values, np.float32)), mask)
    if isinstance(histogram, str):
        if histogram not in TEXTURES:
            raise UsageError(
                f"histogram {histogram!r}{nearest(histogram, TEXTURES)}; there are "
                f"{', '.join(TEXTURES)}, or give a mean and a deviation, or {BINS} shares"
            )
        return sum((share * _normal(window, mean, spread) for share, mean, spread in
                    TEXTURES[histogram]), np.zeros(BINS))  # fmt: skip
    if isinstance(histogram, Mapping):
        if set(histogram) != {"mean", "deviation"}:
            raise UsageError(
                f"histogram with {', '.join(map(str, histogram))}; expected mean and deviation"
            )
        return _normal(window, float(histogram["mean"]), float(histogram["deviation"]))
    if isinstance(histogram, Sequence | np.ndarray):
        return checked(histogram)
    raise UsageError(f"histogram: expected a name, a mapping or {BINS} shares, got {histogram!r}")


def _normal(window: IntensityMap, mean: float, deviation: float) -> Shares:
    """Of a law of values, in the numbers of the window, which is affine inside."""
    ends = window.forward(np.array([mean, mean + deviation], np.float32))
    low, high = _ends(window)
    return of_normal(float(ends[0]), max(2 * deviation / (high - low), 1e-6))


def _ends(window: IntensityMap) -> tuple[float, float]:
    record = window.record()
    return float(record["low"]), float(record["high"])
