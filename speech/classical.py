"""Two filters without a network, for comparison: the Wiener gain and spectral subtraction.

Both need the power N of the noise in every bin, tracked from what comes (Gerkmann & Hendriks 2012):

    p = 1 / (1 + (1 + xi) exp(-|X|^2/N xi / (1 + xi)))      chance of speech, xi = 15 dB; Eq. (18)
    N <- 0.8 N + 0.2 (p N + (1 - p) |X|^2)                  Eqs. (8) and (22)

p is held below 0.99 where it has long been high, so that N cannot get stuck.

    wiener                 G = x / (1 + x), x <- 0.98 G^2 |X|^2/N + 0.02 max(|X|^2/N - 1, 0)
                           the "decision-directed" rule of Ephraim & Malah (1984), Eq. (51)
    spectral-subtraction   G^2 = 1 - a N/|X|^2, a = 4 - 3/20 of the ratio in dB, 1 to 5
                           Berouti et al. (1979)

Each looks at the past only, and needs no level of its own; G is at least 0.1 (-20 dB).
"""

import torch
from torch import Tensor

from undrift.common.errors import UsageError, nearest
from undrift.speech.spectrogram import Spectrogram, to_channels, to_complex

METHODS = ("wiener", "spectral-subtraction")
LEAST = 0.1  # gain
_XI = 10**1.5  # ratio of speech to noise where speech is, 15 dB
_FIRST = 8  # frames that are taken for noise


class NoisePower:
    """Power of the noise in each bin, frame by frame; powers are (b, bins).

    first: that of the noise before, where it is known; else the first frames are taken for noise.
    """

    def __init__(self, first: Tensor | None = None) -> None:
        self._seen = 0 if first is None else _FIRST
        self._noise = torch.zeros(0) if first is None else first
        self._long = torch.zeros_like(self._noise)  # the chance of speech, averaged over time

    def update(self, power: Tensor) -> Tensor:
        """Takes the power of the next frame; returns that of the noise."""
        if not self._seen:
            self._noise = power.clone()
            self._long = torch.zeros_like(power)
        if not bool(power.any()):  # digital silence tells nothing
            return self._noise
        self._seen += 1
        if self._seen <= _FIRST:
            self._noise = self._noise + (power - self._noise) / self._seen
            return self._noise
        ratio = power / self._noise.clamp(min=1e-12)
        chance = 1 / (1 + (1 + _XI) * torch.exp(-(ratio * _XI / (1 + _XI)).clamp(max=80)))
        self._long = 0.9 * self._long + 0.1 * chance
        chance = torch.where(self._long > 0.99, chance.clamp(max=0.99), chance)
        guess = chance * self._noise + (1 - chance) * power
        self._noise = 0.8 * self._noise + 0.2 * guess
        return self._noise


class Classical:
    """A stage: real frames (b, 2, bins, n) in, the same with a gain a bin out, at once.

    Raises UsageError for an unknown method.
    """

    def __init__(self, method: str, spectrogram: Spectrogram):
        if method not in METHODS:
            raise UsageError(
                f"method {method!r} is not one of {', '.join(METHODS)}{nearest(method, METHODS)}"
            )
        self.method, self.spectrogram = method, spectrogram
        self.noise = NoisePower()
        self._before = torch.zeros(())  # G^2 |X|^2/N of the frame before

    def push(self, frames: Tensor) -> Tensor:
        """The frames, filtered."""
        X = self.spectrogram.expand(to_complex(frames))
        power = X.real.square() + X.imag.square()
        gains = [self._gain(power[..., index]) for index in range(X.shape[-1])]
        if not gains:
            return frames
        return to_channels(self.spectrogram.compress(X * torch.stack(gains, -1)))

    def finish(self) -> Tensor:
        """Nothing is held."""
        return torch.zeros(0)

    def _gain(self, power: Tensor) -> Tensor:
        ratio = power / self.noise.update(power).clamp(min=1e-12)
        if self.method == "wiener":
            x = 0.98 * self._before + 0.02 * (ratio - 1).clamp(min=0)
            gain = x / (1 + x)
            self._before = gain.square() * ratio
            return gain.clamp(min=LEAST)
        decibels = 10 * torch.log10(ratio.clamp(min=1e-6))
        more = (4 - 0.15 * decibels).clamp(1, 5)
        return (1 - more / ratio.clamp(min=1e-6)).clamp(min=LEAST**2).sqrt()
