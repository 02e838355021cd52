"""Drifts integrated as they come: orders, Foellmer forecasting, interpolants."""

import math

import numpy as np
import pytest
import torch
from oracles import abs_at, number
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.external import External
from undrift.common.predictions import target, weights
from undrift.common.processes import (
    Foellmer,
    StochasticInterpolant,
    foellmer,
)
from undrift.common.processes.process import marginal
from undrift.common.solvers import EulerMaruyama
from undrift.common.solvers.fields import integrate

SHAPE = (1, 2, 3)


def draws(count: int) -> Tensor:
    return torch.randn(count, *SHAPE, dtype=torch.float64)


@pytest.mark.parametrize("method", ["euler", "heun", "rk4"])
def test_drifts_are_integrated_to_their_order(method: str) -> None:
    """dx = -x du; "heun" is of first order, for both its slopes are at the end of the step."""
    x = torch.ones(1, 1, dtype=torch.float64)
    errors = []
    for count in (20, 40):
        times = np.linspace(0, 1, count + 1).tolist()
        last = integrate(lambda x, u: -u * x, x, times, method=method)[-1]
        errors.append(abs(float(last) - math.exp(-0.5)))
    order = math.log2(errors[0] / errors[1])
    assert order == pytest.approx({"euler": 1, "heun": 1, "rk4": 4}[method], abs=0.15)


def test_integrators_say_what_they_need() -> None:
    x = draws(1)[0]
    with pytest.raises(InputError, match="not one of euler, heun, rk4"):
        integrate(lambda x, u: x, x, [0.0, 1.0], method="midpoint")
    with pytest.raises(InputError, match="needs draw"):
        integrate(lambda x, u: x, x, [0.0, 1.0], diffusion=0.1)


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("other", [False, True])
def test_foellmer_forecasting_as_published(power: int, other: bool) -> None:
    """Twelve Euler-Maruyama steps from y written out, also with g = 1.5 (1 - u)."""
    process = Foellmer(0.8, power)
    y, *noise = draws(13)

    def net(x: Tensor, u: float) -> Tensor:
        return torch.tanh(0.3 * x + 0.5 * y) * (1 + 0.1 * u)

    ts = torch.linspace(0, 0.999, 12).double()
    h, x, mean = ts[1] - ts[0], y, y
    for k in range(12):
        u = ts[1] if other and k == 0 else ts[k]
        alpha, beta, sigma = 1 - u, u**power, 0.8 * (1 - u)
        slope = power * u ** (power - 1)
        drift, g = net(x, float(u)), sigma
        if other:
            g = 1.5 * (1 - u)
            above = -beta * drift - beta * y + slope * x - slope * alpha * y
            score = above / ((-0.8 * beta - slope * sigma) * sigma * u)
            drift = drift + (g**2 - sigma**2) / 2 * score
        mean = x + drift * h
        x = mean + g * noise[k] * h.sqrt()

    times, step = foellmer.published_times(12)
    field, g = net, process.sigma
    if other:
        times[0], g = times[1], lambda u: 1.5 * (1 - u)
        field = process.with_diffusion(net, y, g)
    found = integrate(
        field, y, times, diffusion=g, draw=lambda k: noise[k - 1], quiet_end=True, step=step
    )
    torch.testing.assert_close(found[-1], mean, rtol=0, atol=1e-13)


def test_the_foellmer_drift_and_score_are_those_of_its_path() -> None:
    """The "drift" target is alpha' y + beta' x0 + sigma' sqrt(u) z, and the score follows."""
    process, (x0, y, z) = Foellmer(0.8), draws(3)
    for u in (0.2, 0.7):
        t = number(1 - u)
        drift = target(weights("drift", process, t), x0, y, z)
        expected = -y + 2 * u * x0 - 0.8 * math.sqrt(u) * z
        torch.testing.assert_close(drift, expected, rtol=0, atol=1e-13)
        x = marginal(process, x0, y, t, z)
        score = process.score(drift, x, y, u)
        torch.testing.assert_close(score, -z / process.s(t), rtol=1e-12, atol=1e-12)


def test_a_drift_and_a_score_give_both_ends() -> None:
    """An interpolant's pair: b = -velocity, and b = v - gamma gamma' s holds for the targets."""
    process, (x0, y, z) = StochasticInterpolant("trig", "bsquared"), draws(3)
    for t in (0.8, 0.3):
        time = number(t)
        x = marginal(process, x0, y, time, z)
        pair = ("velocity", "score")
        outputs = tuple(target(weights(name, process, time), x0, y, z) for name in pair)
        estimate = External(lambda x, y, t, out=outputs: out, process, pair)(x, t)
        torch.testing.assert_close(estimate.x0, x0, rtol=0, atol=1e-12)
        assert estimate.y is not None
        torch.testing.assert_close(estimate.y, y, rtol=0, atol=1e-12)
        still = StochasticInterpolant("trig", "bsquared")
        u = 1 - time
        slopes = [
            torch.func.jvp(f, (u,), (torch.ones_like(u),))[1] for f in (still.alpha, still.beta)
        ]
        v = slopes[0] * y + slopes[1] * x0
        torch.testing.assert_close(-outputs[0], v - process.half_slope(u) * outputs[1])


@pytest.mark.parametrize("free", [0.0, 0.02, 0.3])
def test_a_free_noise_keeps_the_marginals(free: float) -> None:
    """With x0 known the SDE of any eps has the marginals of the path, up to its step size."""
    process, times = StochasticInterpolant(), np.linspace(0.9, 0.3, 4001).tolist()
    plan = EulerMaruyama(free=free).plan(process, times)
    (a, b, s), (a1, b1, s1) = abs_at(process, 0.9), abs_at(process, 0.3)
    x0, y = 0.7, -0.4
    mean, variance = a * x0 + b * y, s**2
    for step in plan:
        mean = step.A[0] * mean + step.B[0] * x0 + step.C * y
        variance = step.A[0] ** 2 * variance + step.sigma**2
    assert mean == pytest.approx(a1 * x0 + b1 * y, abs=2e-3)
    assert variance == pytest.approx(s1**2, rel=3e-3)
    assert all((step.sigma > 0) == (free > 0) for step in plan)


def test_a_path_whose_noise_falls_has_no_sde_of_its_own() -> None:
    process, times = StochasticInterpolant(gamma="sinesquared"), [0.9, 0.8, 0.7]
    with pytest.raises(InputError, match="free="):
        EulerMaruyama().plan(process, times)
    assert len(EulerMaruyama(free=0.1).plan(process, times)) == 2
