"""Empirical statistics: what they are on Gaussian data, and what they buy on a mixture."""

import functools
import math

import numpy as np
import pytest
import torch
from oracles import EVERY, gaussian
from torch import Tensor

from undrift.common.errors import InputError, UsageError
from undrift.common.exact import Mixture, broad
from undrift.common.solvers import Exponential, Solver
from undrift.common.solvers.calibrated import Empirical
from undrift.common.solvers.loop import run_plan
from undrift.common.solvers.measured import HIGH, LOW, carried, ends, measured_order, regular_grid
from undrift.common.solvers.statistics import Statistics, measure, plain

LAMBDAS = np.linspace(-math.log(HIGH * 1.05), -math.log(LOW * 0.95), 40).tolist()
VP = EVERY["VP"]


def statistics_of(data: Mixture, process: str = "VP") -> Statistics:
    generator = torch.Generator().manual_seed(1)
    path = EVERY[process]
    y = torch.zeros(3, dtype=torch.float64)
    return measure(data.denoiser(path), path, data.sample(2000, generator), LAMBDAS, y=y)


@functools.cache
def of_broad(process: str = "VP") -> Statistics:
    return statistics_of(broad(), process)


def error(solver: Solver, n: int) -> float:
    return float((carried(solver, VP, n) - ends()[1]).pow(2).mean().sqrt())


@pytest.mark.parametrize("n", [5, 20])
def test_without_statistics_it_is_data_prediction(n: int) -> None:
    for process in EVERY.values():
        expected = carried(Exponential(2, rule="taylor"), process, n)
        found = carried(Empirical(), process, n)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)


def test_the_statistics_of_a_gaussian_are_known() -> None:
    """D = m + g (z - a m): l = s^2/(a^2 v + s^2), f = -l m, so that f' = -l' m = -b at s = 0."""
    mean, width = 0.25, 0.3
    found = statistics_of(gaussian([mean] * 3, [width] * 3))
    rho = np.exp(-np.asarray(LAMBDAS))
    gains = rho**2 / (width**2 + rho**2)
    assert found.l == pytest.approx(gains, rel=1e-6)
    slopes = -2 * gains * (1 - gains)
    assert np.asarray(found.b)[1:-1] == pytest.approx((-slopes * mean)[1:-1], abs=3e-3)
    assert found.s == pytest.approx([0.0] * len(LAMBDAS), abs=1e-6)


def test_on_a_gaussian_three_steps_are_nearly_exact() -> None:
    """f is known, so only the table limits the result: data prediction is far behind."""
    data = gaussian([0.25] * 3, [0.3] * 3)
    times, statistics = regular_grid(VP, 3), statistics_of(data)
    x = torch.linspace(-2, 2, 12, dtype=torch.float64).reshape(4, 3)
    fine = run_plan(data.denoiser(VP), x, Exponential(3).plan(VP, regular_grid(VP, 400)))

    def off(solver: Solver) -> float:
        found = run_plan(data.denoiser(VP), x, solver.plan(VP, times))
        return float((found - fine).abs().max())

    assert off(Empirical(2, statistics)) < 2e-3
    assert off(Exponential(2, rule="taylor")) > 20 * off(Empirical(2, statistics))


def test_on_a_mixture_they_help_at_few_steps() -> None:
    """Root mean square error below data prediction of the same order (mixed from there on)."""
    statistics = of_broad()
    ratios = [
        error(Empirical(2, statistics), n) / error(Exponential(2, rule="taylor"), n)
        for n in (3, 5, 8)
    ]
    assert ratios[0] < 0.8
    assert max(ratios) < 1.0


def test_they_do_not_depend_on_the_process() -> None:
    """l, s and b are functions of lambda: measured on one process, right for all."""
    first, other = of_broad(), of_broad("flow")
    for name in ("l", "s", "b"):
        assert getattr(other, name) == pytest.approx(getattr(first, name), abs=1e-6)
    left, right = (carried(Empirical(2, first), EVERY[p], 8) for p in ("VP", "IR-SDE"))
    torch.testing.assert_close(left, right, rtol=0, atol=1e-12)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_the_order_is_kept(steps: int) -> None:
    solver = Empirical(steps, of_broad())
    measured, _ = measured_order(solver, VP, (16, 24, 36, 54, 80))
    assert measured > solver.order - 0.25


def test_integrals_of_a_table_are_exact() -> None:
    table = Statistics((0.0, 1.0, 3.0), (0.0, 2.0, 2.0), (0.0,) * 3, (0.0,) * 3)
    assert table.integral("l", np.array([-1.0, 0.5, 1.0, 2.0, 4.0])) == pytest.approx(
        [0.0, 0.25, 1.0, 3.0, 7.0]
    )


def test_the_ends_are_those_of_any_solver() -> None:
    """A last step returns the estimate, a start without signal is of first order."""
    seen: list[Tensor] = []

    def denoise(x, t, y, level):
        estimate = broad().denoiser(EVERY["flow"])(x, t, y, level)
        seen.append(estimate.x0)
        return estimate

    x = ends()[0]
    plan = Empirical(2, of_broad()).plan(EVERY["flow"], [1.0, 0.6, 0.3, 0.0])
    assert torch.equal(run_plan(denoise, x, plan, y=torch.zeros(3).double()), seen[-1])


def test_misuse_is_told() -> None:
    with pytest.raises(InputError, match="lambdas ascending"):
        Statistics((1.0, 0.0), (1.0, 1.0), (0.0, 0.0), (0.0, 0.0))
    with pytest.raises(UsageError, match="expected 1, 2 or 3"):
        Empirical(4)
    assert Empirical().statistics == plain()
