"""Laws of whole plans on Gaussian data: means, variances and their orders, no sampling.

`oracles.law` carries a state as its coefficients in (1, x_T, draws) through the real loop.
"""

import random

import pytest
import torch
from oracles import EVERY, abs_at, gaussian, law, number, slope
from paths import regular
from torch import Tensor

from undrift.common.grids import build_grid
from undrift.common.processes import BrownianBridge, Flow, Process
from undrift.common.solvers import (
    DDIM,
    MRS,
    EulerMaruyama,
    Exponential,
    Heun,
    Solver,
    ancestral,
)  # fmt: skip

DATA = gaussian([0.3, -0.2, 0.1], [0.30, 0.20, 0.35])
Y = torch.tensor([0.5, 0.1, -0.4], dtype=torch.float64)


@pytest.fixture(params=EVERY)
def process(request: pytest.FixtureRequest) -> Process:
    return EVERY[request.param]


@pytest.mark.parametrize("make", [DDIM, lambda eta: Exponential(1, eta)], ids=["DDIM", "rate"])
def test_a_first_order_step_keeps_the_marginals(make: type[DDIM], process: Process) -> None:
    """N(a x0 + b y, s^2) at t goes to the same at n exactly, for any eta and any two times."""
    pick = random.Random(3)
    for _ in range(20):
        t, n = sorted((pick.uniform(0.02, 0.98), pick.uniform(0.02, 0.98)), reverse=True)
        (step,) = make(pick.uniform(0, 1)).plan(process, [t, n])
        (a, b, s), (a1, b1, s1) = abs_at(process, t), abs_at(process, n)
        assert step.A[0] * a + step.B[0] == pytest.approx(a1, abs=1e-13)
        assert step.A[0] * b + step.C == pytest.approx(b1, abs=1e-13)
        assert (step.A[0] * s) ** 2 + step.sigma**2 == pytest.approx(s1**2, abs=1e-13)


def test_ancestral_steps_are_the_posterior_of_the_chain(process: Process) -> None:
    """Bayes' rule for x_n given x_t = c x_n + noise and x0, c = phi_t / phi_n."""
    for t, n in ((0.9, 0.7), (0.5, 0.1)):
        (step,) = ancestral().plan(process, [t, n])
        s, s1 = abs_at(process, t)[2], abs_at(process, n)[2]
        c = float(process.phi(number(t)) / process.phi(number(n)))
        added = s**2 - (c * s1) ** 2
        assert step.A[0] == pytest.approx(c * s1**2 / s**2, rel=1e-12)
        assert step.sigma**2 == pytest.approx(s1**2 * added / s**2, rel=1e-10)


def marginal_law(process: Process, t: float) -> tuple[Tensor, Tensor]:
    """Mean and variance of x_t for the Gaussian data."""
    mean, variance = DATA.moments()
    a, b, s = abs_at(process, t)
    return a * mean + b * Y, a**2 * variance + s**2


def last_errors(solver: Solver, process: Process, times: tuple[float, ...]) -> tuple[float, float]:
    """Errors of mean and variance (largest over coordinates) at the last time."""
    start = marginal_law(process, times[0])
    mean, variance = marginal_law(process, times[-1])
    end = law(DATA, process, solver.plan(process, times), Y)[-1]
    return (
        float((end.mean(start[0]) - mean).abs().max()),
        float((end.variance(start[1]) - variance).abs().max()),
    )


@pytest.mark.parametrize(
    "solver",
    [
        ancestral(),
        DDIM(0.6),
        Exponential(1, 1.0),
        Exponential(2, 1.0),
        Exponential(2, 0.5, rule="taylor"),
        Exponential(3, 1.0),
        MRS("sde-d-2"),
        Heun(churn=3.0),
    ],
    ids=[
        "ancestral",
        "DDIM 0.6",
        "rate 1",
        "second 1",
        "second 0.5 taylor",
        "third 1",
        "MRS",
        "churn",
    ],
)
def test_the_mean_of_a_stochastic_solver_is_exact(solver: Solver, process: Process) -> None:
    for times in (regular(process, 7), build_grid("angle", process, 5, 0.3, start=0.95)):
        assert last_errors(solver, process, times)[0] < 1e-13


VARIANCE_ORDERS = {
    "ancestral": (ancestral(), 1),
    "DDIM 0.6": (DDIM(0.6), 1),
    "rate 1": (Exponential(1, 1.0), 1),
    "second 1": (Exponential(2, 1.0), 2),
    "second 0.5": (Exponential(2, 0.5), 2),
    "second 1 taylor": (Exponential(2, 1.0, rule="taylor"), 2),
    "noise second 1": (Exponential(2, 1.0, form="noise"), 2),
    "third 1": (Exponential(3, 1.0), 2),
    "MRS noise": (MRS("sde-n-2"), 2),
    "churn": (Heun(churn=3.0), 2),
    "Euler-Maruyama": (EulerMaruyama(), 1),
}


@pytest.mark.parametrize("name", VARIANCE_ORDERS)
def test_the_variance_converges_at_the_stated_order(name: str, process: Process) -> None:
    solver, order = VARIANCE_ORDERS[name]
    counts = (5, 10, 20, 40) if name in ("Euler-Maruyama", "churn") else (10, 20, 40, 80)
    errors = [last_errors(solver, process, regular(process, n)) for n in counts]
    assert slope(counts, [e[1] for e in errors]) > order - 0.25
    if name != "Euler-Maruyama":
        return
    means = [e[0] for e in errors]
    if isinstance(process, BrownianBridge | Flow):  # the mean is a straight line in t
        assert max(means) < 1e-12
    else:
        assert means[-1] > 1e-6
        assert slope(counts, means) > 0.75
