"""Noise schedules of HIR-Diff: abar_0 = 1, ..., abar_N over N steps, of which few are walked.

    exponential   1 - e^(-k (N - t) / N), brought to [.001, 1]: little noise for most of the way
    linear        product of 1 - beta, beta from 1e-6 to 1e-2
    cosine        cos^2(pi t / 2 N), no factor below .001 (Nichol & Dhariwal 2021, s = 0)

The chain starts at white noise whatever abar_N is, and goes over t = N - N/n + 1, ..., 1 to 0.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError

Array = npt.NDArray[np.float64]
Law = Literal["exponential", "linear", "cosine"]
TOTAL, LEAST = 1000, 1e-3


def schedule(law: Law = "exponential", k: float = 8.0, total: int = TOTAL) -> Array:
    """(total + 1,) abar, from 1 down."""
    t = np.arange(total + 1) / total
    if law == "exponential":
        raw = 1 - np.exp(-k * (1 - t))
        return raw / raw.max() * (1 - LEAST) + LEAST
    if law == "linear":
        return _product(1 - np.linspace(1e-6, 1e-2, total))
    raw = np.cos(np.pi / 2 * t) ** 2
    return _product(np.maximum(raw[1:] / raw[:-1], LEAST))


def walked(abar: Array, steps: int) -> list[tuple[float, float]]:
    """(abar, next abar) of each step. Raises InputError for more steps than the schedule has."""
    total = len(abar) - 1
    if not 1 <= steps <= total:
        raise InputError(f"{steps} steps of a schedule of {total}; expected 1 to {total}")
    shown = [float(abar[i + 1]) for i in reversed(range(0, total, total // steps))]
    return list(zip(shown, [*shown[1:], float(abar[0])], strict=True))


def _product(factors: Array) -> Array:
    """1, and the product of the factors up to each of them."""
    return np.cumprod(np.append(1.0, factors), dtype=np.float64)
