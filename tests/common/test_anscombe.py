"""Anscombe's transform against numerical integration, and its inverse against the truth."""

import numpy as np
import pytest
import torch
from scipy.stats import norm, poisson

from undrift.common.anscombe import MANY, mean_of_stabilised, stabilised, unbiased_inverse

COUNTS = np.array([0.0, 0.1, 0.7, 2.0, 9.0, 40.0])


def integrated(counts: float, spread: float) -> float:
    """E 2 sqrt(max(n + spread eps + 3/8 + spread^2, 0)), by Gauss-Legendre quadrature for each n.

    z = z_0 + t^2 from the root's zero, or nine deviations down, makes the integrand smooth.
    """
    n = np.arange(int(counts + 12 * np.sqrt(counts) + 25))
    share, offset = poisson.pmf(n, counts), n + 3 / 8 + spread**2
    if spread == 0:
        return float(share @ (2 * np.sqrt(offset)))
    low = np.maximum(-offset / spread, -9.0)[:, None]
    nodes, weights = np.polynomial.legendre.leggauss(120)
    top = np.sqrt(9 - low)
    t = top * (nodes + 1) / 2
    z = low + t**2
    values = 2 * np.sqrt(np.maximum(offset[:, None] + spread * z, 0)) * norm.pdf(z) * 2 * t
    return float(share @ ((values * weights).sum(1) * top[:, 0] / 2))


@pytest.mark.parametrize("spread", [0.0, 0.5, 2.0])
def test_the_inverse_undoes_the_expectation(spread: float) -> None:
    means = torch.tensor([integrated(count, spread) for count in COUNTS], dtype=torch.float64)
    np.testing.assert_allclose(mean_of_stabilised(COUNTS, spread), means.numpy(), atol=1e-4)
    for gain in (1.0, 0.03):
        found = unbiased_inverse(means, gain, gain * spread).numpy() / gain
        np.testing.assert_allclose(found, COUNTS, atol=5e-4)


@pytest.mark.parametrize("spread", [0.0, 3.0, 9.9])
def test_the_closed_form_above_the_table(spread: float) -> None:
    """Many counts: within 0.02 of the truth, where the noise is ten or more."""
    counts = np.array([MANY * 1.02, 180.0, 400.0])
    means = torch.tensor([integrated(count, spread) for count in counts], dtype=torch.float64)
    found = unbiased_inverse(means, 1.0, spread).numpy()
    np.testing.assert_allclose(found, counts, atol=0.02)


def test_noise_that_reading_rules() -> None:
    """Gain far below the reading noise: the transform is a straight line, and so is the inverse."""
    x = torch.linspace(0, 1, 11, dtype=torch.float64)
    rng = np.random.default_rng(0)
    noisy = x[:, None] + 0.1 * torch.from_numpy(rng.standard_normal((11, 40000)))
    even = stabilised(noisy, 1e-6, 0.1)
    assert float(even.std(1).mean()) == pytest.approx(1, rel=0.01)
    found = unbiased_inverse(even.mean(1), 1e-6, 0.1)
    np.testing.assert_allclose(found.numpy()[1:], x.numpy()[1:], atol=4 * 0.1 / 200)


def test_the_noise_becomes_even() -> None:
    rng = np.random.default_rng(1)
    for counts in (4.0, 20.0, 200.0):
        y = 0.02 * rng.poisson(counts, 60000) + 0.01 * rng.standard_normal(60000)
        assert float(stabilised(torch.from_numpy(y), 0.02, 0.01).std()) == pytest.approx(
            1, rel=0.05
        )


def test_what_is_below_the_darkest_is_black() -> None:
    dark = torch.tensor([-1.0, 0.0, 0.5], dtype=torch.float64)
    assert unbiased_inverse(dark, 0.1, 0.05).tolist() == [0, 0, 0]
