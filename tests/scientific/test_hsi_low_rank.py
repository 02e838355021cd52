"""The subspace of a cube, its noise, and what is no noise: put there by the test, found again."""

import numpy as np
import pytest

from undrift.common.noise import Noise
from undrift.common.posterior.priors import Prior, read_prior
from undrift.common.wishes import Wishes
from undrift.scientific.hyperspectral import metrics
from undrift.scientific.hyperspectral.cubes.cube import Cube
from undrift.scientific.hyperspectral.eigen_images import (
    by_prior,
    non_local_means,
    sampled,
    total_variation,
)
from undrift.scientific.hyperspectral.low_rank import separate
from undrift.scientific.hyperspectral.method import ByPrior, method_for
from undrift.scientific.hyperspectral.noise.cases import add_case, add_gaussian
from undrift.scientific.hyperspectral.noise.estimate import band_residual, noise_report
from undrift.scientific.hyperspectral.scenes.scene import scene
from undrift.scientific.hyperspectral.scenes.sensors import sensor
from undrift.scientific.hyperspectral.subspace import signal_subspace

CLEAN = scene(64, 64, sensor("visible"), seed=820).array
SIGMA = np.linspace(10, 60, 31)


@pytest.fixture(scope="module")
def prior() -> Prior:
    return read_prior("photos-prior")


def test_sigma_is_found_from_the_cube_alone():
    report = noise_report(Cube(add_gaussian(CLEAN, SIGMA, seed=1).cube))
    assert np.median(report.sigma * 255 / SIGMA) == pytest.approx(1, abs=0.05)
    assert not report.dead.any() and not report.bad.any() and report.striped.mean() < 0.01


def test_the_residual_is_that_of_least_squares_by_all_other_bands():
    rng = np.random.default_rng(0)
    cube = rng.standard_normal((6, 3)) @ rng.standard_normal((3, 900))
    cube = (cube + 0.1 * rng.standard_normal(cube.shape)).reshape(6, 30, 30)
    left = band_residual(cube)
    for band in range(6):
        others = np.delete(cube, band, 0).reshape(5, -1)
        others = others - others.mean(1, keepdims=True)
        own = cube[band].ravel() - cube[band].mean()
        fit = own - others.T @ np.linalg.lstsq(others.T, own, rcond=None)[0]
        fit /= np.sqrt(1 - 6 / 900)
        assert np.allclose(left[band].ravel(), fit, atol=1e-3)


def test_stripes_dead_columns_and_gaps_are_reported_where_they_are():
    array = add_gaussian(CLEAN, 10, seed=2).cube
    array[4, :, 7] += 0.2
    array[9, :, 20] = 0
    array[15, :10] = np.nan
    report = noise_report(Cube(array))
    assert report.stripes[4, 7] == pytest.approx(0.2, rel=0.2)
    assert (report.stripes != 0).sum() < 5
    assert np.argwhere(report.dead).tolist() == [[9, 20]]
    assert report.missing[15] == pytest.approx(10 / 64)


def test_noise_is_white_in_the_subspace_and_signal_is_kept():
    noisy = add_gaussian(CLEAN, SIGMA, seed=3).cube.astype(np.float64)
    space = signal_subspace(noisy, SIGMA / 255)
    assert 2 <= space.rank <= 8
    assert np.allclose(space.basis.T @ space.basis, np.eye(space.rank), atol=1e-10)
    # Noise of its own; that which chose the basis is a little larger along the weakest direction.
    other = add_gaussian(CLEAN, SIGMA, seed=30).cube.astype(np.float64)
    noise = space.coefficients(other) - space.coefficients(CLEAN.astype(np.float64))
    covariance = np.cov(noise.reshape(space.rank, -1))
    assert np.allclose(covariance, np.eye(space.rank), atol=5 * np.sqrt(2 / 64**2))
    inside = space.cube(space.coefficients(CLEAN.astype(np.float64)))
    assert metrics.mpsnr(CLEAN, inside) > 38


def test_white_noise_alone_has_no_subspace():
    noise = np.random.default_rng(1).standard_normal((20, 60, 60))
    assert signal_subspace(noise, np.ones(20)).rank == 1


def test_variances_of_images_become_those_of_bands():
    noisy = add_gaussian(CLEAN, SIGMA, seed=3).cube.astype(np.float64)
    space = signal_subspace(noisy, SIGMA / 255)
    rng = np.random.default_rng(0)
    drawn = np.stack([space.cube(rng.standard_normal((space.rank, 4, 4))) for _ in range(4000)])
    wanted = space.band_variance(np.ones((space.rank, 4, 4)))
    assert np.allclose(drawn.var(0), wanted, rtol=0.15)


@pytest.mark.parametrize("case", ["stripe", "deadline", "impulse"])
def test_what_is_no_noise_is_found(case: str, prior: Prior):
    noisy = add_case(CLEAN, case, seed=4)
    found = separate(Cube(noisy.cube), lambda images: by_prior(prior, images))
    if case == "stripe":
        put = np.zeros((31, 64))
        for band, columns in noisy.stripes.items():
            put[band, columns] = np.median(noisy.cube[band] - CLEAN[band], 0)[columns]
        far = abs(put) > 6 * noisy.sigma[:, None] / 8  # six deviations of a mean of 64 values
        assert far.sum() > 20
        assert np.allclose(found.stripes[:, 0][far], put[far], atol=0.05)
        assert (abs(found.stripes[:, 0])[put == 0] > 0.1).mean() < 0.01
    if case == "deadline":
        for band, columns in noisy.dead.items():
            assert found.outliers[band][:, columns].all()
    if case == "impulse":
        for band in noisy.impulses:
            hit = np.isin(noisy.cube[band], [0.0, 1.0])
            assert found.outliers[band][hit].mean() > 0.99
    assert metrics.mpsnr(CLEAN, found.estimate) > metrics.mpsnr(CLEAN, noisy.cube) + 12


def test_the_prior_is_ahead_of_classical_denoisers_of_the_images(prior: Prior):
    noisy = Cube(add_case(CLEAN, "non-iid", seed=5).cube)
    ours = separate(noisy, lambda images: by_prior(prior, images), turns=1).estimate
    for other in (total_variation, non_local_means):
        theirs = separate(noisy, other, turns=1).estimate
        assert metrics.mpsnr(CLEAN, ours) > metrics.mpsnr(CLEAN, theirs) + 1


def test_samples_differ_and_scatter_about_the_mean(prior: Prior):
    found = separate(Cube(add_gaussian(CLEAN, 40, seed=6).cube), total_variation, turns=1)
    first, second = (sampled(prior, found.noisy, 5, Noise(0, "", k)) for k in range(2))
    again = sampled(prior, found.noisy, 5, Noise(0, "", 0))
    mean = by_prior(prior, found.noisy)
    assert np.array_equal(first, again)
    assert 0.05 < (first - second).std() / np.sqrt(2) < 1  # below the noise of the images
    assert abs((first + second) / 2 - mean).mean() < abs(found.noisy - mean).mean()


def test_the_last_turn_averages_over_turned_images():
    """What comes of a turned image is the turned result: an average over the group commutes."""
    images = 20 * np.random.default_rng(9).random((2, 24, 24))
    way = method_for("low-rank", None, Wishes())
    assert isinstance(way, ByPrior)
    turned = way.mean(np.ascontiguousarray(np.rot90(images, 1, (1, 2))[:, ::-1]))
    assert way.calls == 8 * 2
    straight = np.rot90(way.mean(images), 1, (1, 2))[:, ::-1]
    assert np.allclose(turned, straight, atol=1e-4)
    once = np.rot90(way.guesses(images), 1, (1, 2))[:, ::-1]
    assert abs(once - turned).max() > 1e-3  # the network alone does not


def test_the_last_turn_may_have_a_denoiser_of_its_own():
    noisy = Cube(add_case(CLEAN, "stripe", seed=8).cube)
    usual = separate(noisy, total_variation, turns=2)
    other = separate(noisy, total_variation, turns=2, last=lambda images: 0 * images)
    assert np.array_equal(other.noisy, usual.noisy)  # the turns before are the same
    mean = usual.subspace.mean * usual.subspace.sigma
    assert np.array_equal(other.estimate, np.broadcast_to(mean[:, None, None], CLEAN.shape))


def test_missing_values_are_filled_from_what_is_there(prior: Prior):
    array = add_gaussian(CLEAN, 10, seed=7).cube
    array[10, 20:30, 20:30] = np.nan
    found = separate(Cube(array), lambda images: by_prior(prior, images), turns=3)
    error = abs(found.estimate[10, 20:30, 20:30] - CLEAN[10, 20:30, 20:30])
    assert error.mean() < 0.02
