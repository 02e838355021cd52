"""MRS, a preset of the exponential integrator: its orders, its time grids, its thresholding."""

import itertools

import pytest
import torch
from oracles import EVERY
from paths import close

from undrift.common.denoisers import Estimate
from undrift.common.errors import UsageError
from undrift.common.grids import uniform
from undrift.common.solvers import Exponential, build_solver
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


def test_thresholding_pulls_inwards() -> None:
    x0 = torch.linspace(-2, 2, 101, dtype=torch.float64).reshape(1, 1, 101).repeat(2, 1, 1)
    x0[1] *= 0.2
    estimate = thresholded(lambda *_: Estimate(x0), ratio=0.9, limit=1.7)(x0, 0.5, None, None)
    assert float(estimate.x0[0].abs().max()) == 1.0  # the quantile 1.8 is held at 1.7
    assert float(estimate.x0[0, 0, 60]) == pytest.approx(0.4 / 1.7)
    assert torch.equal(estimate.x0[1], x0[1])  # within [-1, 1] nothing changes
    with pytest.raises(UsageError, match="at least 1"):
        thresholded(lambda *_: Estimate(x0), limit=0.5)
