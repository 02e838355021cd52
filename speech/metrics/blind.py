"""Signal to noise of a recording alone, without a reference.

The power N of the noise in every bin is followed through the frames by the rule of Gerkmann and
Hendriks (`speech.classical.NoisePower`). It starts from what a tenth of the first second's frames
lies below, divided by what that quantile is for noise: powers of noise are exponentially
distributed, so their quantile q is -ln(1 - q) of their mean. Then

    SNR = sum of max(all power - N, 0) over the sum of N,

so what is stationary counts as noise; music and voices in the background count as speech.
"""

import math
from typing import Any

import numpy as np
import torch

from undrift.common.errors import InputError
from undrift.speech.classical import NoisePower
from undrift.speech.metrics.signals import decibels, framed, samples_of

FRAME = 0.032  # seconds, half overlap
LOW, HIGH = -20.0, 80.0  # dB, of what is told
_QUANTILE = 0.1
_BIAS = -math.log(1 - _QUANTILE)
_SECOND = 62  # frames


class SnrMeter:
    """Takes powers (frames, bins) of frames of 32 ms, every 16 ms, block by block.

    The first block should hold a second.
    """

    def __init__(self) -> None:
        self._noise: NoisePower | None = None
        self._total = self._share = 0.0

    def push(self, powers: np.ndarray) -> None:
        """Follows the noise through the frames of a block."""
        if not len(powers):
            return
        rows = torch.from_numpy(np.asarray(powers, dtype=np.float64))
        if self._noise is None:
            least = torch.from_numpy(np.quantile(powers[:_SECOND], _QUANTILE, axis=0) / _BIAS)
            self._noise = NoisePower(least[None].clamp(min=1e-12 * float(powers.max()) + 1e-30))
        self._total += float(rows.sum())
        self._share += sum(float(self._noise.update(row[None]).sum()) for row in rows)

    @property
    def snr(self) -> float | None:
        """dB, -20 to 80; None before any sound."""
        if self._total <= 0:
            return None
        found = decibels(max(self._total - self._share, 0.0), self._share)
        return float(np.clip(found, LOW, HIGH))


def estimate_snr(signal: Any, rate: float) -> float:
    """Estimated signal to noise in dB, -20 to 80, of a recording at `rate` Hz.

    signal: (n,), or (channels, n), of which the mean is taken.
    Raises InputError for silence, less than half a second, and values that are not finite.
    """
    samples, length = samples_of(signal, "the recording"), round(FRAME * rate)
    if samples.shape[1] < 0.5 * rate or not samples.any():
        raise InputError("an estimate of the noise needs half a second of sound")
    window = np.hanning(length + 1)[:-1]
    found = []
    for one in samples:
        meter, frames = SnrMeter(), framed(one, length, length // 2)
        for start in range(0, len(frames), 1024):  # bounded memory for hours
            meter.push(np.abs(np.fft.rfft(window * frames[start : start + 1024])) ** 2)
        found.append(meter.snr)
    return float(np.mean([snr for snr in found if snr is not None]))
