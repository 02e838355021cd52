"""The fractions skill score: right amounts nearby count, exact places need not.

    FSS = 1 - mean (P_f - P_o)^2 / (mean P_f^2 + mean P_o^2)

P is the share of points at or above a threshold in a neighbourhood (Roberts & Lean 2008). Rain ten
kilometres off is a double fault point by point, and nearly right here. 1 is perfect, 0 no overlap
at any point.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError

Shape = Literal["square", "disc"]


def fractions_skill_score(
    forecast: npt.ArrayLike,
    observed: npt.ArrayLike,
    threshold: float,
    window: int,
    *,
    shape: Shape = "square",
) -> float:
    """Of (y, x) fields, or of members (m, y, x) whose shares are averaged first.

    window: points across the neighbourhood, odd; it lies wholly inside of the field. shape: squares
    as in the paper, or discs. NaN where neither field ever reaches the threshold. Raises InputError
    for shapes that differ and windows that do not fit.
    """
    f, o = np.asarray(forecast, np.float64), np.asarray(observed, np.float64)
    if f.shape[-2:] != o.shape or o.ndim != 2 or f.ndim not in (2, 3):
        raise InputError(f"a forecast of {f.shape} for {o.shape}; expected (y, x) or (m, y, x)")
    if window % 2 == 0 or not 1 <= window <= min(o.shape):
        raise InputError(f"a window of {window} points; expected an odd one up to {min(o.shape)}")
    above = (f >= threshold).astype(np.float64)
    predicted = _shares(above.mean(0) if f.ndim == 3 else above, window, shape)
    true = _shares((o >= threshold).astype(np.float64), window, shape)
    most = (predicted**2).mean() + (true**2).mean()
    return float(1 - ((predicted - true) ** 2).mean() / most) if most > 0 else float("nan")


def _shares(above: npt.NDArray[np.float64], window: int, shape: Shape) -> npt.NDArray[np.float64]:
    """Means over the neighbourhoods that lie inside."""
    from scipy.signal import fftconvolve

    place = np.arange(window) - window // 2
    kernel = np.ones((window, window))
    if shape == "disc":
        kernel = (np.hypot(place[:, None], place) <= window / 2).astype(np.float64)
    shares = fftconvolve(above, kernel / kernel.sum(), mode="valid")
    return np.clip(shares, 0, 1)
