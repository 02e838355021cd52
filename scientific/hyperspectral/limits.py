"""Values at the ends of a band's range: clipped, or salt and pepper; and the bias of the others.

What was clipped cannot be told from salt and pepper, so both are left out. Those that are left lie
within the limits, hence above their mean where it is near the lower one: with Gaussian noise about
m they have the mean

    m + sigma (phi(a) - phi(b)) / (Phi(b) - Phi(a)),   a = (low - m) / sigma, b = (high - m) / sigma
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
_SHARE = 0.005  # of a band's values at its very end that makes the end a limit, no value
_FAR = 8.0  # deviations beyond which a limit does not matter


@dataclass(frozen=True, eq=False)
class Limits:
    """low, high: (bands,) ends of the range that are limits, infinite where they are none. at:
    (bands, rows, columns) values at them."""

    low: Array
    high: Array
    at: Mask

    def fair(self, y: Array, mean: Array, sigma: Array) -> Array:
        """`y` less the bias; `y` itself where no band has limits."""
        if not (np.isfinite(self.low) | np.isfinite(self.high)).any():
            return y
        return y - self.bias(mean, sigma)

    def bias(self, mean: Array, sigma: Array) -> Array:
        """Mean of what is left of noise about `mean`, less it; (bands, rows, columns).

        At most three deviations: beyond, the estimate is wrong rather than the noise.
        """
        from scipy.special import ndtr

        out = np.zeros_like(mean)
        for band in np.flatnonzero(np.isfinite(self.low) | np.isfinite(self.high)):
            a, b = (
                np.clip((end[band] - mean[band]) / sigma[band], -_FAR, _FAR)
                for end in (self.low, self.high)
            )
            density = (np.exp(-0.5 * a * a) - np.exp(-0.5 * b * b)) / np.sqrt(2 * np.pi)
            share = np.maximum(ndtr(b) - ndtr(a), 1e-6)
            out[band] = sigma[band] * np.clip(density / share, -3, 3)
        return out


def limits_of(y: Array, gaps: Mask) -> Limits:
    """The limits of the bands of a cube; `gaps` hold no values."""
    found = np.zeros_like(gaps)
    ends = [np.full(len(y), -np.inf), np.full(len(y), np.inf)]
    for number, (band, empty) in enumerate(zip(y, gaps, strict=True)):
        there = band[~empty]
        if not there.size:
            continue
        for side, end in enumerate((there.min(), there.max())):
            at = (band == end) & ~empty
            if at.sum() > max(2.0, _SHARE * there.size):
                found[number] |= at
                ends[side][number] = end
    return Limits(ends[0], ends[1], found)
