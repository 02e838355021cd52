"""DDNM+ as a conditional denoiser, and the spread of signals read off a measurement."""

import pytest
import torch
from gaussian_posterior import NAMES, SIZE, VP, arrays, measured, prior, some
from oracles import abs_at

from undrift.common.errors import InputError
from undrift.common.operators import Average, Blur, CoilFourier, FromReal, Mask, gaussian_kernel
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.matrix import Matrix
from undrift.common.posterior.proximal import DDNM, ScaledDDNM
from undrift.common.posterior.spread import estimated_spread


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("t", [0.9, 0.5, 0.1])
def test_each_direction_has_its_own_share(name: str, t: float) -> None:
    """Against the dense decomposition of the matrix, direction by direction."""
    p, x = arrays("gaussian_problem"), some(3, SIZE)
    method = measured(name, ScaledDDNM)
    a, _, s = abs_at(VP, t)
    u, values, vt = torch.linalg.svd(p[f"{name}_A"], full_matrices=False)
    clean = method.denoise(x, t, None, None).x0
    left = (p[f"{name}_y"] - clean @ p[f"{name}_A"].T) @ u
    share = (values * s / a / 0.1).clamp(max=1)
    expected = clean + left * share / values @ vt
    torch.testing.assert_close(method(x, t).x0, expected, rtol=0, atol=1e-9)


def test_with_much_noise_in_the_state_it_projects() -> None:
    x = some(2, SIZE)
    plain = measured("sr2", DDNM)(x, 0.9).x0
    torch.testing.assert_close(measured("sr2", ScaledDDNM)(x, 0.9).x0, plain, rtol=0, atol=1e-9)


def test_it_needs_a_decomposition_and_says_so() -> None:
    blur = Blur(gaussian_kernel(0.5), (1, 8, 8), border="reflect")
    p = arrays("gaussian_problem")
    denoise = prior(p["prior_mean"], p["prior_cov"])
    with pytest.raises(InputError, match=r"cheap SVD.*DiffPIR"):
        ScaledDDNM(denoise, VP, blur, torch.zeros(1, 1, 8, 8), 0.1)


OPERATORS: dict[str, LinearOperator] = {
    "average": Average((1, 32, 32), 2),
    "mask": Mask((torch.arange(32) % 3 > 0).double().expand(1, 32, 32), (1, 32, 32)),
    "reflected blur": Blur(gaussian_kernel(1.0), (1, 32, 32), border="reflect"),
    "coils": CoilFourier(
        torch.ones(2, 32, 32, dtype=torch.complex128), (1, 32, 32), torch.ones(32).double()
    )
    @ FromReal((1, 32, 32)),
}


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("spread", [0.15, 0.4])
def test_the_spread_of_signals_is_found_through_any_operator(name: str, spread: float) -> None:
    operator, sigma = OPERATORS[name], 0.05
    x = 0.5 + spread * some(40, 1, 32, 32)
    seen = operator(x)
    noise = some(*seen.shape, seed=2)
    if seen.is_complex():
        noise = torch.complex(noise, some(*seen.shape, seed=3))
    found = estimated_spread(operator, seen + sigma * noise, sigma)
    assert found == pytest.approx(spread, rel=0.04)


def test_a_measurement_that_is_all_noise_has_the_least_spread() -> None:
    operator = Matrix(torch.eye(16, dtype=torch.float64), (16,))
    seen = torch.full((1, 16), 0.5, dtype=torch.float64)
    assert estimated_spread(operator, seen, 1.0) == pytest.approx(1e-3)
