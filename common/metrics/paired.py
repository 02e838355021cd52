"""Whether two methods scored on the same items differ by more than chance, by three questions.

How much: the mean difference with its bootstrap interval (`summary.compare`). Whether, when large
differences count more: Wilcoxon's signed-rank test (1945), p exact where ranks allow it. Whether,
when only the sign counts: the sign test, exact by the binomial law of 1/2, equal items left out.
All tests are two-sided. Many tests at once find differences by chance: Holm's step-down rule (1979)
holds the chance of even one false finding below the level, whatever the tests depend on:

    p_(k) adjusted = max over j <= k of min(1, (m - j + 1) p_(j)),   p_(1) <= ... <= p_(m).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from undrift.common.errors import InputError
from undrift.common.metrics.summary import RESAMPLES, Paired, compare


@dataclass(frozen=True)
class PairedTest:
    """Differences second - first: what `compare` tells, and the p-values of both tests.

    wilcoxon, sign: in (0, 1]; 1 where no item differs.
    """

    paired: Paired
    wilcoxon: float
    sign: float


def paired_test(
    first: Sequence[float], second: Sequence[float], *, resamples: int = RESAMPLES, seed: int = 0
) -> PairedTest:
    """Tests second - first, scores (n,) of the same items in the same order, n >= 1.

    Raises:
        InputError: the two differ in length, are empty, or hold NaN.
    """
    paired = compare(second, first, resamples=resamples, seed=seed)
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    difference = np.subtract(b, a, out=np.zeros_like(a), where=a != b)
    return PairedTest(paired, signed_rank(difference), sign_test(paired.wins, paired.losses))


def signed_rank(difference: np.ndarray) -> float:
    """Two-sided p of Wilcoxon's signed-rank test of (n,) differences; zeros are left out.

    Exact for up to 50 differences of different sizes, else by the normal law.
    """
    from scipy.stats import wilcoxon

    moved = difference[difference != 0]
    if not moved.size:
        return 1.0
    sizes = np.abs(moved)
    exact = moved.size <= 50 and len(np.unique(sizes)) == moved.size
    result: Any = wilcoxon(moved, method="exact" if exact else "approx")
    return float(result.pvalue)


def sign_test(above: int, below: int) -> float:
    """Two-sided p of `above` items above and `below` below, if both were equally likely."""
    from scipy.stats import binomtest

    return float(binomtest(above, above + below).pvalue) if above + below else 1.0


def holm(values: Sequence[float]) -> list[float]:
    """The p-values of m tests, adjusted together, in their order. Raises InputError outside [0, 1].

    >>> [round(p, 2) for p in holm([0.01, 0.04, 0.03, 0.005])]
    [0.03, 0.06, 0.06, 0.02]
    """
    p = np.asarray(values, dtype=np.float64)
    if p.size and not ((p >= 0) & (p <= 1)).all():
        raise InputError(f"p-values lie between 0 and 1, got {p.tolist()}")
    order = np.argsort(p, kind="stable")
    steps = np.minimum(1, (len(p) - np.arange(len(p))) * p[order])
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(steps)
    return adjusted.tolist()
