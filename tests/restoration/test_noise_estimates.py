"""What is estimated of the noise: sigma from above, gain and reading noise near the truth."""

import numpy as np
import pytest
import torch
from pictures import smooth

from undrift.common.errors import InputError
from undrift.restoration.noise_models_fit import estimate_gain_and_read
from undrift.restoration.sigma import SAFETY, details, estimate_sigma


def scene(size: int = 160) -> np.ndarray:
    """(3, h, w) within [0.15, 0.85], smooth."""
    return smooth(size, size).transpose(2, 0, 1)


def noisy(clean: np.ndarray, gain: float, read: float, seed: int = 0) -> torch.Tensor:
    """Gain and read on the 0..255 scale; gain 0 is white noise."""
    rng = np.random.default_rng(seed)
    light = gain / 255 * rng.poisson(clean * 255 / gain) if gain else clean
    return torch.from_numpy(light + read / 255 * rng.standard_normal(clean.shape))[None]


def stored(pixels: torch.Tensor) -> torch.Tensor:
    """As an 8-bit file has it."""
    return torch.round(pixels.clamp(0, 1) * 255) / 255


def test_details_of_white_noise_have_its_deviation() -> None:
    noise = np.random.default_rng(0).standard_normal((400, 400))
    assert details(noise).std() == pytest.approx(1, rel=0.01)
    rows, columns = np.mgrid[:20, :30]
    assert np.abs(details(2.0 * rows - columns + 5)).max() < 1e-12


@pytest.mark.parametrize("sigma", [5.0, 15.0, 25.0, 50.0])
@pytest.mark.parametrize("channels", [1, 3])
def test_sigma_is_a_mild_upper_bound(sigma: float, channels: int) -> None:
    for seed in range(4):
        found = 255 * estimate_sigma(noisy(scene()[:channels], 0, sigma, seed))
        assert sigma < found < 1.12 * sigma


@pytest.mark.parametrize("sigma", [15.0, 25.0, 50.0])
def test_sigma_of_a_clipped_picture(sigma: float) -> None:
    """Half of it nearly black and white, as stored in 8 bits."""
    dark = scene()
    dark[:, :60], dark[:, 60:90] = 0.01, 0.99
    found = 255 * estimate_sigma(stored(noisy(dark, 0, sigma)))
    assert 0.99 * sigma < found < 1.15 * sigma


def test_nothing_to_estimate() -> None:
    assert estimate_sigma(torch.full((1, 3, 20, 20), 0.4)) == 0
    with pytest.raises(InputError, match="7 x 30 pixels are too few"):
        estimate_sigma(torch.zeros(1, 1, 30, 7))
    with pytest.raises(InputError, match=r"too few unclipped pixels.* give gain and read_noise"):
        estimate_gain_and_read(torch.full((1, 1, 30, 30), 0.4))


@pytest.mark.parametrize(("gain", "read"), [(0.5, 3.0), (2.0, 4.0), (8.0, 6.0)])
def test_gain_and_reading_noise(gain: float, read: float) -> None:
    """The variance of dark and bright places within 15 %, after the safety is taken off."""
    found = [255 * v / s for v, s in zip(
        estimate_gain_and_read(noisy(scene(256), gain, read)), (SAFETY**2, SAFETY), strict=True
    )]  # fmt: skip
    assert found[0] == pytest.approx(gain, rel=0.15)
    for light in (40.0, 210.0):
        assert found[0] * light + found[1] ** 2 == pytest.approx(gain * light + read**2, rel=0.15)


def test_a_given_one_stays() -> None:
    picture = noisy(scene(256), 4.0, 9.0)
    gain, read = estimate_gain_and_read(picture, gain=4 / 255)
    assert gain == 4 / 255
    assert 255 * read == pytest.approx(SAFETY * 9, rel=0.1)
    gain, read = estimate_gain_and_read(picture, read=9 / 255)
    assert read == 9 / 255
    assert 255 * gain == pytest.approx(SAFETY**2 * 4, rel=0.1)
    assert estimate_gain_and_read(picture, 0.1, 0.2) == (0.1, 0.2)


def test_white_noise_has_no_gain() -> None:
    gain, read = estimate_gain_and_read(noisy(scene(256), 0, 12.0))
    light = 255 * scene(256).mean()
    assert 255 * gain * light < 0.25 * 12**2
    assert 255 * gain * light + (255 * read) ** 2 == pytest.approx((SAFETY * 12) ** 2, rel=0.1)
