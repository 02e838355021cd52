"""Summaries of one score over many items: mean, spread, interval, and paired comparison.

The interval is the percentile bootstrap of the mean (Efron and Tibshirani 1993, ch. 13): items
are drawn with replacement and the mean taken again, many times. Two methods scored on the same
items are compared through their differences item by item, because items differ far more among
themselves than methods do. With few items (below about 20) a bootstrap interval is too narrow.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from undrift.common.errors import InputError

RESAMPLES = 2000  # of the bootstrap


@dataclass(frozen=True)
class Summary:
    """`mean` of `n` scores, their sample standard deviation `std`, and the interval [low, high].

    `std`, `low` and `high` are None for a single score, or where a score is infinite.
    """

    n: int
    mean: float
    std: float | None
    low: float | None
    high: float | None

    def __str__(self) -> str:
        if self.std is None or self.low is None or self.high is None:
            return f"{self.mean:.4g} (n = {self.n})"
        return f"{self.mean:.4g} ± {self.std:.2g} [{self.low:.4g}, {self.high:.4g}] (n = {self.n})"


@dataclass(frozen=True)
class Paired:
    """Differences first - second: their `difference`, and on how many items the first is
    above (`wins`), below (`losses`) or equal to (`ties`) the second."""

    difference: Summary
    wins: int
    losses: int
    ties: int


def summarise(
    values: Sequence[float], *, level: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> Summary:
    """Mean, standard deviation, number and bootstrap interval of `values`.

    Args:
        values: (n,) one score per item, n >= 1.
        level: coverage aimed at, in (0, 1).
        resamples: number of bootstrap draws.
        seed: of the draws; the same values and seed give the same interval.

    Raises:
        InputError: no values, NaN among them, or a level outside (0, 1).
    """
    scores = np.asarray(values, dtype=np.float64)
    if scores.ndim != 1 or scores.size == 0:
        raise InputError(f"expected a list of one or more scores, got shape {scores.shape}")
    if np.isnan(scores).any():
        raise InputError(f"{int(np.isnan(scores).sum())} of {scores.size} scores are NaN")
    if not 0 < level < 1:
        raise InputError(f"level must lie between 0 and 1 (0.95 for 95 %), not {level}")
    n, mean = scores.size, float(scores.mean())
    if n == 1 or not math.isfinite(mean):
        return Summary(n, mean, None, None, None)
    low, high = _interval(scores, level, resamples, seed)
    return Summary(n, mean, float(scores.std(ddof=1)), low, high)


def compare(
    first: Sequence[float],
    second: Sequence[float],
    *,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Paired:
    """Compares two methods scored on the same items in the same order.

    Args:
        first, second: (n,) scores, item by item.
        level, resamples, seed: as in `summarise`, for the mean of first - second.

    Raises:
        InputError: the two differ in length, or as `summarise`.
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.shape != b.shape:
        raise InputError(
            f"paired scores need the same items: got {a.size} and {b.size}; "
            "keep the items that both methods scored"
        )
    equal = a == b  # also where both are infinite, whose difference would be NaN
    difference = np.subtract(a, b, out=np.zeros_like(a), where=~equal)
    summary = summarise(difference.tolist(), level=level, resamples=resamples, seed=seed)
    return Paired(summary, int((a > b).sum()), int((a < b).sum()), int(equal.sum()))


def _interval(scores: np.ndarray, level: float, resamples: int, seed: int) -> tuple[float, float]:
    generator = np.random.Generator(np.random.Philox(seed))
    # In slices, so that a million items do not need a million times `resamples` numbers at once.
    rows = max(1, 4_000_000 // scores.size)
    means = np.concatenate(
        [
            scores[generator.integers(scores.size, size=(min(rows, resamples - at), scores.size))]
            .mean(axis=1)
            for at in range(0, resamples, rows)
        ]
    )  # fmt: skip
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
