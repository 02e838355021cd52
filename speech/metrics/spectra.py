"""Log-spectral distance, and perceptual quality where its package is installed.

LSD: powers P of frames of 32 ms (Hann window, a quarter of it from one to the next), in dB,

    LSD = mean over frames t of sqrt( mean over frequencies f of (10 lg P(t,f) - 10 lg P^(t,f))² ),

0 for equal signals, |20 lg g| for one that is g times the other (Gray and Markel 1976; Cohen and
Gannot 2008). Powers below the loudest of the reference by more than 80 dB count as 80 dB below it,
so that digital silence is not infinitely far from faint noise. Smaller is better.

PESQ is ITU-T P.862.2, wide band, about 1 to 4.64, larger is better, computed by the package `pesq`.
"""

from typing import Any

import numpy as np

from undrift.common.errors import InputError, require
from undrift.speech.metrics.signals import framed, per_channel

FRAME = 0.032  # seconds
FLOOR = 80.0  # dB
PESQ_RATE = 16_000


def lsd(reference: Any, estimate: Any, rate: float) -> float:
    """Log-spectral distance in dB of signals (n,) or (channels, n) at `rate` Hz.

    Mean over channels. Raises InputError for shapes that differ, values that are not finite, a
    silent reference, and signals shorter than 32 ms.
    """
    length = round(FRAME * rate)
    window = np.hanning(length + 1)[:-1]

    def powers(signal: np.ndarray) -> np.ndarray:
        return np.abs(np.fft.rfft(window * framed(signal, length, length // 4))) ** 2

    def score(s: np.ndarray, e: np.ndarray) -> float:
        if len(s) < length or not s.any():
            raise InputError(f"LSD needs a reference that sounds, of {length} samples or more")
        first, second = powers(s), powers(e)
        floor = first.max() * 10 ** (-FLOOR / 10)
        difference = 10 * np.log10(np.maximum(first, floor) / np.maximum(second, floor))
        return float(np.sqrt((difference**2).mean(axis=1)).mean())

    return per_channel(score, reference, estimate)


def pesq(reference: Any, estimate: Any, rate: float) -> float:
    """Wide-band PESQ of signals (n,) or (channels, n) at 16 kHz, mean over channels.

    Raises MissingExtraError without the package `pesq`, and InputError for another rate, shapes
    that differ, or where it finds no speech.
    """
    package = require("pesq")
    if rate != PESQ_RATE:
        raise InputError(f"wide-band PESQ is defined at 16000 Hz, the files have {rate:g}")

    def score(s: np.ndarray, e: np.ndarray) -> float:
        # The package scales by the larger peak of both and dies of a division where there is none.
        if not (s.any() and e.any()):
            raise InputError("PESQ finds no speech: a signal is silent")
        try:
            return float(package.pesq(PESQ_RATE, s, e, "wb"))
        except package.PesqError as error:
            text = error.args[0] if error.args else type(error).__name__
            text = text.decode() if isinstance(text, bytes) else text
            raise InputError(f"PESQ: {text}") from error

    return per_channel(score, reference, estimate)
