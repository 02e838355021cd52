"""A look-ahead limiter that leaves everything alone but peaks beyond full scale.

With p[n] the largest |sample| of all channels, the gain a sample needs is r = ceiling / p where
p > 1, else 1. m is the least r within +-L of a sample, and the gain is its smooth mean

    g[n] = 1 - sum_k w[k] (1 - m[n - k]),   |k| <= L,  w >= 0,  sum w = 1  (a Hann window):

every m[n - k] that enters is at most r[n], so that no peak passes, and farther than 2 L from the
next peak g is exactly 1 and the samples come out unchanged, to the bit.
"""

from typing import TYPE_CHECKING

import numpy as np
import torch

from undrift.speech.windows import Windows

if TYPE_CHECKING:  # the package of sound files imports this module
    from undrift.speech.audio.sound import Samples

CEILING = 1 - 2.0**-15  # the largest number 16 bits hold
_REACH = 0.01  # seconds: L
_SIZE = 4096


class Limiter:
    """Block by block, with one gain for all channels; delays by `latency` samples and its window.

    limited: samples a channel made smaller so far. reduction_db: the most that was taken, >= 0.
    """

    def __init__(self, rate: int, ceiling: float = CEILING):
        self.limited, self.reduction_db = 0, 0.0
        self._reach = max(1, round(_REACH * rate))
        self._ceiling = ceiling
        self._windows = Windows(_SIZE, 2 * self._reach, 2 * self._reach)
        self._out = 0
        hann = np.hanning(2 * self._reach + 3)[1:-1]
        self._weights = hann / hann.sum()

    @property
    def latency(self) -> int:
        """Samples after a sample that its gain depends on."""
        return 2 * self._reach

    def push(self, block: "Samples") -> "Samples":
        """Takes (channels, n), returns what is ready (channels, m), m >= 0."""
        windows = self._windows.push(torch.from_numpy(block))
        return self._joined([self._limit(window.numpy()) for window in windows], block)

    def finish(self) -> "Samples":
        """The rest: as many samples come out as went in."""
        left = self._windows.pushed - self._out
        parts = [self._limit(window.numpy(), left) for window in self._windows.finish()]
        return np.concatenate(parts, 1)[:, :left] if parts else np.zeros((0, 0), np.float32)

    def _joined(self, parts: "list[Samples]", like: "Samples") -> "Samples":
        joined = np.concatenate([like[:, :0], *parts], 1)
        self._out += joined.shape[1]
        return joined

    def _limit(self, window: "Samples", left: int = _SIZE) -> "Samples":
        middle = window[:, 2 * self._reach : 2 * self._reach + _SIZE]
        peak = np.abs(window).max(0).astype(np.float64)
        if peak.max() <= 1:
            return middle
        from scipy.ndimage import correlate1d, minimum_filter1d

        needed = np.where(peak > 1, self._ceiling / np.maximum(peak, 1e-30), 1.0)
        taken = 1 - minimum_filter1d(needed, 2 * self._reach + 1, mode="constant", cval=1.0)
        gain = 1 - correlate1d(taken, self._weights, mode="constant")
        gain = gain[2 * self._reach : 2 * self._reach + _SIZE]
        own = gain[:left]
        self.limited += int((own < 1).sum())
        if own.size:
            self.reduction_db = max(self.reduction_db, float(-20 * np.log10(own.min())))
        limited = (middle * gain).astype(np.float32)
        return np.where(gain < 1, limited.clip(-self._ceiling, self._ceiling), middle)


def limit(samples: "Samples", rate: int, ceiling: float = CEILING) -> "Samples":
    """A whole sound (channels, n) at once; equal to any division into blocks."""
    limiter = Limiter(rate, ceiling)
    parts = [limiter.push(samples), limiter.finish()]
    return np.concatenate(parts, 1) if samples.shape[1] else samples
