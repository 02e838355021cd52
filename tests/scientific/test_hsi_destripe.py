"""Effects of columns that the test puts there, taken away again; and none where there are none."""

import numpy as np
import pytest

from undrift.common.posterior.priors import read_prior
from undrift.scientific.hyperspectral import metrics
from undrift.scientific.hyperspectral.cubes.cube import Cube
from undrift.scientific.hyperspectral.destripe import column_offsets, row_gains
from undrift.scientific.hyperspectral.eigen_images import by_prior, non_local_means
from undrift.scientific.hyperspectral.low_rank import separate
from undrift.scientific.hyperspectral.noise.pushbroom import Pushbroom, sweep
from undrift.scientific.hyperspectral.scenes.scene import scene
from undrift.scientific.hyperspectral.scenes.sensors import sensor

ROWS, COLUMNS, BANDS = 40, 64, 12


def test_in_white_noise_the_offset_is_the_shrunk_mean_of_the_column():
    rng = np.random.default_rng(0)
    put = 0.3 * rng.standard_normal((BANDS, COLUMNS))
    sigma = np.linspace(0.5, 2, BANDS)
    cube = sigma[:, None, None] * (rng.standard_normal((BANDS, ROWS, COLUMNS)) + put[:, None])
    found = column_offsets(cube, sigma)
    mean = cube.mean(1) - cube.mean((1, 2))[:, None]
    t = (found.own / sigma) ** 2 * ROWS
    # Wiener's t / (t + n); n is 1, but is measured at the rows beside, on few of them
    wanted = mean * (t / (t + 1))[:, None]
    assert (found.offset - wanted).std() < 0.15 * wanted.std()
    assert np.allclose(found.own / sigma, 0.3, atol=0.1)
    assert np.median(found.own / sigma) == pytest.approx(0.3, rel=0.1)
    assert found.offset.mean(1) == pytest.approx(0, abs=1e-12)


def test_where_no_column_is_off_next_to_nothing_is_taken_away():
    clean = scene(64, 64, sensor("visible"), seed=821).array
    sigma = np.full(31, 0.02)
    noise = 0.02 * np.random.default_rng(1).standard_normal(clean.shape)
    found = column_offsets(clean + noise, sigma)
    assert found.offset.std() < 0.1 * 0.02
    assert found.common < 0.003


@pytest.mark.parametrize("name", ["visible", "near-infrared"])
def test_most_of_the_effects_of_a_pushbroom_sensor_is_found(name: str):
    seen = sensor(name)
    clean = scene(64, 64, seen, seed=822).array
    swept = sweep(clean, seen.wavelengths, Pushbroom(dead=0), seed=822)
    put = ((swept.gain - 1)[:, None] * clean + swept.offset[:, None]).mean(1)
    put -= put.mean(1, keepdims=True)
    left = put - column_offsets(swept.cube.astype(np.float64), swept.sigma).offset
    assert np.sqrt((left**2).mean()) < 0.55 * np.sqrt((put**2).mean())


def test_a_cube_too_small_for_a_spectrum_is_left_alone():
    cube = np.random.default_rng(2).standard_normal((5, 6, 40))
    assert not column_offsets(cube, np.ones(5)).offset.any()


def test_gains_are_slopes_where_noise_is_small_and_nothing_where_it_is_large():
    rng = np.random.default_rng(3)
    estimate = rng.uniform(0, 1, (4, 50, 30))
    gain = 0.02 * rng.standard_normal((4, 30))
    about = estimate - estimate.mean(1, keepdims=True)
    exact = estimate + gain[:, None] * about
    everywhere = np.ones(exact.shape, bool)
    assert np.allclose(row_gains(exact, estimate, everywhere, np.full(4, 1e-4)), gain, atol=1e-4)
    loud = estimate + rng.standard_normal(estimate.shape)
    chance = 12 / 50  # of a slope: sigma^2 over the sum of squares of 50 uniform values
    assert (row_gains(loud, estimate, everywhere, np.ones(4)) ** 2).mean() < chance / 4
    holes = rng.random(exact.shape) < 0.7  # what is left out may hold anything
    wrong = np.where(holes, exact, 50.0)
    about = estimate - np.nanmean(np.where(holes, estimate, np.nan), 1, keepdims=True)
    wrong = np.where(holes, estimate + gain[:, None] * about, wrong)
    assert np.allclose(row_gains(wrong, estimate, holes, np.full(4, 1e-4)), gain, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["visible", "near-infrared", "shortwave"])
def test_with_columns_corrected_the_prior_is_ahead_of_non_local_means(name: str):
    prior, seen, better = read_prior("photos-prior"), sensor(name), []
    for seed in range(823, 826):
        clean = scene(64, 64, seen, seed=seed).array
        cube = Cube(sweep(clean, seen.wavelengths, Pushbroom(), seed).cube)
        ours = separate(cube, lambda images: by_prior(prior, images), turns=2).estimate
        theirs = separate(cube, non_local_means, turns=2).estimate
        better.append(metrics.mpsnr(clean, ours) - metrics.mpsnr(clean, theirs))
    assert np.mean(better) > 0
