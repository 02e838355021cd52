"""MRS, a preset of the exponential integrator: its orders, its time grids, its thresholding."""

import itertools
import math

import pytest
import torch
from oracles import EVERY, abs_at
from paths import close
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import UsageError
from undrift.common.external import External
from undrift.common.grids import uniform
from undrift.common.solvers import Exponential, build_solver
from undrift.common.solvers.loop import run_plan
from undrift.common.solvers.mrs import VARIANTS, published_orders
from undrift.common.solvers.mrs_tables import TIMESTEPS, mrs_tables, mrs_timesteps
from undrift.common.solvers.threshold import thresholded


@pytest.mark.parametrize("variant", VARIANTS)
def test_mrs_on_our_own_process_is_the_exponential_integrator(variant: str) -> None:
    equation, letter, order = variant.split("-")
    times = uniform(EVERY["IR-SDE"], 12, 0.3)
    expected = Exponential(
        int(order), float(equation == "sde"), {"d": "data", "n": "noise"}[letter], "taylor",
        lower_final=False, published_third=True,
    )  # fmt: skip
    found = build_solver(f"mrs-{variant}").plan(EVERY["IR-SDE"], times)
    close(found, expected.plan(EVERY["IR-SDE"], times))


def test_the_orders_of_mrs_fall_before_the_last_step_of_short_runs() -> None:
    assert published_orders(2, 5) == (1, 2, 2, 1, 2)
    assert published_orders(3, 6) == (1, 2, 3, 2, 1, 3)
    assert published_orders(3, 10) == (1, 2, *[3] * 8)
    assert published_orders(1, 2) == (1, 1)
    assert published_orders(3, 1) == (1,)


def test_the_time_grids_of_mrs() -> None:
    tables = mrs_tables()
    for kind in TIMESTEPS:
        steps = mrs_timesteps(kind, tables, 7)
        assert len(steps) == 8
        assert all(new < old for old, new in itertools.pairwise(steps))
    assert mrs_timesteps("leading", tables, 4, offset=3) == [83, 63, 43, 23, 3]
    lam = [tables.lam(t / 100) for t in mrs_timesteps("linear-lambda", tables, 6)]
    gaps = [new - old for old, new in itertools.pairwise(lam)]
    assert max(gaps) - min(gaps) < 1e-4
    with pytest.raises(UsageError, match="did you mean 'trailing'"):
        mrs_timesteps("trailling", tables, 5)


def by_hand(
    variant: str, nodes: list[tuple[float, float, float]], x: Tensor, mu: Tensor, noise: Tensor
) -> Tensor:
    """The published updates one by one, on nodes (a, s, lambda), with the orders of its loop."""
    equation, letter, order = variant.split("-")
    count, past = len(nodes) - 1, []  # past: (value, lambda), newest first
    for i in range(1, count + 1):
        (a0, s0, l0), (a1, s1, l1) = nodes[i - 1], nodes[i]
        now = min(i, int(order))
        if count < 10 and int(order) <= i < count:
            now = min(now, count - i)
        e = network(x, mu, i)
        past.insert(0, ((x - s0 * e - (1 - a0) * mu) / a0 if letter == "d" else e, l0))
        h, first, D2 = l1 - l0, torch.zeros_like(x), 0.0
        if now > 1:
            first = (past[0][0] - past[1][0]) * h / (past[0][1] - past[1][1])
        D1 = first
        if now > 2:
            r0, r1 = (past[0][1] - past[1][1]) / h, (past[1][1] - past[2][1]) / h
            second = (past[1][0] - past[2][0]) / r1
            D1, D2 = first + r0 / (r0 + r1) * (first - second), (first - second) / (r0 + r1)
        noisy, k = equation == "sde", 2 if equation == "sde" else 1
        if letter == "n":
            f1 = math.expm1(h)
            f2, f3 = f1 / h - 1, (f1 / h - 1) / h - 0.5
            x = a1 / a0 * x + (1 - a1 / a0) * mu
            x = x - k * s1 * (f1 * past[0][0] + f2 * D1 + f3 * D2)
            x = x + noisy * s1 * math.sqrt(math.exp(2 * h) - 1) * noise[i - 1]
            continue
        keep = s1 / s0 * math.exp(-h) if noisy else s1 / s0
        f1 = -math.expm1(-k * h)
        f2, f3 = 1 - f1 / (k * h), 0.5 - (1 - f1 / h) / h
        of_mu = 1 - keep + keep * a0 - a1
        if noisy:
            of_mu = 1 - a1 / a0 * math.exp(-2 * h) - a1 * f1
        x = keep * x + of_mu * mu + a1 * (f1 * past[0][0] + f2 * D1 + f3 * D2)
        x = x + noisy * s1 * math.sqrt(f1) * noise[i - 1]
    return x


def network(x: Tensor, mu: Tensor, call: int) -> Tensor:
    return 5.1 * (x - mu) + 0.02 * torch.tanh(3 * (x - mu)) + 0.01 * math.sin(call)


@pytest.mark.parametrize("count", [3, 5, 8, 12])
@pytest.mark.parametrize("schedule", ["linspace", "linear-lambda"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_mrs_is_the_published_program_at_any_number_of_calls(
    variant: str, schedule: str, count: int
) -> None:
    tables = mrs_tables()
    times = [t / 100 for t in mrs_timesteps(schedule, tables, count)]
    nodes = [(abs_at(tables, t)[0], abs_at(tables, t)[2], tables.lam(t)) for t in times]
    mu, begin, *noise = torch.rand(2 + count, 1, 3, 4, 4, dtype=torch.float64)
    calls = iter(range(1, count + 1))
    denoise = External(lambda x, y, t: network(x, mu, next(calls)), tables, "eps")
    plan = build_solver(f"mrs-{variant}").plan(tables, times)
    found = run_plan(denoise, begin, plan, y=mu, draw=lambda k: noise[k - 1])
    expected = by_hand(variant, nodes, begin, mu, torch.stack(noise))
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-7)


def test_thresholding_pulls_inwards() -> None:
    x0 = torch.linspace(-2, 2, 101, dtype=torch.float64).reshape(1, 1, 101).repeat(2, 1, 1)
    x0[1] *= 0.2
    estimate = thresholded(lambda *_: Estimate(x0), ratio=0.9, limit=1.7)(x0, 0.5, None, None)
    assert float(estimate.x0[0].abs().max()) == 1.0  # the quantile 1.8 is held at 1.7
    assert float(estimate.x0[0, 0, 60]) == pytest.approx(0.4 / 1.7)
    assert torch.equal(estimate.x0[1], x0[1])  # within [-1, 1] nothing changes
    with pytest.raises(UsageError, match="at least 1"):
        thresholded(lambda *_: Estimate(x0), limit=0.5)
