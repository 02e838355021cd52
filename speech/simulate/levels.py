"""Mixtures at a signal-to-noise ratio, and the levels they rest on.

Speech pauses, so its power over a file says little about how loud it is spoken. The ratio of a
mixture is therefore the active power of the speech, as `undrift.speech.levels` measures it (pauses
do not count, and neither does a click), over the mean power of the noise.
"""

from typing import Any

import numpy as np

from undrift.common.errors import InputError, UsageError, nearest
from undrift.speech.levels import FRAME, active_mean
from undrift.speech.loudness import LoudnessMeter
from undrift.speech.metrics.signals import decibels

RATIOS = ("active", "power", "loudness")


def active_power(speech: np.ndarray, rate: int) -> float:
    """Active power of `speech` (samples,), full scale 1; 0 for silence (below -80 dB).

    Less than a frame counts as one frame.
    """
    return active_mean(frame_powers(speech, rate))


def frame_powers(speech: np.ndarray, rate: int) -> np.ndarray:
    """Mean power of the whole frames of `speech` (samples,), float64."""
    size = max(1, min(round(FRAME * rate), len(speech)))
    x = np.asarray(speech[: len(speech) // size * size], np.float64).reshape(-1, size)
    return np.einsum("ij,ij->i", x, x) / size


def trimmed(speech: np.ndarray, rate: int, depth: float = 40.0, keep: float = 0.05) -> np.ndarray:
    """`speech` without the quiet before and after it: a view of (samples,).

    Quiet is `depth` dB below the active level; `keep` seconds of it stay on either side.
    """
    powers = frame_powers(speech, rate)
    loud = np.flatnonzero(powers > active_power(speech, rate) * 10 ** (-depth / 10))
    if not loud.size:
        return speech
    size, spare = max(1, min(round(FRAME * rate), len(speech))), round(keep * rate)
    end = (loud[-1] + 1) * size + spare
    return speech[max(0, loud[0] * size - spare) : end if loud[-1] + 1 < len(powers) else None]


def floor_db(speech: np.ndarray, rate: int) -> float:
    """The background of a recording: its quietest frames (5 %) in dB below its active level.

    A studio recording with pauses is below -50; without a pause the number says nothing.
    """
    powers = frame_powers(speech, rate)
    active = active_power(speech, rate)
    if not powers.size or active <= 0:
        return 0.0
    return float(10 * np.log10(max(float(np.quantile(powers, 0.05)), 1e-20) / active))


def snr(speech: np.ndarray, noise: np.ndarray, rate: int, by: str = "active") -> float:
    """The ratio in decibels of speech to noise, both (samples,), full scale 1.

    by: "active", as this module says; "power", mean power over mean power; "loudness", the
    difference in LUFS. inf without noise, -inf without speech. Raises UsageError for another word.
    """
    if by not in RATIOS:
        raise UsageError(f"unknown ratio {by!r}; expected {', '.join(RATIOS)}{nearest(by, RATIOS)}")
    if by == "loudness":
        heard, disturbing = (_loudness(x, rate) for x in (speech, noise))
        return float("inf") if disturbing == -np.inf else heard - disturbing
    power = active_power(speech, rate) if by == "active" else _mean_power(speech)
    return decibels(power, _mean_power(noise))


def noise_gain(
    speech: np.ndarray, noise: np.ndarray, snr_db: float, rate: int, by: str = "active"
) -> float:
    """The factor of `noise` that makes the ratio `snr_db`; 1 when either is silent."""
    now = snr(speech, noise, rate, by)
    return float(10 ** ((now - snr_db) / 20)) if np.isfinite(now) else 1.0


def mix(
    speech: Any, noise: Any, snr_db: float, rate: int, rir: Any = None, *, by: str = "active"
) -> tuple[np.ndarray, np.ndarray]:
    """(reverberant speech, the same plus noise) at the asked ratio, both float64 (samples,).

    speech, noise: (samples,) of equal length; noise is scaled, speech is not. rir: (n,), convolved
    with the speech before the ratio is set. Raises InputError when the shapes differ.
    """
    s, n = np.asarray(speech, np.float64), np.asarray(noise, np.float64)
    if s.ndim != 1 or s.shape != n.shape:
        raise InputError(
            f"speech has shape {s.shape} and noise {n.shape}; expected two equal (samples,)"
        )
    if rir is not None:
        s = reverberated(s, np.asarray(rir, np.float64))
    return s, s + noise_gain(s, n, snr_db, rate, by) * n


def reverberated(speech: np.ndarray, response: np.ndarray) -> np.ndarray:
    """speech * response, cut to the length of the speech: float64 (samples,)."""
    from scipy.signal import oaconvolve

    if not len(speech):
        return np.zeros(0)
    return oaconvolve(np.asarray(speech, np.float64), response)[: len(speech)]


def _mean_power(x: np.ndarray) -> float:
    return float(np.mean(np.square(x, dtype=np.float64))) if len(x) else 0.0


def _loudness(x: np.ndarray, rate: int) -> float:
    meter = LoudnessMeter(rate)
    meter.push(np.asarray(x, np.float32)[None])
    return meter.integrated()
