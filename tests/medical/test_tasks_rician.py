"""Rician noise: moments against closed forms, a stable deviation, no bias, sigma from tissue."""

import numpy as np
import pytest
from scipy.stats import rice
from tiny_medical import head

from undrift.common.errors import InputError
from undrift.medical.rician import Stabiliser, deviation, mean, measured_sigma


def drawn(signal: float | np.ndarray, sigma: float, shape: tuple[int, ...]) -> np.ndarray:
    random = np.random.default_rng(5)
    parts = sigma * random.standard_normal((2, *shape))
    return np.hypot(signal + parts[0], parts[1])


def test_moments_are_those_of_scipy() -> None:
    for signal in (0.0, 0.5, 2.0, 7.0):
        wanted = rice(signal)
        assert mean(np.array(signal)) == pytest.approx(wanted.mean(), rel=1e-9)
        assert deviation(np.array(signal)) == pytest.approx(wanted.std(), rel=1e-6)


@pytest.mark.parametrize(
    ("signal", "uneven"), [(0.0, 0.12), (2.0, 0.1), (10.0, 0.07), (20.0, 0.015), (60.0, 0.01)]
)
def test_noise_is_even_and_the_inverse_has_no_bias(signal: float, uneven: float) -> None:
    """sigma 5: signals from nothing to twelve times the noise, raw deviation .655 to 1 of it."""
    kept = Stabiliser(5.0)
    values = kept.forward(drawn(signal, 5.0, (200_000,)))
    assert values.std() == pytest.approx(5.0, rel=uneven)
    found = float(kept.inverse(np.array([values.mean(dtype=np.float64)]))[0])
    assert found == pytest.approx(signal, abs=0.1 if signal else 1.0)


def test_far_above_noise_nothing_happens() -> None:
    kept = Stabiliser(1.0)
    values = np.linspace(30, 500, 100)
    np.testing.assert_allclose(kept.forward(values), values, atol=0.1)
    np.testing.assert_allclose(kept.inverse(kept.forward(values)), values, atol=0.1)


def test_sigma_from_tissue_with_and_without_air() -> None:
    size = (40, 40, 40)
    clean = np.where(head(size, noise=0) > 30, head(size, noise=0), 0)
    noisy = drawn(clean, 3.0, size)
    middle = (slice(12, 28),) * 3
    for scan in (noisy, np.where(clean > 0, noisy, 0), noisy[middle]):
        assert measured_sigma(scan) == pytest.approx(3.0, rel=0.08)
    with pytest.raises(InputError, match="give sigma"):
        measured_sigma(np.where(clean > 0, 100.0, 0.0))
    with pytest.raises(InputError, match="positive"):
        Stabiliser(0.0)
