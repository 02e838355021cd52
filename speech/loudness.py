"""Loudness after ITU-R BS.1770-4, in LUFS, in one pass over blocks of any sizes.

Two filters imitate the head and the ear (K-weighting): a shelf of +4 dB above 1.7 kHz and a
high-pass at 38 Hz, the analogue prototypes of the standard's 48 kHz coefficients (De Man, AES 137,
2014), bilinear at any rate and with the gain that they have at 48 kHz. With z_i the mean square of
channel i in blocks of 400 ms that start every 100 ms and weights G_i (1, but 1.41 for surround and
0 for the low-frequency channel),

    l = -0.691 + 10 log10 sum_i G_i z_i                                      (4)

and the loudness is the same formula over the blocks with l > -70 and above their own loudness less
10 (5)-(7). Channels are in the order of WAV files: 5 are L R C Ls Rs, 6 are L R C LFE Ls Rs; of
other numbers every channel has weight 1. A sine of 997 Hz at full scale is -3.01 LUFS.
"""

import math
from array import array

import numpy as np

from undrift.speech.audio.sound import Samples

_SURROUND = {5: (1, 1, 1, 1.41, 1.41), 6: (1, 1, 1, 0, 1.41, 1.41)}
_ABSOLUTE, _RELATIVE = -70.0, -10.0
_PARTS = 4  # of 100 ms in a block


def k_weighting(rate: int) -> np.ndarray:
    """The two filters as second-order sections (2, 6) for `rate`."""
    k = math.tan(math.pi * 1681.974450955533 / rate)
    q, high = 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    a0 = 1 + k / q + k * k
    shelf = [
        (high + band * k / q + k * k) / a0, 2 * (k * k - high) / a0,
        (high - band * k / q + k * k) / a0, 1, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0,
    ]  # fmt: skip
    k, q = math.tan(math.pi * 38.13547087602444 / rate), 0.5003270373238773
    a0 = 1 + k / q + k * k
    standard = math.tan(math.pi * 38.13547087602444 / 48000)
    gain = (1 + standard / q + standard * standard) / a0
    return np.array(
        [shelf, [gain, -2 * gain, gain, 1, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0]]
    )


class LoudnessMeter:
    """Takes blocks (channels, n) at `rate`."""

    def __init__(self, rate: int):
        self.rate = rate
        self._filter = k_weighting(rate)
        self._state: np.ndarray | None = None
        self._rest = np.zeros((0, 0))
        self._sums = array(
            "d"
        )  # weighted squares of every 100 ms, all channels: small numbers in one piece
        self._frames = 0

    def push(self, block: Samples) -> None:
        """Adds samples (channels, n), n >= 0."""
        from scipy.signal import sosfilt

        if self._state is None:
            self._state = np.zeros((2, len(block), 2))
            self._rest = np.zeros((len(block), 0))
        if not block.shape[1]:
            return
        heard, self._state = sosfilt(self._filter, block.astype(np.float64), zi=self._state)
        held = np.concatenate([self._rest, np.square(heard)], 1)
        self._frames += block.shape[1]
        start, first = 0, self._frames - held.shape[1]
        while (end := round((len(self._sums) + 1) * self.rate / 10) - first) <= held.shape[1]:
            self._sums.append(float(self._weights() @ held[:, start:end].sum(1)))
            start = end
        self._rest = held[:, start:].copy()

    def integrated(self) -> float:
        """LUFS of all so far, -inf for silence.

        What is shorter than a block of 400 ms counts as one block.
        """
        if len(self._sums) < _PARTS:
            rest = float(self._weights() @ self._rest.sum(1))
            return _lufs((sum(self._sums) + rest) / max(1, self._frames))
        sums = np.array(self._sums)
        blocks = np.convolve(sums, np.ones(_PARTS), "valid") / (_PARTS * self.rate / 10)
        return _gated(blocks)

    def _weights(self) -> np.ndarray:
        """(channels,) of the standard."""
        return np.array(_SURROUND.get(len(self._rest), (1.0,) * len(self._rest)))


def loudness(samples: Samples, rate: int) -> float:
    """LUFS of a whole sound (channels, n), -inf for silence."""
    meter = LoudnessMeter(rate)
    meter.push(samples)
    return meter.integrated()


def _gated(blocks: np.ndarray) -> float:
    """LUFS of blocks with these weighted mean squares (n,)."""
    loud = blocks[blocks > _mean_square(_ABSOLUTE)]
    if not loud.size:
        return -math.inf
    gate = _lufs(float(loud.mean())) + _RELATIVE
    return _lufs(float(loud[loud > _mean_square(gate)].mean()))


def _lufs(mean_square: float) -> float:
    return -0.691 + 10 * math.log10(mean_square) if mean_square > 0 else -math.inf


def _mean_square(lufs: float) -> float:
    return 10 ** ((lufs + 0.691) / 10)
