"""Simulated scenes: bands and materials by closed forms, statistics as real scenes have them."""

import itertools

import numpy as np
import pytest

from undrift.common.errors import UsageError
from undrift.scientific.hyperspectral.scenes.materials import FAMILIES, material
from undrift.scientific.hyperspectral.scenes.scene import Landscape, power_field, scene
from undrift.scientific.hyperspectral.scenes.sensors import SENSORS, Sensor, sensor


@pytest.mark.parametrize(
    ("name", "bands"), [("visible", 31), ("near-infrared", 103), ("shortwave", 224)]
)
def test_a_band_sees_the_mean_of_a_line_and_of_a_gaussian(name: str, bands: int):
    one = sensor(name)
    assert one.wavelengths.shape == (bands,)
    assert np.allclose(one.response() @ one.fine, one.wavelengths, rtol=1e-6)
    wide = Sensor(np.array([600.0]), np.array([20.0]))
    feature = np.exp(-0.5 * ((wide.fine - 600) / 15) ** 2)
    own = 20 / np.sqrt(8 * np.log(2))
    # A Gaussian seen through a Gaussian: 15 / sqrt(15^2 + sigma^2) of its height.
    assert (wide.response() @ feature)[0] == pytest.approx(15 / np.hypot(15, own), rel=1e-4)


def test_an_unknown_sensor_is_named():
    with pytest.raises(UsageError, match="no sensor 'visble'"):
        sensor("visble")


@pytest.mark.parametrize("family", FAMILIES)
def test_materials_are_reflectances_and_differ(family: str):
    w = np.arange(400, 2500, 5.0)
    first, second = (material(family, w, np.random.default_rng(seed)) for seed in (1, 2))
    assert first.min() >= 0.001 and first.max() <= 0.95
    assert np.abs(first - second).max() > 1e-3


def test_features_lie_where_they_should():
    w = np.arange(400.0, 2500.0)
    leaf = material("vegetation", w, np.random.default_rng(0))
    edge = w[600 - 400 :][np.argmax(np.diff(leaf[600 - 400 : 800 - 400]))]
    assert 710 < edge < 727
    assert w[500 - 400 + np.argmax(leaf[100:200])] == pytest.approx(550, abs=8)
    clay = material("clay", w, np.random.default_rng(0))
    assert 2195 < 2150 + np.argmin(clay[1750:1850]) < 2215


@pytest.mark.parametrize("name", SENSORS)
def test_scenes_have_low_rank_and_alike_neighbours_as_real_ones(name: str):
    one = scene(48, 40, sensor(name), seed=11)
    assert one.array.shape == (len(sensor(name).wavelengths), 48, 40)
    assert one.array.min() >= 0 and one.array.max() <= 1
    flat = one.array.reshape(one.bands, -1).astype(np.float64)
    values = np.linalg.svd(flat - flat.mean(1, keepdims=True), compute_uv=False) ** 2
    rank = int((np.cumsum(values) / values.sum() < 0.9999).sum()) + 1
    assert 3 <= rank <= 25  # mixing of a dozen materials, with shade, tilt and scattering
    near = [np.corrcoef(a, b)[0, 1] for a, b in itertools.pairwise(flat)]
    assert np.median(near) > 0.98


def test_a_scene_is_a_function_of_its_seed_and_sums_its_materials():
    plain = Landscape(bilinear=0, variability=0, texture=0, families=1, variants=(1, 1))
    one = scene(24, 32, sensor("visible"), 5, plain)
    assert np.allclose(one.array, one.array[:, :1, :1], atol=1e-6)  # one material all over
    again = scene(24, 32, sensor("visible"), 5, plain)
    assert np.array_equal(one.array, again.array)
    other = scene(24, 32, sensor("visible"), 6, plain)
    assert not np.array_equal(one.array, other.array)


def test_fields_have_their_power_law():
    field = power_field((256, 256), np.random.default_rng(0), -3)
    power = np.abs(np.fft.fft2(field)) ** 2
    k = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256)[None]) * 256
    rings = [power[(k > r - 1) & (k < r + 1)].mean() for r in (10, 40)]
    assert np.log(rings[0] / rings[1]) / np.log(4) == pytest.approx(3, abs=0.3)
