"""K samples of one volume: their mean, their spread, and whether the spread is right.

For exchangeable samples, truth among them, two intervals are exact for every K:

    order statistics      P(x_(j) < truth < x_(K+1-j)) = (K + 1 - 2 j) / (K + 1)
    Student's prediction  mean +- t_(K-1) std sqrt(1 + 1/K)          (normal samples only)

The first needs K >= 2 / (1 - level) - 1 samples (19 for 90 %), the second two. A plain "mean +-
1.64 std" covers too little: with K = 4, 76 % instead of 90 %. Samples come one at a time and are
not kept (Welford, Technometrics 4, 1962), so that memory does not grow with K.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError, UsageError

Array = npt.NDArray[Any]
LEVEL = 0.9


class Running:
    """Mean and standard deviation of samples that are added one by one; all of one shape."""

    def __init__(self) -> None:
        self.count = 0
        self._mean: Array = np.zeros(())
        self._squares: Array = np.zeros(())

    def add(self, sample: Array) -> None:
        """Takes one sample in. Raises InputError for another shape."""
        sample = np.asarray(sample)
        if self.count and sample.shape != self._mean.shape:
            raise InputError(f"a sample of shape {sample.shape} among {self._mean.shape}")
        if not self.count:
            self._mean = np.zeros(sample.shape, sample.dtype)
            self._squares = np.zeros(sample.shape, sample.dtype)
        self.count += 1
        off = sample - self._mean
        self._mean = self._mean + off / self.count
        self._squares = self._squares + off * (sample - self._mean)

    @property
    def mean(self) -> Array:
        """The mean so far. Raises UsageError before the first sample."""
        if not self.count:
            raise UsageError("no sample has been added")
        return self._mean

    @property
    def std(self) -> Array:
        """The standard deviation with K - 1. Raises UsageError for fewer than two samples."""
        if self.count < 2:
            raise UsageError(f"a standard deviation needs two samples, got {self.count}")
        return np.sqrt(self._squares / (self.count - 1))


@dataclass(frozen=True)
class Calibration:
    """How well a spread describes errors, over `voxels` voxels.

    coverage: share of truths inside their interval, `level` if right.  standardised: root mean
    square of error / deviation, 1 if right, above 1 if the spread is too small.  width: mean width
    of the intervals, in units of the values.
    """

    level: float
    coverage: float
    standardised: float
    width: float
    voxels: int
    samples: int

    def record(self) -> dict[str, float | int]:
        """For JSON."""
        return dict(vars(self))


def student_factor(samples: int, level: float = LEVEL) -> float:
    """Half the width of Student's prediction interval, in standard deviations of K samples."""
    if samples < 2 or not 0 < level < 1:
        raise UsageError(f"expected two samples or more and 0 < level < 1, got {samples}, {level}")
    from scipy.stats import t

    return float(t.ppf((1 + level) / 2, samples - 1)) * math.sqrt(1 + 1 / samples)


def quantile_interval(samples: Array, level: float = LEVEL) -> tuple[Array, Array]:
    """Ends of the interval from order statistics; samples: (K, ...), linear between the ranks.

    Raises UsageError where K is too small for the level.
    """
    count = len(samples)
    rank = (1 - level) / 2 * (count + 1)
    if rank < 1 - 1e-9:
        needed = math.ceil(2 / (1 - level) - 1 - 1e-9)
        raise UsageError(
            f"{count} samples bound no {100 * level:g} % interval by their order; draw {needed}, "
            "or use Student's"
        )
    ordered = np.sort(np.asarray(samples), axis=0)
    below = min(math.floor(rank + 1e-9), count - 1)
    share = max(0.0, rank - below)
    first = (1 - share) * ordered[below - 1] + share * ordered[below]
    last = (1 - share) * ordered[count - below] + share * ordered[count - below - 1]
    return first, last


def calibration(
    truth: Array, mean: Array, std: Array, samples: int, level: float = LEVEL, where: Any = None
) -> Calibration:
    """Student's interval and the standardised error against a truth of the same shape.

    where: bool mask of the voxels that count; those of std 0 count as covered only where the mean
    is the truth. The standardised error is over voxels with a spread, infinite if none has one.
    It is divided by sqrt(1 + 1/K) sqrt((K - 1) / (K - 3)) for K > 3, what it is for right samples.

    Raises InputError for shapes that differ or an empty mask, UsageError for less than two samples.
    """
    if not truth.shape == mean.shape == std.shape:
        raise InputError(f"truth {truth.shape}, mean {mean.shape} and std {std.shape} differ")
    chosen = np.ones(truth.shape, bool) if where is None else np.asarray(where, bool)
    if chosen.shape != truth.shape or not chosen.any():
        raise InputError(f"a mask of {chosen.shape} with {int(chosen.sum())} voxels")
    error = np.abs(np.asarray(truth, np.float64) - mean)[chosen]
    spread = np.asarray(std, np.float64)[chosen]
    half = student_factor(samples, level) * spread
    some = spread > 0
    expected = math.sqrt(1 + 1 / samples) * (
        math.sqrt((samples - 1) / (samples - 3)) if samples > 3 else 1.0
    )
    ratio = np.sqrt(np.mean((error[some] / spread[some]) ** 2)) if some.any() else math.inf
    return Calibration(
        level=level,
        coverage=float((error <= half).mean()),
        standardised=float(ratio) / expected,
        width=float(2 * half.mean()),
        voxels=int(chosen.sum()),
        samples=samples,
    )
