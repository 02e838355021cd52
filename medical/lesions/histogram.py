"""Texture as a histogram: 16 shares of the numbers of a lesion in [-1, 1] (LeFusion, section 3.3).

The network is told the histogram of the lesion it is to make. It may be measured in another lesion
(`measure`), or be the one of a mean and a deviation (`of_normal`), of whose law each bin gets its
probability, the ends all that lies beyond. `perturbed` varies one as the authors' program does.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError

BINS = 16
Shares = npt.NDArray[np.float64]  # (bins,)


def measure(numbers: npt.NDArray, mask: npt.NDArray, bins: int = BINS) -> Shares:
    """Shares of `numbers` in [-1, 1] inside a mask (both of one shape), which sum to 1.

    Numbers beyond the ends count to the outer bins. Raises InputError for an empty mask.
    """
    inside = np.asarray(numbers, np.float64)[np.asarray(mask) > 0]
    if not inside.size:
        raise InputError("the mask is empty: there is no lesion to measure")
    found, _ = np.histogram(inside.clip(-1, 1), bins, (-1, 1))
    return found / inside.size


def of_normal(mean: float, deviation: float, bins: int = BINS) -> Shares:
    """Shares of a normal law of numbers, its tails in the outer bins."""
    if not deviation > 0 or not math.isfinite(mean):
        raise InputError(f"mean {mean}, deviation {deviation}: expected finite ones, deviation > 0")
    edges = np.linspace(-1, 1, bins + 1)[1:-1]
    below = [0.5 * (1 + math.erf((e - mean) / (deviation * math.sqrt(2)))) for e in edges]
    return np.diff([0.0, *below, 1.0])


def moments(shares: Sequence[float] | Shares) -> tuple[float, float]:
    """Mean and deviation of numbers that lie in the middles of the bins."""
    middles = np.linspace(-1, 1, 2 * len(shares) + 1)[1::2]
    total = float(np.sum(shares))
    mean = float(np.dot(shares, middles)) / total
    square = float(np.dot(shares, (middles - mean) ** 2)) / total
    return mean, math.sqrt(square)


def perturbed(shares: Shares, normals: npt.NDArray, amount: float = 0.1) -> Shares:
    """Each bin changed by up to `amount` of itself; empty bins stay empty, the sum may change.

    normals: one number a bin, made to have mean 0 and a largest size of 1 first.
    """
    centred = np.asarray(normals, np.float64) - np.mean(normals)
    return shares + amount * np.abs(shares) * centred / np.abs(centred).max()


def checked(shares: Sequence[float] | Shares, bins: int = BINS) -> Shares:
    """The same as an array that sums to 1. Raises InputError for what is no histogram."""
    array = np.asarray(shares, np.float64)
    if array.shape != (bins,) or not np.isfinite(array).all() or array.min() < 0 or not array.sum():
        raise InputError(
            f"histogram: expected {bins} shares from 0 of numbers in [-1, 1], got {array.shape} "
            f"from {array.min(initial=0):g}"
        )
    return array / array.sum()


def distance(one: Shares, other: Shares) -> float:
    """Half the sum of differences, 0 (equal) to 1 (apart)."""
    return float(np.abs(one - other).sum() / 2)
