"""Whole runs and tables of published programs, written out beside ours."""

import math

import numpy as np
import pytest
import torch
from oracles import abs_at
from torch import Tensor

from undrift.common.external import External
from undrift.common.processes import DenoisingSDE, variance_preserving
from undrift.common.processes.mean_reverting import theta_rates, theta_table
from undrift.common.solvers import EulerMaruyama, ancestral
from undrift.common.solvers.loop import run_plan


@pytest.mark.parametrize("steps", [4, 8])
def test_syndiff_in_single_precision_loses_its_first_step(steps: int) -> None:
    """The tables of its program written out in float32; with first = 0 ours are the same."""
    t = 0.001 + 0.999 * np.arange(steps + 1) / steps
    kept = np.exp(-0.5 * t**2 * 19.9 - 0.1 * t)
    betas = np.append(1e-8, 1 - kept[1:] / kept[:-1]).astype(np.float32)
    roots = np.cumprod(np.sqrt(1 - betas))
    noise = np.sqrt(1 - roots**2)
    times = torch.arange(1, steps + 2, dtype=torch.float64) / (steps + 1)
    process = variance_preserving.syndiff(steps, first=0.0)
    np.testing.assert_allclose(process.a(times), roots, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(process.s(times), noise, rtol=1e-5, atol=1e-6)
    with_it = variance_preserving.syndiff(steps)
    assert noise[0] == 0 and abs_at(with_it, float(times[0]))[2] == pytest.approx(1e-4, rel=1e-7)
    np.testing.assert_allclose(with_it.s(times)[1:], noise[1:], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["ode", "sde"])
def test_a_run_of_the_denoising_sde_is_the_published_one(kind: str) -> None:
    """Euler steps from the step of a noise of 25/255 written out, and the posterior step."""
    level, rates_of = 75 / 255, theta_rates("cosine", 100)
    process = DenoisingSDE(level, clock=theta_table())
    rise = [math.fsum(rates_of[1 : i + 1]) for i in range(101)]
    dt = -math.log(0.04) / rise[-1]
    wanted = -math.log(1 - (25 / 75) ** 2 + 1e-6) / (2 * dt)
    begin = min(range(101), key=lambda i: abs(rise[i] - wanted))
    assert process.time_of_noise(25 / 255) == begin / 100

    def network(x: Tensor, t: float) -> Tensor:
        return 5.1 * (x - 0.5) + 0.02 * torch.tanh(3 * (x - 0.5)) + 0.01 * math.sin(5 * t)

    x, *noise = torch.rand(begin + 1, 1, 2, 3, dtype=torch.float64)
    expected = x
    for i in range(begin, 0, -1):
        faded = math.exp(-2 * rise[i] * dt)
        score = -network(expected, i / 100) / (level * math.sqrt(1 - faded))
        push = level**2 * rates_of[i] * dt * ((1 + faded) if kind == "sde" else faded)
        kick = level * math.sqrt(2 * rates_of[i] * dt) * noise[begin - i]
        expected = expected + push * score + (kick if kind == "sde" else 0)
    times = [i / 100 for i in range(begin, -1, -1)]
    solver = EulerMaruyama(eta=float(kind == "sde"), denoise_last=False, chain=True)
    plan = solver.plan(process, times)
    denoise = External(lambda x, y, t: network(x, t), process, "eps")
    found = run_plan(denoise, x, plan, draw=lambda k: noise[k - 1])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    late, early = (1 - math.exp(-2 * rise[i] * dt) for i in (40, 39))
    (step,) = ancestral().plan(process, [0.4, 0.39])
    assert step.A[0] == pytest.approx(math.exp(-rates_of[40] * dt) * early / late, rel=1e-9)
    assert step.A[0] + step.B[0] == pytest.approx(1, rel=1e-12)
