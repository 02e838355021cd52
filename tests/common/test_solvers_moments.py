"""Solvers on Gaussian data: exact means and variances, exact special cases, no sampling.

`oracles.law` carries a state as its coefficients in (1, x_T, draws) through the real loop, so every
figure here is exact up to rounding.
"""

import pytest
import torch
from oracles import EVERY, abs_at, flow_of_gaussian, gaussian
from paths import regular
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError, UsageError
from undrift.common.grids import uniform
from undrift.common.processes import BrownianBridge, Process
from undrift.common.solvers import (
    DDIM,
    SOLVERS,
    EulerMaruyama,
    Exponential,
    Heun,
    Solver,
    UniPC,
    ancestral,
    build_solver,
    deis,
    summary,
)  # fmt: skip
from undrift.common.solvers.loop import run_plan
from undrift.common.solvers.plan import nodes

DATA = gaussian([0.3, -0.2, 0.1], [0.30, 0.20, 0.35])
Y = torch.tensor([0.5, 0.1, -0.4], dtype=torch.float64)
DETERMINISTIC: dict[str, Solver] = {
    **{name: build_solver(name) for name in SOLVERS if not summary(name).noisy},
    "exponential 2 taylor": Exponential(2, rule="taylor"),
    "exponential 3 published": Exponential(3, published_third=True),
    "noise 1": Exponential(1, form="noise"),
    "data AB 2 in w": deis(2, "w", "data"),
    "UniPC in noise, bh1": UniPC(2, "noise", "bh1"),
}
# "auto" ends on the line through two estimates, and Euler in t is exact for straight paths only.
RETURNING = [name for name in DETERMINISTIC if name != "auto"]
EXACT = [name for name in DETERMINISTIC if name != "euler"]


@pytest.fixture(params=EVERY)
def process(request: pytest.FixtureRequest) -> Process:
    return EVERY[request.param]


@pytest.mark.parametrize("name", RETURNING)
def test_the_last_step_returns_the_estimate(name: str, process: Process) -> None:
    seen: list[tuple[Tensor, Tensor]] = []
    run_plan(
        lambda x, t, y, level: Estimate(torch.sin(3 * x)),
        torch.tensor([[0.7, -0.3]], dtype=torch.float64),
        DETERMINISTIC[name].plan(process, uniform(process, 4, 0.3, start=0.9)),
        y=torch.tensor([[0.2, 0.5]], dtype=torch.float64),
        watch=lambda k, x, estimate: seen.append((x, estimate.x0)),
    )
    assert torch.equal(*seen[-1])


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("steps", [1, 3, 16])
def test_a_constant_estimate_is_solved_exactly(name: str, steps: int, process: Process) -> None:
    x0, u = torch.tensor([0.4, -0.7], dtype=torch.float64), torch.tensor([1.1, -0.6]).double()
    times = regular(process, steps)
    (a, b, s), (a1, b1, s1) = abs_at(process, times[0]), abs_at(process, times[-1])
    y = Y[:2]
    x = run_plan(
        lambda x, t, y, level: Estimate(x0),
        a * x0 + b * y + s * u,
        DETERMINISTIC[name].plan(process, times),
        y=y,
    )
    torch.testing.assert_close(x, a1 * x0 + b1 * y + s1 * u, rtol=0, atol=1e-12)


@pytest.mark.parametrize("form", ["data", "noise"])
@pytest.mark.parametrize("order", [1, 2])
def test_a_constant_noise_is_solved_exactly(form: str, order: int, process: Process) -> None:
    """With eps fixed along the path, D = (z - s eps)/a keeps v - rho eps, as any order must."""
    eps = torch.tensor([0.8, -1.2], dtype=torch.float64)
    times = regular(process, 6)

    def denoise(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        a, b, s = abs_at(process, t)
        return Estimate((x - b * (0 if y is None else y) - s * eps) / a)

    (a, b, s), (a1, b1, s1) = abs_at(process, times[0]), abs_at(process, times[-1])
    x = torch.tensor([0.3, 0.9], dtype=torch.float64)
    exact = a1 / a * (x - b * Y[:2] - s * eps) + s1 * eps + b1 * Y[:2]
    found = run_plan(denoise, x, Exponential(order, form=form).plan(process, times), y=Y[:2])
    torch.testing.assert_close(found, exact, rtol=0, atol=1e-12)


def test_first_order_solvers_are_one_map(process: Process) -> None:
    """DDIM, and order 1 in data and in noise form; with eta = 1 also ancestral where phi = a."""
    times = regular(process, 4)
    first = DDIM().plan(process, times)
    for form in ("data", "noise"):
        for left, right in zip(first, Exponential(1, form=form).plan(process, times), strict=True):
            assert right.A[0] == pytest.approx(left.A[0], rel=1e-11)
            assert right.B[0] == pytest.approx(left.B[0], rel=1e-11)
            assert abs(right.C - left.C) < 1e-12
    if all(n.phi == n.a for n in nodes(process, times)):
        for left, right in zip(
            ancestral().plan(process, times), Exponential(1, 1.0).plan(process, times), strict=True
        ):
            assert right.A[0] == pytest.approx(left.A[0], rel=1e-11)
            assert right.sigma == pytest.approx(left.sigma, rel=1e-11)


@pytest.mark.parametrize(
    "solver",
    [DDIM(), ancestral(), Exponential(2), Exponential(3, eta=1.0), Heun(), EulerMaruyama()],
)
def test_a_pinned_start_draws_all_of_its_noise(solver: Solver) -> None:
    """From x_T = y the first step is a1 D + b1 y + s1 xi, whatever the solver."""
    process = BrownianBridge()
    first = solver.plan(process, uniform(process, 4, 0.3))[0]
    a1, b1, s1 = abs_at(process, 0.75)
    assert (first.t, first.A[0], first.B[0], first.C, first.sigma) == (1.0, 0.0, a1, b1, s1)


def test_fewer_steps_than_fifteen_end_at_lower_order(process: Process) -> None:
    times = regular(process, 6)
    weights = [len(step.B) for step in Exponential(3).plan(process, times)]
    assert weights == [1, 2, 3, 3, 2, 1]
    full = Exponential(2, lower_final=False).plan(process, times)
    assert [len(step.B) for step in full] == [1, 2, 2, 2, 2, 2]


def test_the_exact_flow_of_a_gaussian_is_the_limit(process: Process) -> None:
    """Third order with 200 steps meets the closed-form map, which checks the oracle too."""
    times = regular(process, 200)
    x = torch.tensor([[1.0, -2.0, 0.4]], dtype=torch.float64)
    found = run_plan(DATA.denoiser(process), x, Exponential(3).plan(process, times), y=Y)
    exact = flow_of_gaussian(DATA, process, x, Y, times[0], times[-1])
    torch.testing.assert_close(found, exact, rtol=0, atol=2e-6)


def test_solvers_are_built_by_name() -> None:
    assert build_solver("ddim") == DDIM()
    assert build_solver("ancestral") == ancestral()
    assert build_solver("multistep-3") == Exponential(3)
    assert build_solver("sde-multistep-2") == Exponential(2, eta=1.0)
    assert build_solver("euler") == EulerMaruyama(eta=0.0)
    for name in SOLVERS:
        assert len(build_solver(name).plan(BrownianBridge(), [0.9, 0.5, 0.0])) >= 2


def test_misuse_is_told(process: Process) -> None:
    with pytest.raises(InputError, match="two or more strictly descending times"):
        DDIM().plan(process, [0.5, 0.5])
    with pytest.raises(InputError, match="two or more strictly descending times"):
        DDIM().plan(process, [1.2, 0.5])
    with pytest.raises(UsageError, match="expected 1, 2, 3 or 4"):
        Exponential(5)
    with pytest.raises(UsageError, match=r"data\|noise"):
        Exponential(2, form="velocity")
    with pytest.raises(UsageError, match="did you mean 'ddim'"):
        build_solver("dim")
    x = torch.zeros(1, 2)
    with pytest.raises(InputError, match="pass draw, or choose eta = 0"):
        run_plan(lambda x, *_: Estimate(x), x, ancestral().plan(process, [0.8, 0.4]), y=x)
    if process.needs_degraded:
        with pytest.raises(InputError, match="joins x0 to y; pass y"):
            run_plan(lambda x, *_: Estimate(x), x, DDIM().plan(process, [0.8, 0.4]))
