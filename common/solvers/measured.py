"""Measures the order of convergence of a solver: on a Gaussian mixture, against its exact flow.

The truth is dv/drho = eps in v = z/a, rho = s/a, integrated by DOP853 at 1e-12 from rho = HIGH to
LOW, a regular interval for every process; it does not know the process. The order is the slope of
the largest error against the number of steps, by least squares over all counts.
"""

import functools
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from undrift.common.exact import abs_at, broad
from undrift.common.processes.process import Process, time_of_angle
from undrift.common.solvers.loop import run_plan
from undrift.common.solvers.plan import Solver

SCALE = 0.6  # of the order of the spread; the law of residual shifting has a knee at .04
HIGH, LOW = 2.5 * SCALE, 0.1 * SCALE
COUNTS = (20, 32, 50, 80, 128)
Y = (0.5, 0.1, -0.4)


@functools.cache
def regular_grid(process: Process, n: int, kind: str = "log") -> tuple[float, ...]:
    """n + 1 times from s/a = HIGH to LOW: equal in ln(s/a) ("log"), in the "angle", or in "t"."""
    ends = torch.tensor([HIGH, LOW], dtype=torch.float64)
    share = torch.linspace(0, 1, n + 1, dtype=torch.float64)
    if kind == "t":
        first, last = time_of_angle(process, torch.atan(ends), 1.0)
        return tuple((first + (last - first) * share).tolist())
    if kind == "angle":
        first, last = torch.atan(ends / SCALE)
        return tuple(time_of_angle(process, first + (last - first) * share, SCALE).tolist())
    ratios = HIGH * torch.exp(math.log(LOW / HIGH) * share)
    return tuple(time_of_angle(process, torch.atan(ratios), 1.0).tolist())


@functools.cache
def ends() -> tuple[Tensor, Tensor]:
    """Starts v = x0 + HIGH eps, (8, 3), and where the exact flow carries them."""
    generator = torch.Generator().manual_seed(11)
    noise = torch.randn(8, 3, generator=generator, dtype=torch.float64)
    first = broad().sample(8, generator) + HIGH * noise
    return first, broad().flow(first, HIGH, LOW)


def carried(solver: Solver, process: Process, n: int, kind: str = "log") -> Tensor:
    """The state after n steps in the common frame v = (x - b y)/a, (8, 3)."""
    times, y = regular_grid(process, n, kind), torch.tensor(Y, dtype=torch.float64)
    (a, b, _), (a1, b1, _) = abs_at(process, times[0]), abs_at(process, times[-1])
    x = a * ends()[0] + b * y
    x = run_plan(broad().denoiser(process), x, solver.plan(process, times), y=y)
    return (x - b1 * y) / a1


def measured_order(
    solver: Solver, process: Process, counts: Sequence[int] = COUNTS, kind: str = "log"
) -> tuple[float, list[float]]:
    """The slope and the largest error for each count; for deterministic solvers."""
    errors = [float((carried(solver, process, n, kind) - ends()[1]).abs().max()) for n in counts]
    return -float(np.polyfit(np.log(counts), np.log(errors), 1)[0]), errors
