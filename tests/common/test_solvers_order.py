"""Measured orders of convergence on a Gaussian mixture, and one result for every process.

The truth is the probability flow dv/drho = eps in v = z/a, rho = s/a, by DOP853 at 1e-12.
It does not know the process: rho runs from 3 to .1 times the scale, a regular interval everywhere.
"""

import functools
import math

import pytest
import torch
from oracles import EVERY, abs_at, broad, slope
from torch import Tensor

from undrift.common.processes import Process
from undrift.common.processes.process import time_of_angle
from undrift.common.solvers import DDIM, EulerMaruyama, Exponential, Heun, Solver
from undrift.common.solvers.loop import run_plan

SCALE = 0.6  # of the order of the spread; the law of residual shifting has a knee at .04
HIGH, LOW = 3 * SCALE, 0.1 * SCALE
COUNTS = (16, 32, 64, 128, 256)
FEW = (4, 8, 16, 32, 64)  # for a solver with slow plans
Y = torch.tensor([0.5, 0.1, -0.4], dtype=torch.float64)
SOLVERS: dict[str, Solver] = {
    "DDIM": DDIM(),
    "Euler in t": EulerMaruyama(eta=0.0),
    "exponential 1": Exponential(1),
    "exponential 2 midpoint": Exponential(2),
    "exponential 2 taylor": Exponential(2, rule="taylor"),
    "exponential 3": Exponential(3),
    "noise 1": Exponential(1, form="noise"),
    "noise 2 midpoint": Exponential(2, form="noise"),
    "noise 2 taylor": Exponential(2, form="noise", rule="taylor"),
    "noise 3": Exponential(3, form="noise"),
    "Heun": Heun(),
}


@functools.cache
def grid(process: Process, n: int, kind: str) -> tuple[float, ...]:
    """n + 1 times from s/a = HIGH to LOW: equal in ln(s/a), in the angle, or in t."""
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
def points() -> tuple[Tensor, Tensor]:
    """Starts v = x0 + HIGH eps, (8, 3), and where the exact flow carries them."""
    generator = torch.Generator().manual_seed(11)
    noise = torch.randn(8, 3, generator=generator, dtype=torch.float64)
    first = broad().sample(8, generator) + HIGH * noise
    return first, broad().flow(first, HIGH, LOW)


def carried(solver: Solver, process: Process, n: int, kind: str = "log") -> Tensor:
    """The state in the common frame v = (x - b y)/a after n steps."""
    times = grid(process, n, kind)
    (a, b, _), (a1, b1, _) = abs_at(process, times[0]), abs_at(process, times[-1])
    x = a * points()[0] + b * Y
    x = run_plan(broad().denoiser(process), x, solver.plan(process, times), y=Y)
    return (x - b1 * Y) / a1


def order(solver: Solver, process: Process, kind: str = "log") -> tuple[float, list[float]]:
    counts = FEW if isinstance(solver, EulerMaruyama) else COUNTS
    errors = [float((carried(solver, process, n, kind) - points()[1]).abs().max()) for n in counts]
    return slope(counts, errors), errors


@pytest.mark.parametrize("process", EVERY)
@pytest.mark.parametrize("name", SOLVERS)
def test_the_stated_order_is_measured(name: str, process: str) -> None:
    solver = SOLVERS[name]
    measured, errors = order(solver, EVERY[process])
    assert solver.order - 0.25 < measured
    assert errors[-1] < {1: 2e-2, 2: 1e-4, 3: 2e-6}[solver.order]


@pytest.mark.parametrize("process", ["IR-SDE", "flow"])
@pytest.mark.parametrize("name", ["DDIM", "exponential 2 midpoint", "Heun"])
@pytest.mark.parametrize("kind", ["t", "angle"])
def test_the_order_does_not_depend_on_the_placement(name: str, process: str, kind: str) -> None:
    solver = SOLVERS[name]
    assert order(solver, EVERY[process], kind)[0] > solver.order - 0.25


@pytest.mark.parametrize("form", ["data", "noise"])
def test_the_published_third_order_is_a_second(form: str) -> None:
    """Without the factor 2 in the second difference; with it the error is far smaller."""
    measured, errors = order(Exponential(3, form=form, published_third=True), EVERY["VP"])
    _, proper = order(Exponential(3, form=form), EVERY["VP"])
    assert 1.75 < measured < 2.4
    assert errors[-1] > 5 * proper[-1]


@pytest.mark.parametrize("name", [name for name in SOLVERS if name != "Euler in t"])
@pytest.mark.parametrize("steps", [5, 20])
def test_every_process_gives_the_same_result(name: str, steps: int) -> None:
    """On the same s/a nodes a process is only a change of frame."""
    first, *others = (carried(SOLVERS[name], process, steps) for process in EVERY.values())
    for other in others:
        torch.testing.assert_close(other, first, rtol=0, atol=1e-12)
