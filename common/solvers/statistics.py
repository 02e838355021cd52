"""Empirical statistics of a model, for the solver that uses them (DPM-Solver-v3, Zheng 2023).

In v = z/a the probability flow is dv/dlambda = -(f + l v) with f = (1 - l) v - D for any l(lambda).
Data prediction is l = 1, noise prediction l = 0. Best is the l that makes f least sensitive to the
state, l = 1 - a mean_i dD_i/dz_i (their Eq. (5), one number for all coordinates), and then s and b
that predict the change of f along the flow, df/dlambda ~ s f + b (Eq. (10)), by least squares.
`measure` finds all three on a calibration batch, `Empirical` in `calibrated` integrates with them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.exact import abs_at
from undrift.common.grids import time_of_ratio
from undrift.common.processes.process import Process
from undrift.common.solvers.loop import Denoise

_DELTA = 0.05  # half step in lambda of the differences along the flow


@dataclass(frozen=True)
class Statistics:
    """l, s, b at ascending lambdas; linear between them and constant outside.

    Raises InputError for columns of different lengths or lambdas that do not ascend.
    """

    lambdas: tuple[float, ...]
    l: tuple[float, ...]  # noqa: E741
    s: tuple[float, ...]
    b: tuple[float, ...]

    def __post_init__(self) -> None:
        lengths = {len(column) for column in (self.lambdas, self.l, self.s, self.b)}
        if len(lengths) != 1 or len(self.lambdas) < 2 or bool((np.diff(self.lambdas) <= 0).any()):
            raise InputError("statistics are columns of one length (2 or more), lambdas ascending")

    def at(self, name: str, lam: np.ndarray | float) -> np.ndarray:
        """The value of "l", "s" or "b" at lambda."""
        return np.interp(lam, self.lambdas, getattr(self, name))

    def integral(self, name: str, lam: np.ndarray | float) -> np.ndarray:
        """Its integral from the first lambda on, exactly."""
        places, rates = np.asarray(self.lambdas), np.asarray(getattr(self, name))
        total = np.concatenate([[0.0], np.cumsum(np.diff(places) * (rates[1:] + rates[:-1]) / 2)])
        lam = np.asarray(lam, dtype=float)
        cell = np.clip(np.searchsorted(places, lam, side="right") - 1, 0, len(places) - 1)
        return total[cell] + (lam - places[cell]) * (rates[cell] + self.at(name, lam)) / 2


def plain() -> Statistics:
    """l = 1, s = b = 0: data prediction."""
    return Statistics((-1.0, 1.0), (1.0, 1.0), (0.0, 0.0), (0.0, 0.0))


def measure(
    denoise: Denoise,
    process: Process,
    x0: Tensor,
    lambdas: Sequence[float],
    *,
    y: Tensor | None = None,
    level: Tensor | None = None,
    seed: int = 0,
) -> Statistics:
    """Statistics on a batch of clean signals x0: (n, c, *space), with y where the process has it.

    lambdas: ascending values of ln(a/s) that the process reaches. Four calls a value. Raises
    InputError for one that it does not reach.
    """
    generator = torch.Generator().manual_seed(seed)
    found = []
    with torch.no_grad():
        for lam in lambdas:
            unit = torch.randn(x0.shape, generator=generator, dtype=torch.float64).to(x0)
            sign = torch.randn(x0.shape, generator=generator, dtype=torch.float64).sign().to(x0)

            def at(v: Tensor, lam: float) -> Tensor:
                t = time_of_ratio(process, float(np.exp(-lam)), 1.0)
                a, b, _ = abs_at(process, t)
                return denoise(a * v if y is None else a * v + b * y, t, y, level).x0

            v = x0 + float(np.exp(-lam)) * unit
            found.append((v, *_differences(at, v, float(lam), sign)))
    return _fitted(lambdas, found)


def _differences(
    at: Callable[[Tensor, float], Tensor], v: Tensor, lam: float, sign: Tensor
) -> tuple[Tensor, Tensor, float]:
    """D, dD/dlambda along the flow, and the mean of dD_i/dv_i (Hutchinson's estimate)."""
    here = at(v, lam)
    nudge = 1e-2 * float(np.exp(-lam))
    trace = float(((at(v + nudge * sign, lam) - here) * sign).mean()) / nudge
    # A frozen estimate carries v exactly enough: its error is of second order and even.
    sides = [at(here + (v - here) * float(np.exp(-d)), lam + d) for d in (_DELTA, -_DELTA)]
    return here, (sides[0] - sides[1]) / (2 * _DELTA), trace


def _fitted(lambdas: Sequence[float], found: Sequence[tuple]) -> Statistics:
    gains = np.array([1 - trace for *_, trace in found])
    slopes = np.gradient(gains, np.asarray(lambdas))
    rates, shifts = [], []
    for gain, slope, (v, here, change, _) in zip(gains, slopes, found, strict=True):
        f = (1 - gain) * v - here
        f_change = -(1 - gain) * (v - here) - slope * v - change
        centred = f - f.mean()
        spread = float((centred**2).mean())
        known = spread > 1e-8 * float((f**2).mean())  # else f is a constant and b alone tells
        rate = float((centred * f_change).mean()) / spread if known else 0.0
        rates.append(rate)
        shifts.append(float(f_change.mean()) - rate * float(f.mean()))
    columns = (tuple(float(v) for v in column) for column in (lambdas, gains, rates, shifts))
    return Statistics(*columns)
