"""Decay curves of impulse responses: Schroeder's backward integration and the reverberation time.

The energy that is still to come after t, E(t) = int_t^inf h^2, falls linearly in decibels in a
diffuse room (Schroeder 1965). T60 is the time of a 60 dB fall, extrapolated from the line fitted
between -5 and -35 dB (ISO 3382: T30).
"""

import numpy as np

from undrift.common.errors import InputError


def decay_curve(response: np.ndarray) -> np.ndarray:
    """Schroeder's curve in decibels, 0 at the start: (samples,) -> (samples,) float64.

    Raises InputError for a response of zeros.
    """
    energy = np.cumsum(np.square(response[::-1], dtype=np.float64))[::-1]
    if not energy.size or energy[0] <= 0:
        raise InputError("the impulse response is all zeros; a decay needs some sound")
    return 10 * np.log10(np.maximum(energy / energy[0], 1e-30))


def t60(response: np.ndarray, rate: int, top: float = -5.0, bottom: float = -35.0) -> float:
    """Reverberation time in seconds: 60 dB over the slope of the curve from `top` to `bottom` dB.

    response: (samples,), from the direct sound or the first reflection on. Raises InputError when
    the response ends, or jumps, before two samples lie within the range.
    """
    curve = decay_curve(response)
    inside = np.flatnonzero((curve <= top) & (curve >= bottom))
    if len(inside) < 2 or curve[-1] > bottom:
        raise InputError(
            f"the response of {len(response)} samples has no decay from {top:g} to {bottom:g} dB; "
            "give a longer response, or a smaller range"
        )
    t = inside / rate
    slope = np.polyfit(t - t.mean(), curve[inside], 1)[0]
    return float(-60 / slope)
