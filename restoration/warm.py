"""A warm start: a frame begins where the frames before it have led, wherever nothing moved.

y = x + s e is the noisy frame; m is the mean of the frames before, with noise of variance q s^2.
Where the scene stands still both measure the same, and together they are one measurement with less
noise: with g = q / (1 + q), at least `LEAST`,

    z = m + g (y - m),   q' = g^2 + (1 - g)^2 q,

so that the frame begins at z, and at the later time of the process that has the noise s sqrt(q').
From there on it is restored as always, in one call or in several.

Motion is never averaged. Where nothing moved, y - m has the variance s^2 (1 + q) and nothing else;
its mean square over windows of `SIDES` pixels, and over all that these leave, is chi-square: a
pixel is still if no window around it is above its bound, which noise passes at the rate `RATE`.
Elsewhere the mean begins anew, and there, and where the mean is younger than in most places, the
frame is the one restored alone, to the bit.
"""

from dataclasses import dataclass, field

import numpy as np

SIDES = (5, 9, 17, 33, 65)  # pixels a side of the windows that look for motion
RATE = 0.001  # share of still frames in which windows of one size side by side raise an alarm
LEAST = 0.2  # weight of the new frame: a mean over some nine frames


@dataclass(frozen=True, eq=False)
class Start:
    """Where a frame begins: pixels (c, h, w), their noise, and still (h, w), where they hold."""

    pixels: np.ndarray
    noise: float
    still: np.ndarray


@dataclass
class Memory:
    """The mean (c, h, w) of the frames seen, and its variance (h, w) in units of theirs."""

    mean: np.ndarray | None = None
    share: np.ndarray = field(default_factory=lambda: np.ones((1, 1)))

    def start(self, frame: np.ndarray, noise: float) -> Start | None:
        """Takes in a frame (c, h, w) with that noise; where it begins, or None: by itself."""
        before, q = self.mean, self.share
        if before is None or before.shape != frame.shape or noise <= 0:
            self.mean, self.share = frame.copy(), np.ones(frame.shape[1:])
            return None
        still = ~moved(frame - before, noise * np.sqrt(1 + q))
        gain = np.where(still, np.maximum(q / (1 + q), LEAST), 1.0)
        self.mean = (before + gain * (frame - before)).astype(np.float32)
        self.share = gain**2 + (1 - gain) ** 2 * q
        if not still.any():
            return None
        level = float(np.median(self.share[still]))
        still &= self.share <= 1.01 * level
        return Start(self.mean, noise * level**0.5, still)


def moved(rest: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """(h, w): where differences (c, h, w) are more than noise (h, w) in any window around."""
    from scipy.ndimage import maximum_filter, uniform_filter

    channels, size = len(rest), rest[0].size
    power = ((rest / noise).astype(np.float64) ** 2).mean(0)
    found = np.zeros(power.shape, bool)
    for side in SIDES:
        if side > min(power.shape):
            break
        bound = _bound(side**2 * channels, RATE * side**2 / size)
        half = side // 2
        inner = (slice(half, -half), slice(half, -half))  # windows that lie inside the frame
        above = np.zeros(power.shape, bool)
        above[inner] = uniform_filter(power, side)[inner] > bound
        found |= maximum_filter(above, side)
    left = ~found
    if left.any() and power[left].mean() > _bound(int(left.sum()) * channels, RATE):
        return np.ones_like(found)
    return found


def _bound(count: int, rate: float) -> float:
    """What the mean of so many squares of unit noise is above at this rate."""
    from scipy.stats import chi2

    return float(chi2.isf(rate, count)) / count
