"""What a room's impulse response h tells: how long it rings, and how much of it is direct sound.

Energy decay (Schroeder 1965): E(t) = integral of h² from t to the end. The reverberation time T60
is 60 dB over the slope of 10 lg E, fitted by least squares between -5 dB and -25 dB (T20) or -35 dB
(T30), as in ISO 3382-1. For h = exp(-c t) exactly, T60 = 3 ln 10 / c. A response that ends or sinks
into noise before the lower limit has no T60; limits closer to 0 can be given. DRR is the energy
within 2.5 ms about the largest peak over that of all later samples (Zahorik 2002), in dB.
"""

from typing import Any

import numpy as np

from undrift.common.errors import InputError
from undrift.speech.metrics.signals import decibels, samples_of

DIRECT = 0.0025  # seconds


def energy_decay(response: Any) -> np.ndarray:
    """10 lg of the energy still to come, in dB of the whole, (n,) for a response (n,).

    Raises InputError for another shape, silence, and values that are not finite.
    """
    h = _one(response)
    left = np.cumsum(h[::-1] ** 2)[::-1]
    with np.errstate(divide="ignore"):
        return 10 * np.log10(left / left[0])


def t60(response: Any, rate: float, *, limits: tuple[float, float] = (-5.0, -25.0)) -> float:
    """Reverberation time in seconds of an impulse response (n,) at `rate` Hz.

    limits: of the fit, in dB. Raises InputError as `energy_decay`, and where fewer than three
    samples lie between the limits or the energy never falls below the lower one.
    """
    decay = energy_decay(response)
    upper, lower = limits
    inside = np.flatnonzero((decay <= upper) & (decay >= lower))
    if len(inside) < 3 or not (decay < lower).any():
        raise InputError(
            f"the response has {len(inside)} samples between {upper:g} and {lower:g} dB; "
            "give a longer response or other limits"
        )
    slope = np.polyfit(inside / rate, decay[inside], 1)[0]
    return float(-60 / slope)


def drr(response: Any, rate: float) -> float:
    """Direct to reverberant energy in dB of an impulse response (n,) at `rate` Hz.

    inf for a response that is all direct. Raises InputError as `energy_decay`.
    """
    h = _one(response)
    peak, reach = int(np.abs(h).argmax()), round(DIRECT * rate)
    direct = h[max(0, peak - reach) : peak + reach + 1]
    later = h[peak + reach + 1 :]
    return decibels(float(direct @ direct), float(later @ later))


def _one(response: Any) -> np.ndarray:
    h = samples_of(response, "the response")
    if len(h) != 1 or not h.any():
        raise InputError("expected one impulse response (n,) that is not silent; take one channel")
    return h[0]
