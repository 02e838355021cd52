"""Clocks: monotone maps from t in [0, 1] to [0, 1] that set how fast a process runs.

A paper gives either a formula or a table of increments over integer steps 1..T. A table is taken
as the discrete process itself defines it: its running sum, linear between integer steps and 0 at
t = 0, so that integer step i of T sits at t = i / T and its values are met exactly.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

_OFFSET = 0.008  # of the cosine schedule, Nichol and Dhariwal 2021, Eq. (17)


def running_sum(increments: Sequence[float]) -> tuple[float, ...]:
    """Turns per-step increments (steps 1..T) into a table for `tabulated`: 0, ..., 1.

    >>> running_sum([1.0, 3.0])
    (0.0, 0.25, 1.0)
    """
    sums = cumulated(increments)
    return (0.0, *(value / sums[-1] for value in sums))


def cumulated(increments: Iterable[float]) -> tuple[float, ...]:
    """Running sums to the last bit: what rounding loses is carried along (Neumaier 1974)."""
    sums, total, lost = [], 0.0, 0.0
    for value in increments:
        new = total + value
        larger, smaller = (total, value) if abs(total) >= abs(value) else (value, total)
        lost += (larger - new) + smaller
        total = new
        sums.append(total + lost)
    return tuple(sums)


def tabulated(table: Sequence[float], t: Tensor) -> Tensor:
    """Reads a table of values at t = 0, 1/T, ..., 1 with linear interpolation."""
    steps = len(table) - 1
    values = torch.tensor(table, dtype=t.dtype, device=t.device)
    place = (t * steps).clamp(0, steps)
    # At a node the interval below it is taken: samplers leave a node downwards.
    left = ((place - 1e-9).ceil() - 1).clamp(0, steps - 1).long()
    return values[left] + (place - left) * (values[left + 1] - values[left])


def linear(first: float, last: float, t: Tensor) -> Tensor:
    """Integral of a rate that grows linearly from `first` to `last`, normalised to 1 at t = 1."""
    return (first * t + (last - first) * t**2 / 2) / ((first + last) / 2)


def cosine(t: Tensor) -> Tensor:
    """Integral of 1 - cos^2((t + .008)/1.008 pi/2)/cos^2(.008/1.008 pi/2), normalised.

    This is the continuous limit of the theta schedule of IR-SDE (Luo et al. 2023, appendix).
    """

    def integral(u: Tensor) -> Tensor:
        scale = math.pi / 2 / (1 + _OFFSET)
        primitive = (u + torch.sin(2 * scale * (u + _OFFSET)) / (2 * scale)) / 2
        return u - primitive / math.cos(scale * _OFFSET) ** 2

    zero, one = torch.zeros((), dtype=t.dtype), torch.ones((), dtype=t.dtype)
    return (integral(t) - integral(zero)) / (integral(one) - integral(zero))


def position(table: Sequence[float], value: float) -> float:
    """Returns the time at which a table reaches `value` (inverse of `tabulated`)."""
    steps = len(table) - 1
    left = min(max(bisect_right(table, value) - 1, 0), steps - 1)
    return (left + (value - table[left]) / (table[left + 1] - table[left])) / steps
