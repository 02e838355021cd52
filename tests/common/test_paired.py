"""Paired tests against counts by hand and against scipy."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from undrift.common.errors import InputError
from undrift.common.metrics.paired import holm, paired_test, sign_test, signed_rank


def test_five_gains_out_of_five_have_the_p_of_five_coins() -> None:
    found = paired_test([1.0, 2.0, 3.0, 4.0, 5.0], [1.5, 2.6, 3.7, 4.8, 5.9])
    assert found.wilcoxon == found.sign == pytest.approx(2 / 2**5)
    assert (found.paired.wins, found.paired.losses) == (5, 0)
    assert found.paired.difference.mean == pytest.approx(0.7)
    assert 0.5 <= found.paired.difference.low <= 0.7 <= found.paired.difference.high <= 0.9  # type: ignore[operator]


def test_signed_ranks_are_counted_over_all_signs() -> None:
    difference = np.array([0.3, -0.1, 0.7, 1.1, -0.4, 0.9])
    ranks = np.argsort(np.argsort(np.abs(difference))) + 1
    seen = ranks[difference > 0].sum()
    middle = ranks.sum() / 2
    sums = [sum(r for r, up in zip(ranks, signs, strict=True) if up)
            for signs in itertools.product((0, 1), repeat=6)]  # fmt: skip
    share = np.mean([abs(s - middle) >= abs(seen - middle) for s in sums])
    assert signed_rank(difference) == pytest.approx(share)


def test_sign_test_is_the_binomial_tail() -> None:
    for above, below in ((9, 1), (5, 5), (0, 7), (12, 4)):
        n, few = above + below, min(above, below)
        tail = sum(math.comb(n, k) for k in range(few + 1)) / 2**n
        assert sign_test(above, below) == pytest.approx(min(1, 2 * tail))
    assert sign_test(0, 0) == 1


def test_tests_are_those_of_scipy_also_with_ties_zeros_and_many_items() -> None:
    rng = np.random.default_rng(0)
    for n, rounded in ((14, False), (14, True), (200, False)):
        a = rng.normal(size=n)
        b = a + 0.3 * rng.normal(size=n) + 0.1
        if rounded:
            a, b = a.round(1), b.round(1)
        exact = n <= 50 and not rounded
        theirs = stats.wilcoxon(b, a, method="exact" if exact else "approx").pvalue  # type: ignore[attr-defined]
        assert paired_test(a.tolist(), b.tolist()).wilcoxon == pytest.approx(theirs)


def test_holm_is_the_largest_step_so_far() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.4, 0.9]) == pytest.approx([0.8, 0.9])
    assert holm([0.7]) == [0.7] and holm([]) == []
    assert holm([0.6, 0.6, 0.6]) == [1, 1, 1]
    with pytest.raises(InputError, match="between 0 and 1"):
        holm([0.1, 1.2])


def test_equal_runs_differ_by_nothing_also_where_scores_are_infinite() -> None:
    found = paired_test([30.0, math.inf], [30.0, math.inf])
    assert found.wilcoxon == found.sign == 1 and found.paired.ties == 2
    gained = paired_test([30.0, 31.0], [math.inf, 32.0])
    assert gained.paired.wins == 2 and gained.wilcoxon == pytest.approx(0.5)


def test_false_findings_are_as_rare_as_promised() -> None:
    rng = np.random.default_rng(1)
    found = 0
    for _ in range(300):
        ps = [signed_rank(rng.normal(size=14)) for _ in range(3)]
        found += min(holm(ps)) <= 0.05
    assert found / 300 < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 300)
