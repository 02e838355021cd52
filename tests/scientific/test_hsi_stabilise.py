"""Noise that grows with the signal: found, made even, and gone back from without bias."""

import numpy as np
import pytest

from undrift.scientific.hyperspectral import metrics
from undrift.scientific.hyperspectral.cubes.cube import Cube
from undrift.scientific.hyperspectral.evened import evened_truth
from undrift.scientific.hyperspectral.noise.cases import add_case, add_gaussian
from undrift.scientific.hyperspectral.noise.estimate import noise_report
from undrift.scientific.hyperspectral.noise.pushbroom import photons
from undrift.scientific.hyperspectral.scenes.scene import scene
from undrift.scientific.hyperspectral.scenes.sensors import sensor
from undrift.scientific.hyperspectral.stabilise import Stabiliser, stabiliser
from undrift.scientific.hyperspectral.tasks import denoise

CLEAN = scene(64, 64, sensor("visible"), seed=831).array
FULL = 500.0


def _of(array):
    return stabiliser(array, noise_report(Cube(array)))


def test_the_variance_of_photons_is_found():
    clean = scene(64, 64, sensor("near-infrared"), seed=831).array  # many bands tell noise well
    found = _of(photons(clean, FULL, 1))
    assert found.acts
    wanted = np.median((found.base + found.slope * clean.mean((1, 2))) / clean.mean((1, 2)))
    assert wanted == pytest.approx(1 / FULL, rel=0.1)  # var = x / full


def test_noise_is_even_afterwards_and_the_way_back_has_no_bias():
    truth = np.repeat(np.linspace(0.05, 0.9, 8), 40_000).reshape(1, 8, -1)
    known = Stabiliser(np.zeros(1), np.full(1, 1 / FULL), np.full(1, 0.01 / FULL))
    drawn = np.random.default_rng(0).poisson(truth * FULL) / FULL
    z = known.forward(drawn)
    assert np.allclose(z.std(2), 1, atol=0.03)
    back = known.inverse(z.mean(2, keepdims=True))
    assert np.allclose(back[0, :, 0], truth[0, :, 0], rtol=0.002)


def test_forward_and_inverse_agree_below_zero_too():
    known = Stabiliser(np.full(1, 1e-4), np.full(1, 2e-3), np.full(1, 5e-5))
    values = np.linspace(-0.3, 1, 200).reshape(1, 10, 20)
    assert np.allclose(known.inverse(known.forward(values)), values + 2e-3 / 4)
    step = 1e-6
    slope = (known.forward(values + step) - known.forward(values)) / step
    unit = np.array([known.unit(np.array([v]))[0] for v in values.ravel()])
    assert np.allclose(1 / slope.ravel(), unit, rtol=1e-3)


def test_what_a_clean_cube_becomes_goes_back_to_it():
    known = Stabiliser(np.array([1e-4, 0]), np.array([2e-3, 0]), np.array([5e-5, 1]))
    clean = np.linspace(-0.1, 1, 400).reshape(2, 10, 20)
    assert np.allclose(known.inverse(evened_truth(clean, known)), clean)


@pytest.mark.parametrize("case", ["even", "impulse", "mixture"])
def test_other_noise_is_left_alone(case: str):
    noisy = add_gaussian(CLEAN, 15, seed=2) if case == "even" else add_case(CLEAN, case, seed=2)
    found = _of(noisy.cube)
    assert not found.acts
    assert np.array_equal(found.forward(noisy.cube), noisy.cube.astype(np.float64))


def test_photons_are_denoised_better_for_it(monkeypatch):
    noisy = photons(CLEAN, FULL, 3)
    made = denoise(noisy, method="non-local-means")
    assert made.info["noise_grows"] and 0.7 < made.info["chi"] < 1.1
    bright = np.sqrt(np.median(CLEAN, (1, 2)) / FULL)
    assert np.median(np.array(made.info["sigma"]) / bright) == pytest.approx(1, abs=0.1)
    none = Stabiliser(np.zeros(31), np.zeros(31), np.ones(31))
    where = "undrift.scientific.hyperspectral.evened.stabiliser"
    monkeypatch.setattr(where, lambda array, report: none)
    plain = denoise(noisy, method="non-local-means")
    assert metrics.mpsnr(CLEAN, made.value) > metrics.mpsnr(CLEAN, plain.value) + 0.5
