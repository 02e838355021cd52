"""The covariance of a stationary field: exact where the signals are one."""

import itertools
from collections.abc import Callable

import pytest
import torch
from gaussian_posterior import SPREAD, VP, arrays, distance, law
from oracles import number
from scipy.fft import dct, dctn
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError
from undrift.common.grids import by_log_snr
from undrift.common.operators import (
    Average,
    Blur,
    Fourier,
    FromReal,
    Gamma,
    GaussianBlur,
    Mask,
    Matrix,
    Sample,
    dense_matrix,
    gaussian_kernel,
)
from undrift.common.operators.linear import LinearOperator
from undrift.common.posterior.spectrum import Field, Spectrum, cosines, uncosines
from undrift.common.posterior.stationary import Stationary
from undrift.common.posterior.warm import Warm
from undrift.common.solvers import Exponential
from undrift.common.solvers.loop import run_plan

SHAPE = (3, 8, 6)
MATERN = Spectrum(SPREAD, slope=3.0, knee=1.2 / 8)  # the prior of the 8 x 8 problem
HALF = (torch.arange(48).reshape(8, 6) % 3 != 1).double()


def values(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("n", [1, 2, 7, 8])
def test_cosines_are_those_of_scipy_and_their_inverse_is_their_transpose(n: int) -> None:
    x = values(3, n)
    expected = torch.from_numpy(dct(x.numpy(), norm="ortho"))
    torch.testing.assert_close(cosines(x), expected, rtol=0, atol=1e-13)
    torch.testing.assert_close(uncosines(expected), x, rtol=0, atol=1e-13)
    both = torch.complex(x, values(3, n, seed=1))
    torch.testing.assert_close(uncosines(cosines(both)), both, rtol=0, atol=1e-13)


def test_the_spectrum_of_the_problem_is_that_of_its_prior() -> None:
    """Its covariance is circulant: eigenvalues are the power of the Fourier modes."""
    mean, rest = MATERN.modes((1, 8, 8), "fourier")
    eigenvalues = torch.linalg.eigvalsh(arrays("gaussian_problem")["prior_cov"])
    torch.testing.assert_close(mean.flatten().sort().values, eigenvalues, rtol=1e-9, atol=1e-12)
    assert torch.equal(mean, rest)  # one channel has no differences


def covariance(spectrum: Spectrum, shape: tuple[int, ...]) -> Tensor:
    """The dense covariance, by the cosine transform of scipy and a rotation of the channels."""
    n = int(torch.Size(shape).numel())
    eye = torch.eye(n, dtype=torch.float64).reshape(n, *shape)
    turned = torch.from_numpy(dctn(eye.numpy(), axes=tuple(range(2, 1 + len(shape))), norm="ortho"))
    mean, rest = spectrum.modes(shape)
    channels = shape[0]
    grey = torch.full((channels, channels), 1 / channels, dtype=torch.float64)
    part = torch.einsum("cd,nd...->nc...", grey, turned)
    scaled = mean * part + rest * (turned - part)
    return turned.reshape(n, n) @ scaled.reshape(n, n).T


def test_every_pixel_has_the_stated_variance_and_colours_are_tied() -> None:
    c = covariance(Spectrum(0.3, chroma=0.1), (3, 16, 16))
    assert c.trace() / len(c) == pytest.approx(0.09, rel=1e-12)
    one = c.reshape(3, 256, 3, 256).diagonal(dim1=1, dim2=3).mean(-1)
    tied = (1 - 0.1) / (1 + 2 * 0.1)  # powers 1 : .1 : .1 of the mean and of two differences
    assert one[0, 1] / one[0, 0] == pytest.approx(tied, rel=1e-9)


def exact(c: Tensor, shape: tuple[int, ...], mean: float) -> Callable[..., Estimate]:
    """The denoiser of N(mean, c)."""
    values_, vectors = torch.linalg.eigh(c)

    def denoise(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        a, s = float(VP.a(number(t))), float(VP.s(number(t)))
        gain = a * values_ / (a**2 * values_ + s**2)
        flat = (x - a * mean).reshape(len(x), -1) @ vectors
        return Estimate(mean + (flat * gain @ vectors.T).reshape(-1, *shape))

    return denoise


def posterior_mean(c: Tensor, x: Tensor, t: float, m: Tensor, operator: LinearOperator) -> Tensor:
    """E[x0 | x_t, m] of N(1/2, c) with noise .1, by dense matrices."""
    a, s = float(VP.a(number(t))), float(VP.s(number(t)))
    matrix = dense_matrix(operator)
    if m.is_complex():
        m = torch.cat([m.real.flatten(1), m.imag.flatten(1)], 1)
    precision = c.inverse() + a**2 / s**2 * torch.eye(len(c)) + matrix.T @ matrix / 0.1**2
    told = (c.inverse() @ torch.full((len(c), 1), 0.5, dtype=torch.float64)).T
    told = told + a / s**2 * x.flatten(1) + m.flatten(1) @ matrix / 0.1**2
    return torch.linalg.solve(precision, told.T).T.reshape(x.shape)


OPERATORS = {
    "mask": Mask(HALF, SHAPE),
    "sample": Sample(HALF, SHAPE),
    "average": Average(SHAPE, 2),
    "blur": GaussianBlur(SHAPE, 0.7, size=5),
    "framed": Blur(values(3, 3, seed=3), SHAPE, "valid"),
    "complex": Fourier(SHAPE, HALF) @ FromReal(SHAPE),
}


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("t", [1.0, 0.5, 0.1])
def test_it_is_the_posterior_mean_of_signals_with_that_covariance(name: str, t: float) -> None:
    operator, spectrum = OPERATORS[name], Spectrum(0.3, 2.0, 0.05, chroma=0.2)
    c = covariance(spectrum, SHAPE)
    m = operator(0.5 + 0.3 * values(1, *SHAPE)) + 0.1 * values(1, *operator.shape_out, seed=1)
    x = values(2, *SHAPE, seed=2)
    found = Stationary(
        exact(c, SHAPE, 0.5), VP, operator, m, 0.1, 0.3, spectrum=spectrum, tol=1e-11,
        iterations=400, warm=Warm(),
    )(x, t).x0  # fmt: skip
    expected = posterior_mean(c, x, t, m, operator)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-7)


def circular() -> Stationary:
    """The blur of the 8 x 8 problem as an operator on a picture, solved in closed form."""
    p = arrays("gaussian_problem")
    first = p["blur_A"][:, 0].reshape(8, 8)  # what a point at the corner becomes
    kernel = torch.roll(first, (4, 4), (0, 1))
    operator = Blur(kernel, (1, 8, 8))
    torch.testing.assert_close(dense_matrix(operator), p["blur_A"], rtol=0, atol=1e-12)
    mean = p["prior_mean"].reshape(1, 1, 8, 8)
    inner = exact(p["prior_cov"], (1, 8, 8), 0.0)

    def denoise(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        a = float(VP.a(number(t)))
        return Estimate(mean + inner(x - a * mean, t, y, level).x0)

    return Stationary(
        denoise, VP, operator, p["blur_y"].reshape(1, 1, 8, 8), 0.1, SPREAD, spectrum=MATERN
    )


def test_a_circular_blur_in_closed_form_has_the_law_of_the_posterior() -> None:
    """The bar of the exact conditional denoiser: W2 of .025 at 20 calls."""
    method, n = circular(), 20
    plan = Exponential(2).plan(VP, by_log_snr(VP, n, SPREAD, low=0.02))
    s = float(VP.s(number(1.0)))

    def run(blocks: object) -> Tensor:
        begin = s * blocks.draw()(0)  # type: ignore[attr-defined]
        return run_plan(method, begin.reshape(-1, 1, 8, 8), plan).reshape(-1, 64)

    found = distance(law(run, 1), "blur")
    assert found[0] < 0.025
    assert found[1] == pytest.approx(1, abs=0.05)


def test_a_start_from_the_last_solution_changes_nothing_but_the_work() -> None:
    spectrum, operator = Spectrum(0.3, 2.0, 0.05), OPERATORS["mask"]
    c = covariance(spectrum, SHAPE)
    m = operator(0.5 + 0.3 * values(1, *SHAPE))
    told = [
        Stationary(exact(c, SHAPE, 0.5), VP, operator, m, 0.1, 0.3, spectrum=spectrum, tol=1e-10,
                   iterations=400, warm=warm)
        for warm in (None, Warm())
    ]  # fmt: skip
    for t in (0.9, 0.6, 0.3):
        x = values(1, *SHAPE, seed=int(10 * t))
        first, second = (method(x, t).x0 for method in told)
        torch.testing.assert_close(first, second, rtol=0, atol=1e-7)


def test_an_exact_measurement_is_kept() -> None:
    operator, spectrum = OPERATORS["average"], Spectrum(0.3)
    c = covariance(spectrum, SHAPE)
    m = operator(0.5 + 0.3 * values(1, *SHAPE))
    method = Stationary(
        exact(c, SHAPE, 0.5), VP, operator, m, 0.0, 0.3, spectrum=spectrum, tol=1e-6
    )
    left = m - operator(method(values(1, *SHAPE, seed=4), 0.5).x0)
    assert left.abs().max() < 1e-3 * 0.3


def test_a_tone_curve_is_linearised_at_the_estimate() -> None:
    """One Gauss-Newton step: for a line it is the linear answer."""
    line, spectrum = Gamma(SHAPE, gamma=1.0), Spectrum(0.3)
    c = covariance(spectrum, SHAPE)
    m = 0.5 + 0.1 * values(1, *SHAPE)
    x = 0.5 * float(VP.a(number(0.3))) + 0.01 * values(1, *SHAPE, seed=1)
    parts = (
        Stationary(exact(c, SHAPE, 0.5), VP, operator, m, 0.1, 0.3, spectrum=spectrum, tol=1e-10)
        for operator in (line, Mask(torch.ones(SHAPE), SHAPE))
    )
    first, second = (method(x, 0.3).x0 for method in parts)
    torch.testing.assert_close(first, second, rtol=0, atol=1e-7)


def test_signals_without_space_and_numbers_that_cannot_be_are_refused() -> None:
    matrix = Matrix(torch.eye(4, dtype=torch.float64), (4,))
    with pytest.raises(InputError, match=r"signals of \(4,\); expected .* 1 to 3 axes"):
        Stationary(exact(torch.eye(4).double(), (4,), 0.0), VP, matrix, values(1, 4), 0.1)
    for wrong in ({"spread": 0.0}, {"slope": -1.0}, {"knee": 0.0}, {"chroma": 2.0}):
        with pytest.raises(InputError, match="expected a spread and a knee above 0"):
            Spectrum(**wrong)


@pytest.mark.parametrize("basis", ["cosine", "fourier"])
@pytest.mark.parametrize("shape", [(1, 9), (2, 4, 5), (3, 3, 4, 5)])
def test_fields_of_one_to_three_axes_are_undone_by_the_inverse(basis, shape) -> None:  # type: ignore[no-untyped-def]
    x = values(2, *shape)
    known = Field(Spectrum(), shape, x, basis)
    there = known.times(x, known.mean, known.rest)
    torch.testing.assert_close(known.times(there, 1 / known.mean, 1 / known.rest), x)
    for first, second in itertools.pairwise([x, x.flip(0)]):  # symmetric
        one = (known.times(first, known.mean, known.rest) * second).sum()
        two = (first * known.times(second, known.mean, known.rest)).sum()
        torch.testing.assert_close(one, two)


def test_the_kernel_of_the_problem_is_a_gaussian() -> None:
    """So that `circular` is a blur as users make them."""
    p = arrays("gaussian_problem")
    line = p["blur_A"][:, 0].reshape(8, 8).sum(0)
    expected = gaussian_kernel(1.0, 5, axes=1)
    torch.testing.assert_close(torch.roll(line, 2)[:5], expected, rtol=0, atol=1e-9)
