"""Bridges with a second measurement converge to the posterior given both: exact laws."""

import pytest
import torch
from bridge_posterior import BRIDGES, found, told, truth, untold
from gaussian_posterior import SIZE, arrays, distance, prior, some

from undrift.common.solvers import DDIM, Exponential, Heun, Solver


def error(name: str, solver: Solver, calls: int) -> float:
    return distance(found(name, told(BRIDGES[name]), solver, calls), truth())[0]


@pytest.mark.parametrize("name", BRIDGES)
@pytest.mark.parametrize("t", [0.9, 0.5, 0.1])
def test_the_conditional_denoiser_knows_both(name: str, t: float) -> None:
    """Against the exact denoiser of the posterior given y and m."""
    process, y = BRIDGES[name], arrays("gaussian_bridge")["y_degraded"][None]
    x = some(2, SIZE)
    both = prior(*truth(), process)(x, t, y, None).x0
    torch.testing.assert_close(told(process)(x, t, y).x0, both, rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", BRIDGES)
def test_without_the_measurement_a_bridge_is_far_off(name: str) -> None:
    law = found(name, untold(BRIDGES[name]), Exponential(2), 20)
    assert distance(law, truth())[0] == pytest.approx(0.69, abs=0.02)


@pytest.mark.parametrize("name", BRIDGES)
@pytest.mark.parametrize(("calls", "bar"), [(10, 0.05), (20, 0.025), (50, 0.008)])
def test_second_order_reaches_the_posterior_given_both(name: str, calls: int, bar: float) -> None:
    """The bars of a plain diffusion."""
    assert error(name, Exponential(2), calls) < bar


@pytest.mark.parametrize("name", BRIDGES)
def test_other_solvers_converge_to_it_too(name: str) -> None:
    """First order halves its error from 10 to 20 calls, the noisy second order is below .05."""
    assert error(name, DDIM(), 20) < 0.6 * error(name, DDIM(), 10)
    assert error(name, Exponential(2, eta=1.0), 20) < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("name", BRIDGES)
@pytest.mark.parametrize(("solver", "bar"), [
    (DDIM(), 0.03), (DDIM(1.0), 0.05), (Exponential(2, eta=1.0), 0.002), (Heun(), 0.008),
])  # fmt: skip
def test_a_hundred_steps(name: str, solver: Solver, bar: float) -> None:
    assert error(name, solver, 100) < bar
