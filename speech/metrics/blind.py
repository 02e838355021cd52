"""Signal to noise of a recording alone, without a reference.

The power of the noise at each frequency is followed by the estimator of Gerkmann and Hendriks
(2012): with y = |Y|² and the noise N so far, the probability that speech is present, for a fixed
prior signal to noise of 15 dB (xi = 10^1.5), and the new power are

    p = 1 / (1 + (1 + xi) exp(-y/N xi/(1 + xi)))          (eq. 18)
    N <- 0.8 N + 0.2 ((1 - p) y + p N)                    (eqs. 22, 8)

Where p stays near 1 (its running mean above 0.99) it is held at 0.99, so that N cannot be locked
(eqs. 23, 24). N starts from the tenth percentile over the first second. Estimated is the share of
what is stationary beside speech; music and voices in the background count as speech.
"""

from typing import Any

import numpy as np

from undrift.common.errors import InputError
from undrift.speech.metrics.signals import decibels, framed, samples_of

FRAME = 0.032  # seconds, half overlap
PRIOR = 10**1.5
HELD = 0.99
LOW, HIGH = -20.0, 80.0  # dB, of what is told
# For noise alone y is exponentially distributed: its quantile q is -ln(1 - q) of its mean.
QUANTILE = 0.1
BIAS = -np.log(1 - QUANTILE)


def estimate_snr(signal: Any, rate: float) -> float:
    """Estimated signal to noise in dB, -20 to 80, of a recording at `rate` Hz.

    signal: (n,), or (channels, n), of which the mean is taken.
    Raises InputError for silence, less than half a second, and values that are not finite.
    """
    samples, length = samples_of(signal, "the recording"), round(FRAME * rate)
    if samples.shape[1] < 0.5 * rate or not samples.any():
        raise InputError("an estimate of the noise needs half a second of sound")
    return float(np.mean([_snr(one, length) for one in samples if one.any()]))


def _snr(signal: np.ndarray, length: int) -> float:
    window = np.hanning(length + 1)[:-1]
    total = noise = 0.0
    follow = _Noise()
    frames = framed(signal, length, length // 2)
    for start in range(0, len(frames), 1024):  # bounded memory for hours
        power = np.abs(np.fft.rfft(window * frames[start : start + 1024])) ** 2
        total += float(power.sum())
        noise += float(follow(power))
    return float(np.clip(decibels(max(total - noise, 0.0), noise), LOW, HIGH))


class _Noise:
    """Follows the noise through blocks of powers (frames, frequencies); tells its energy."""

    def __init__(self) -> None:
        self.noise: np.ndarray | None = None
        self.present: Any = 0.5

    def __call__(self, power: np.ndarray) -> float:
        tiny = max(float(power.max()), 1e-30) * 1e-10
        noise = self.noise
        if noise is None:
            noise = np.quantile(power[:62], QUANTILE, axis=0) / BIAS + tiny
        energy = 0.0
        for y in power:
            exponent = np.minimum(y / noise * PRIOR / (1 + PRIOR), 200)
            present = 1 / (1 + (1 + PRIOR) * np.exp(-exponent))
            self.present = 0.9 * self.present + 0.1 * present
            present = np.where(self.present > HELD, np.minimum(present, HELD), present)
            noise = 0.8 * noise + 0.2 * ((1 - present) * y + present * noise) + 0.2 * tiny
            energy += float(noise.sum())
        self.noise = noise
        return energy
