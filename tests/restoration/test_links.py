"""Links of noise, weather, light and damage against the formulas they name."""

import numpy as np
import pytest
from scipy import ndimage

from undrift.common.errors import InputError
from undrift.restoration.chains.damage import Damaged
from undrift.restoration.chains.light import Darkened, Shadow, Underexposed, encoded, linear
from undrift.restoration.chains.noise_patterns import (
    Banding,
    CorrelatedNoise,
    MosaicNoise,
    SaltAndPepper,
    Speckle,
)
from undrift.restoration.chains.noises import ChannelNoise, SensorNoise
from undrift.restoration.chains.weather import Haze, Rain


def flat(value: float, side: int = 256, channels: int = 3) -> np.ndarray:
    return np.full((channels, side, side), value, np.float32)


def picture(seed: int = 0, shape: tuple[int, ...] = (3, 48, 40)) -> np.ndarray:
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).random(shape), (0, 3, 3))
    return ((smooth - smooth.min()) / np.ptp(smooth)).astype(np.float32)


def test_counted_photons_have_the_variance_of_gain_and_read_noise() -> None:
    for value in (0.2, 0.5):
        y = SensorNoise(0.004, 5.0, seed=1)(flat(value))
        assert y.mean() == pytest.approx(value, abs=0.001)
        assert y.var() == pytest.approx(0.004 * value + (5 / 255) ** 2, rel=0.02)


@pytest.mark.parametrize("law", ["log-normal", "gamma"])
def test_speckle_keeps_the_mean_and_its_deviation_grows_with_the_signal(law: str) -> None:
    for value in (0.1, 0.3):
        y = Speckle(0.2, law, seed=2)(flat(value))
        assert y.mean() == pytest.approx(value, rel=0.005)
        assert y.std() == pytest.approx(0.2 * value, rel=0.02)
    logs = np.log(Speckle(0.2, "log-normal", seed=2)(flat(0.3)))
    assert logs.std() == pytest.approx(np.sqrt(np.log1p(0.04)), rel=0.01)


def test_salt_and_pepper_lose_their_share_in_all_channels() -> None:
    y = SaltAndPepper(0.1, 0.25, seed=3)(flat(0.5))
    lost = y[0] != 0.5
    assert lost.mean() == pytest.approx(0.1, abs=0.005)
    assert (y[0][lost] == 1).mean() == pytest.approx(0.25, abs=0.02)
    assert set(np.unique(y)) == {0.0, 0.5, 1.0}
    np.testing.assert_array_equal(y[0], y[2])


def test_channels_have_their_own_noise() -> None:
    y = ChannelNoise(4, 8, 16, seed=4)(flat(0.5)) * 255
    np.testing.assert_allclose(y.std((1, 2)), [4, 8, 16], rtol=0.01)
    assert np.std(ChannelNoise(4, 8, 16, seed=4)(flat(0.5, channels=1)) * 255) == pytest.approx(
        8, rel=0.01
    )


def test_noise_of_a_mosaic_is_that_of_interpolated_pixels() -> None:
    y = (MosaicNoise(10, seed=5)(flat(0.5)) - 0.5) * 255
    parts = {
        (channel, row, column): y[channel, row::2, column::2].var() / 100
        for channel in range(3)
        for row in (0, 1)
        for column in (0, 1)
    }
    red = {(0, 0): 1, (0, 1): 0.5, (1, 0): 0.5, (1, 1): 0.25}
    green = {(0, 1): 1, (1, 0): 1, (0, 0): 0.25, (1, 1): 0.25}  # between four
    for (row, column), expected in red.items():
        assert parts[0, row, column] == pytest.approx(expected, rel=0.05)
        assert parts[2, 1 - row, 1 - column] == pytest.approx(expected, rel=0.05)
    for (row, column), expected in green.items():
        assert parts[1, row, column] == pytest.approx(expected, rel=0.05)


def test_smoothed_noise_has_its_deviation_and_its_correlation() -> None:
    y = CorrelatedNoise(8, 1.5, seed=6)(flat(0.5, 512)) - 0.5
    assert y.std() * 255 == pytest.approx(8, rel=0.02)
    beside = np.mean(y[:, :, 3:] * y[:, :, :-3]) / y.var()
    assert beside == pytest.approx(np.exp(-9 / (4 * 1.5**2)), abs=0.02)  # a Gaussian, sqrt(2) wider


def test_bands_are_constant_along_their_lines() -> None:
    y = Banding(6, seed=7)(flat(0.5, 2000)[:, :, :8])
    assert np.ptp(y, axis=(0, 2)).max() == 0
    assert y[0, :, 0].std() * 255 == pytest.approx(6, rel=0.05)
    assert np.ptp(Banding(6, "columns", seed=7)(flat(0.5)), axis=(0, 1)).max() == 0


def test_haze_is_inverted_by_its_transmission_and_light() -> None:
    x, haze = picture(), Haze(1.4, 0.9, 0.03, 0.1, 1.2, 0.6, seed=8)
    t, light = haze.transmission((48, 40)), haze.light(3)
    np.testing.assert_allclose((haze(x) - light * (1 - t)) / t, x, atol=1e-5)
    np.testing.assert_allclose(light.ravel(), [0.927, 0.9, 0.873], rtol=1e-6)
    assert np.exp(-1.4 * 1.2) - 1e-6 <= t.min() < t.max() <= np.exp(-1.4 * 0.1) + 1e-6
    ramp = Haze(2.0, near=0.0, far=1.0, rough=0.0).transmission((11, 5))
    np.testing.assert_allclose(ramp[:, 0], np.exp(-2.0 * np.linspace(1, 0, 11)), rtol=1e-6)


def test_streaks_cover_their_share_and_have_their_direction() -> None:
    rain = Rain(0.05, 20, 70, width=0.8, strength=0.5, seed=9)
    streaks = rain.streaks((400, 400))
    kernel = rain.streak(20, 70)
    expected = 0.05 / 20 * kernel.sum() * 0.65  # drops per pixel, area, mean strength
    assert streaks.mean() == pytest.approx(expected, rel=0.06)
    smooth = ndimage.gaussian_filter(streaks, 1.0)
    gy, gx = np.gradient(smooth)
    across = 0.5 * np.arctan2(2 * np.mean(gx * gy), np.mean(gx**2 - gy**2))  # structure tensor
    turned = (90 - np.degrees(across)) % 180  # along the streak, counter-clockwise on the screen
    assert turned == pytest.approx(70, abs=2)
    x = 0.3 * picture(1, (3, 400, 400))
    np.testing.assert_allclose(rain(x) - x, np.broadcast_to(0.5 * streaks, x.shape), atol=1e-6)


def test_layers_of_rain_add_up_and_the_veil_mixes_with_the_light_of_the_sky() -> None:
    one, three = (Rain(0.02, 15, layers=n, seed=10).streaks((300, 300)) for n in (1, 3))
    assert three.mean() == pytest.approx(3 * one.mean(), rel=0.15)
    x = 0.2 * picture(2)
    veiled = Rain(0, veil=0.25, airlight=0.8)(x)
    np.testing.assert_allclose(veiled, 0.75 * x + 0.25 * 0.8, atol=1e-6)


def test_the_curve_of_srgb() -> None:
    steps = np.linspace(0, 1, 256)
    np.testing.assert_allclose(encoded(linear(steps)), steps, atol=1e-6)
    assert linear(np.array(0.5)) == pytest.approx(0.214041, abs=1e-6)  # IEC 61966-2-1
    assert linear(np.array(0.02)) == pytest.approx(0.02 / 12.92)


def test_the_curve_of_the_dark() -> None:
    x = picture()
    np.testing.assert_allclose(Darkened(0.9, 0.7, 2.5)(x), 0.7 * (0.9 * x) ** 2.5, atol=1e-6)


def test_underexposure_counts_photons_in_linear_light() -> None:
    value, link = 0.6, Underexposed(8, 1e-4, 0.3, 14, seed=11)
    light = linear(link(flat(value)).astype(np.float64))
    dark = float(linear(np.array(value))) / 8
    assert light.mean() == pytest.approx(dark, rel=0.002)
    variance = 1e-4 * dark + (0.3 / 255) ** 2 + (1 / (2**14 - 1)) ** 2 / 12
    assert light.var() == pytest.approx(variance, rel=0.02)


@pytest.mark.parametrize("kind", ["blob", "polygon"])
def test_shadows_scale_linear_light_below_their_mask_only(kind: str) -> None:
    x = 0.2 + 0.7 * picture(3, (3, 96, 120))
    shadow = Shadow(0.3, kind, 2.0, 0.4, 0.1, seed=12)
    y, mask = shadow(x), shadow.mask((96, 120))
    assert 0 <= mask.min() < mask.max() <= 1 + 1e-6
    np.testing.assert_array_equal(y[:, mask == 0], x[:, mask == 0])
    ratio = linear(y) / linear(x)
    for channel, left in enumerate((0.36, 0.4, 0.44)):
        np.testing.assert_allclose(ratio[channel], 1 - mask * (1 - left), atol=1e-4)
    if kind == "blob":
        assert Shadow(0.3, kind, 0, seed=12).mask((96, 120)).mean() == pytest.approx(0.3, abs=1e-3)


def test_shadows_may_scale_lightness_instead() -> None:
    from skimage.color import rgb2lab

    x = 0.3 + 0.4 * picture(4, (3, 64, 64))
    shadow = Shadow(0.4, "blob", 0.0, 0.6, space="lab", seed=13)
    y, mask = shadow(x), shadow.mask((64, 64)) == 1
    before, after = (rgb2lab(v.transpose(1, 2, 0))[mask] for v in (x, y))
    np.testing.assert_allclose(after[:, 0], 0.6 * before[:, 0], atol=0.2)
    np.testing.assert_array_equal(y[:, ~mask], x[:, ~mask])


def test_damage_paints_below_its_mask() -> None:
    x, link = picture(5, (3, 80, 80)), Damaged("scratches:5", 1.0, 0.75, seed=14)
    mask = link.mask((80, 80))
    assert 0 < mask.mean() < 0.3
    np.testing.assert_allclose(link(x), x + 0.75 * mask * (1 - x), atol=1e-6)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Banding(6, "row"), "did you mean 'rows'"),
        (lambda: Haze(beta=-1), "beta is -1; expected a number from 0 to 10"),
        (lambda: Rain(airlight=float("nan")), "airlight is nan"),
        (lambda: Damaged("scratch:5"), "scratches"),
    ],
)
def test_parameters_that_cannot_be(make: type, said: str) -> None:
    with pytest.raises(InputError, match=said):
        make()
