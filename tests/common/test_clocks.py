"""Clocks: running sums to the last bit, in linear time."""

import math

from undrift.common.processes.clocks import cumulated, running_sum


def test_running_sums_are_those_of_exact_arithmetic() -> None:
    increments = [1e-4 * 1.01**k + 1e6 * (k == 500) for k in range(1000)]
    exact = [math.fsum(increments[: k + 1]) for k in range(1000)]
    assert all(abs(a - b) <= math.ulp(b) for a, b in zip(cumulated(increments), exact, strict=True))
    table = running_sum(increments)
    assert (table[0], table[-1], len(table)) == (0.0, 1.0, 1001)


class Counting(float):
    """A float that counts the sums it takes part in."""

    sums = 0

    def __add__(self, other: float) -> "Counting":
        Counting.sums += 1
        return Counting(float(self) + float(other))

    __radd__ = __add__


def test_running_sums_take_linear_time() -> None:
    """Each value is added a few times, however many there are; every prefix anew would not."""
    taken = []
    for count in (100, 200, 300):
        Counting.sums = 0
        cumulated([Counting(1.0)] * count)
        taken.append(Counting.sums)
    assert 100 <= taken[1] - taken[0] <= 500
    assert taken[2] - taken[1] == taken[1] - taken[0]
