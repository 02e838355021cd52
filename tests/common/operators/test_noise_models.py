"""Noise models against densities of torch and scipy, and against their own draws."""

import pytest
import scipy.stats
import torch
from operator_cases import PLANE, complex_values, holes, kernel, values

from undrift.common.errors import InputError
from undrift.common.noise import Noise
from undrift.common.operators import (
    Average,
    Blur,
    Clip,
    Fourier,
    FromReal,
    Gaussian,
    Mask,
    Measurement,
    PoissonGaussian,
    Stacked,
    dense_matrix,
    stack,
)

BANDS = torch.tensor([0.1, 0.7], dtype=torch.float64).reshape(2, 1, 1)


@pytest.mark.parametrize("sigma", [0.3, BANDS, values(*PLANE).abs() + 0.1])
def test_gaussian_density_is_that_of_torch(sigma: float | torch.Tensor) -> None:
    y, signal = values(2, *PLANE), values(2, *PLANE, seed=1)
    want = torch.distributions.Normal(signal, sigma).log_prob(y).flatten(1).sum(1)
    torch.testing.assert_close(Gaussian(sigma).log_likelihood(y, signal), want)


def test_complex_noise_has_its_sigma_in_each_part() -> None:
    y, signal = complex_values(1, 2, 5), complex_values(1, 2, 5, seed=1)
    parts = torch.distributions.Normal(torch.view_as_real(signal), 0.4)
    want = parts.log_prob(torch.view_as_real(y)).flatten(1).sum(1)
    torch.testing.assert_close(Gaussian(0.4).log_likelihood(y, signal), want)


def test_what_was_not_measured_does_not_count() -> None:
    sigma = torch.where(holes(*PLANE) > 0, 0.2 * torch.ones(PLANE).double(), torch.inf)
    y, signal = values(1, *PLANE), values(1, *PLANE, seed=1)
    seen = holes(*PLANE)[None] > 0
    want = torch.distributions.Normal(signal[seen], 0.2).log_prob(y[seen]).sum()
    torch.testing.assert_close(Gaussian(sigma).log_likelihood(y, signal)[0], want)
    want = torch.sqrt((((y - signal) / 0.2)[seen] ** 2).mean())
    torch.testing.assert_close(Gaussian(sigma).chi(y, signal)[0], want)
    assert not bool(Gaussian(sigma).draw(signal, Noise(0))[~seen].any())


@pytest.mark.parametrize(
    ("model", "signal"),
    [
        (Gaussian(0.3), torch.zeros(1, 3, 60, 60)),
        (Gaussian(BANDS), torch.zeros(1, 2, 60, 60)),
        (Gaussian(0.2), torch.zeros(1, 1, 60, 60, dtype=torch.complex64)),
        (Gaussian(0.2), torch.zeros(1, 9000)),
        (PoissonGaussian(0.02, 0.05), torch.rand(1, 3, 60, 60) + 0.1),
        (PoissonGaussian(0.5), 5 * torch.rand(1, 3, 60, 60) + 5),
    ],
)
def test_chi_of_a_draw_is_one(model: Gaussian | PoissonGaussian, signal: torch.Tensor) -> None:
    y = model.draw(signal, Noise(3))
    assert y.dtype == signal.dtype
    assert float(model.chi(y, signal)) == pytest.approx(1, abs=0.04)
    assert torch.equal(y, model.draw(signal, Noise(3)))
    assert not torch.equal(y, model.draw(signal, Noise(3), draw=1))
    white = model.whiten(y - signal, signal)
    parts = torch.view_as_real(white) if white.is_complex() else white
    assert float(parts.std()) == pytest.approx(1, abs=0.04)


def test_poisson_counts_have_the_poisson_law() -> None:
    signal = torch.full((1, 1, 100, 100), 1.5)
    counts = (PoissonGaussian(0.5).draw(signal, Noise(1)) / 0.5).flatten().numpy()
    got = [float((counts == k).mean()) for k in range(8)]
    want = scipy.stats.poisson.pmf(range(8), 3.0)
    assert max(abs(a - b) for a, b in zip(got, want, strict=True)) < 0.015
    both = PoissonGaussian(0.5, 0.3).draw(signal, Noise(1))
    assert float(both.var()) == pytest.approx(0.5 * 1.5 + 0.09, rel=0.05)


def test_poisson_gaussian_density_has_the_variance_of_its_signal() -> None:
    y, signal = values(1, 4, 5), values(1, 4, 5, seed=1).abs()
    spread = torch.sqrt(0.2 * signal + 0.09)
    want = torch.distributions.Normal(signal, spread).log_prob(y).flatten(1).sum(1)
    torch.testing.assert_close(PoissonGaussian(0.2, 0.3).log_likelihood(y, signal), want)


def test_bad_noise_is_named() -> None:
    with pytest.raises(InputError, match="negative or NaN sigma"):
        Gaussian(-0.1)
    with pytest.raises(InputError, match="negative or NaN sigma"):
        Gaussian(float("nan"))
    with pytest.raises(InputError, match="gain <= 0"):
        PoissonGaussian(0.0)
    with pytest.raises(InputError, match="variance 0 somewhere, so no density"):
        Gaussian(0.0).log_likelihood(torch.zeros(1, 2), torch.zeros(1, 2))
    with pytest.raises(InputError, match="signal below 0"):
        PoissonGaussian(1.0).draw(-torch.ones(1, 1, 4, 4), Noise(0))
    with pytest.raises(InputError, match="expected 1; draw each alone"):
        Gaussian(1.0).draw(torch.zeros(2, 1, 4, 4), Noise(0))


def test_stacked_noise_is_each_parts_own() -> None:
    joint = stack(Average(PLANE, 2), Fourier(PLANE) @ FromReal(PLANE), Mask(holes(6, 8), PLANE))
    models = (Gaussian(0.1), Gaussian(0.3), PoissonGaussian(0.1, 0.2))
    model = Stacked(models, joint)
    x = values(1, *PLANE).abs()
    signal = joint(x)
    y = model.draw(signal, Noise(0))
    assert y.shape == signal.shape
    parts = list(zip(models, joint.split(y), joint.split(signal), strict=True))
    assert [part.is_complex() for _, part, _ in parts] == [False, True, False]
    torch.testing.assert_close(
        model.log_likelihood(y, signal), sum(n.log_likelihood(a, b) for n, a, b in parts)
    )
    want = torch.cat([n.variance(b).expand(b.shape).flatten(1) for n, _, b in parts], 1)
    torch.testing.assert_close(model.variance(signal), want)
    assert float(Measurement(y, joint, model).chi(x)) == pytest.approx(1, abs=0.1)
    with pytest.raises(InputError, match="got 1 noise models for 3"):
        Stacked((Gaussian(1.0),), joint)


@pytest.mark.parametrize(
    "sigma", [0.2, BANDS, values(*PLANE).abs() + 0.1, values(2, *PLANE).abs() + 0.1]
)
def test_posterior_mean_is_that_of_the_dense_problem(sigma: float | torch.Tensor) -> None:
    operator = Blur(kernel(3, 3), PLANE)
    y, z = values(2, *PLANE), values(2, *PLANE, seed=1)
    got = Measurement(y, operator, Gaussian(sigma)).posterior_mean(z, 0.5, tol=1e-13)
    matrix = dense_matrix(operator)
    for k in range(2):
        each = sigma[k] if isinstance(sigma, torch.Tensor) and sigma.ndim == 4 else sigma
        precision = (torch.as_tensor(each, dtype=torch.float64) ** -2).expand(PLANE).flatten()
        system = matrix.T @ (precision[:, None] * matrix) + torch.eye(96, dtype=torch.float64) / 0.5
        rhs = matrix.T @ (precision * y[k].flatten()) + z[k].flatten() / 0.5
        want = torch.linalg.solve(system, rhs).reshape(PLANE)
        torch.testing.assert_close(got[k], want, rtol=1e-9, atol=1e-9)


def test_whitening_keeps_closed_forms_where_it_can() -> None:
    y = values(1, 2, 3, 4)
    per_value = Gaussian(values(2, 3, 4).abs() + 0.1)
    assert Measurement(y, Average(PLANE, 2), per_value).whitened()[0].svd() is not None
    blur = Blur(kernel(3, 3), PLANE)
    y = values(1, *PLANE)
    assert Measurement(y, blur, Gaussian(BANDS)).whitened()[0].svd() is not None
    assert Measurement(y, blur, Gaussian(values(6, 8).abs() + 1)).whitened()[0].svd() is None


def test_a_measurement_with_missing_values() -> None:
    sigma = torch.where(holes(*PLANE) > 0, 0.2 * torch.ones(PLANE).double(), torch.inf)
    y, z = values(1, *PLANE), values(1, *PLANE, seed=1)
    blur = Blur(kernel(3, 3), PLANE)
    got = Measurement(y, blur, Gaussian(sigma)).posterior_mean(z, 0.5, tol=1e-13)
    matrix = dense_matrix(blur) * holes(*PLANE).flatten()[:, None]
    system = matrix.T @ matrix / 0.04 + torch.eye(96, dtype=torch.float64) / 0.5
    want = torch.linalg.solve(system, matrix.T @ y.flatten() / 0.04 + z.flatten() / 0.5)
    torch.testing.assert_close(got.flatten(), want, rtol=1e-9, atol=1e-9)


def test_gradient_is_that_of_the_log_likelihood() -> None:
    for operator in (Blur(kernel(3, 3), PLANE), Clip(PLANE)):
        x = values(1, *PLANE).requires_grad_()
        parts = Measurement(values(1, *PLANE, seed=1), operator, Gaussian(BANDS))
        (want,) = torch.autograd.grad(parts.log_likelihood(x).sum(), x)
        torch.testing.assert_close(parts.gradient(x.detach()), want)


def test_only_linear_operators_are_whitened() -> None:
    with pytest.raises(InputError, match="linearise it first"):
        Measurement(values(1, *PLANE), Clip(PLANE), Gaussian(0.1)).whitened()
