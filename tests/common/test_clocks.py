"""Clocks: running sums to the last bit, in linear time."""

import math
import time

from undrift.common.processes.clocks import cumulated, running_sum


def test_running_sums_are_those_of_exact_arithmetic() -> None:
    increments = [1e-4 * 1.01**k + 1e6 * (k == 500) for k in range(1000)]
    exact = [math.fsum(increments[: k + 1]) for k in range(1000)]
    assert all(abs(a - b) <= math.ulp(b) for a, b in zip(cumulated(increments), exact, strict=True))
    table = running_sum(increments)
    assert (table[0], table[-1], len(table)) == (0.0, 1.0, 1001)


def test_running_sums_take_linear_time() -> None:
    started = time.perf_counter()
    running_sum([1.0] * 200_000)
    assert time.perf_counter() - started < 5.0  # every prefix anew would take minutes
