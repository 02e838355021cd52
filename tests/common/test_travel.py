"""Time travel: the order of visits, what is put back, and the law of the hole."""

import itertools

import pytest
import torch
from oracles import number
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import UsageError
from undrift.common.processes import Process, VariancePreserving
from undrift.common.processes.residual_shift import published
from undrift.common.solvers.loop import run_plan
from undrift.common.solvers.plan import calls
from undrift.common.solvers.travel import TimeTravel, visits

MASK = torch.tensor([[[0.0, 1.0]]], dtype=torch.float64)  # the second value is to be made


def test_the_published_counts_of_visits() -> None:
    """300 steps: 598 calls for (2, 2), 1480 for (5, 5), 2910 for (10, 10)."""
    for jump, times, expected in ((2, 2, 598), (5, 5, 1480), (10, 10, 2910)):
        walk = visits(300, jump, times)
        down = sum(later < now for now, later in itertools.pairwise(walk))
        assert down == expected


def test_a_walk_moves_one_step_at_a_time_and_ends_clean() -> None:
    walk = visits(12, 3, 4)
    assert walk[0] == 11
    assert walk[-1] == -1
    assert {abs(a - b) for a, b in itertools.pairwise(walk)} == {1}


@pytest.mark.parametrize("process", [VariancePreserving(), published()])
def test_going_up_keeps_the_marginal(process: Process) -> None:
    """N(a x0 + b y, s^2) is carried to the law of the noisier time."""
    plan = TimeTravel(MASK, MASK, jump=1, times=2).plan(process, [0.8, 0.5, 0.2, 0.0])
    (up,) = [s for s in plan if not s.calls and s.A[0] != 1.0 and s.t == 0.2]
    a, b, s, a1, b1, s1 = (
        float(f(number(t))) for t in (0.2, 0.5) for f in (process.a, process.b, process.s)
    )
    assert up.A[0] * a == pytest.approx(a1, rel=1e-12)
    assert up.A[0] * b + up.C == pytest.approx(b1, abs=1e-12)
    assert (up.A[0] * s) ** 2 + up.sigma**2 == pytest.approx(s1**2, rel=1e-12)


def denoiser(process: Process, correlation: float):
    """E[x0 | x_t] of two standard normals with a correlation."""
    covariance = torch.tensor([[1.0, correlation], [correlation, 1.0]], dtype=torch.float64)

    def denoise(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        a, s = float(process.a(number(t))), float(process.s(number(t)))
        eye = torch.eye(2, dtype=torch.float64)
        gain = a * covariance @ torch.linalg.inv(a**2 * covariance + s**2 * eye)
        return Estimate(x @ gain.T)

    return denoise


def made(jump: int, times: int) -> tuple[float, float]:
    """Mean and deviation of the second value where the first is known to be 1."""
    process, known = VariancePreserving(), torch.tensor([[[1.0, 0.0]]], dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    shape = (6000, 1, 2)

    def draw(k: int) -> Tensor:
        return torch.randn(shape, dtype=torch.float64, generator=generator)

    times_ = [1 - i / 30 for i in range(30)] + [0.0]
    plan = TimeTravel(MASK, known, jump, times).plan(process, times_)
    x = run_plan(denoiser(process, 0.9), draw(0), plan, draw=draw)
    assert torch.equal(x[..., 0], torch.ones_like(x[..., 0]))  # put back exactly
    return float(x[..., 1].mean()), float(x[..., 1].std())


def test_travelling_brings_the_hole_nearer_to_its_conditional_law() -> None:
    """Given 1 with correlation .9 the other has mean .9; replacement alone misses it."""
    errors = [abs(made(3, times)[0] - 0.9) for times in (1, 4, 16)]
    assert errors[0] > 1.5 * errors[1]
    assert errors[1] > errors[2]


def test_the_number_of_calls_is_the_number_of_steps_down() -> None:
    plan = TimeTravel(MASK, MASK, 2, 2).plan(VariancePreserving(), [1.0, 0.8, 0.6, 0.4, 0.2, 0.0])
    walk = visits(5, 2, 2)
    assert calls(plan) == sum(b < a for a, b in itertools.pairwise(walk))


def test_numbers_below_one_are_refused() -> None:
    with pytest.raises(UsageError, match="expected numbers from 1"):
        visits(10, 0, 2)
