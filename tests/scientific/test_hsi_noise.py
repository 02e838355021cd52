"""The noise of benchmarks and sensors: what was asked for is what can be measured."""

import math

import numpy as np
import pytest

from undrift.common.errors import UsageError
from undrift.scientific.hyperspectral.noise.cases import (
    AMOUNTS,
    CASES,
    SIGMAS,
    add_case,
    add_gaussian,
)
from undrift.scientific.hyperspectral.noise.pushbroom import Pushbroom, brightness, photons, sweep

CLEAN = np.full((31, 64, 80), 0.5, np.float32)


@pytest.mark.parametrize("convention", ["train", "test"])
@pytest.mark.parametrize("case", CASES)
def test_the_parameters_are_those_of_the_literature(case: str, convention):
    made = add_case(CLEAN, case, seed=5, convention=convention)
    assert set(np.unique(np.round(made.sigma * 255))) <= set(SIGMAS)
    bands = 10 if convention == "test" else 31 // 3
    touched = {"stripe": made.stripes, "deadline": made.dead, "impulse": made.impulses}
    for kind, hit in touched.items():
        expected = {case: bands, "mixture": 31 // 3}
        assert len(hit) == (expected[case] if case in (kind, "mixture") else 0)
    low = 4 if convention == "train" else math.ceil(0.05 * 80)
    high = math.ceil(0.15 * 80) - (1 if convention == "train" else 0)
    for columns in (*made.stripes.values(), *made.dead.values()):
        assert low <= len(columns) <= high and len(set(columns)) == len(columns)
    if case == "mixture":
        assert not set(made.stripes) & set(made.dead) and not set(made.dead) & set(made.impulses)


def test_the_noise_of_each_band_is_as_recorded():
    made = add_case(CLEAN, 1)
    found = (made.cube - CLEAN).std((1, 2))
    # 5120 values: the standard deviation is known to 1 %.
    assert np.allclose(found, made.sigma, rtol=0.05)
    assert np.array_equal(CLEAN, np.full_like(CLEAN, 0.5))


def test_stripes_dead_lines_and_impulses_are_where_they_were_put():
    made = add_case(CLEAN, "mixture", seed=2)
    plain = add_case(CLEAN, "mixture", seed=2)
    assert np.array_equal(made.cube, plain.cube)
    for band, columns in made.stripes.items():
        mean = made.cube[band].mean(0)  # of 64 values, sigma / 8
        rest = np.delete(mean, columns)
        assert abs(rest - 0.5).max() < 5 * made.sigma[band] / 8
        assert (abs(mean[columns] - 0.5) < 0.25 + 5 * made.sigma[band] / 8).all()
    for band, columns in made.dead.items():
        assert not made.cube[band][:, columns].any()
    for band, amount in made.impulses.items():
        assert amount in AMOUNTS
        share = np.isin(made.cube[band], [0.0, 1.0]).mean()
        # Noise beyond [0, 1] is clipped to the same two values.
        assert share > amount - 0.03


def test_the_impulses_are_half_salt_and_half_pepper():
    made = add_case(CLEAN, "impulse", seed=1, convention="train")
    band, amount = max(made.impulses.items(), key=lambda item: item[1])
    salt, pepper = (float((made.cube[band] == value).mean()) for value in (1.0, 0.0))
    assert salt == pytest.approx(amount / 2, abs=0.03)
    assert pepper == pytest.approx(amount / 2, abs=0.03)


def test_one_sigma_a_band():
    made = add_gaussian(CLEAN, np.linspace(0, 60, 31))
    assert np.allclose((made.cube - CLEAN).std((1, 2)), np.linspace(0, 60, 31) / 255, rtol=0.05)
    assert np.array_equal(made.cube[0], CLEAN[0])


def test_another_case_is_named():
    with pytest.raises(UsageError, match=r"no noise case 'stripes'.*stripe"):
        add_case(CLEAN, "stripes")


def test_a_sensor_adds_what_its_equation_says():
    sensor = Pushbroom(snr=60, dead=0.01, hot=0)
    wavelengths = np.linspace(430, 860, 31)
    made = sweep(CLEAN, wavelengths, sensor, seed=3)
    live = ~made.dead
    rest = made.cube - made.gain[:, None] * CLEAN - made.offset[:, None]
    found = np.array([band[:, keep].std() for band, keep in zip(rest, live, strict=True)])
    wanted = np.sqrt(0.25 + 0.75 * 0.5) / 60 / brightness(wavelengths)
    assert np.allclose(found, wanted, rtol=0.05) and np.allclose(made.sigma, wanted, rtol=1e-5)
    assert not made.cube.transpose(0, 2, 1)[made.dead].any()
    pairs = np.asarray(np.corrcoef(made.gain))[np.triu_indices(31, 1)]
    common = float(pairs.mean())
    assert common == pytest.approx(0.3**2 / (0.3**2 + 0.7**2), abs=0.05)


def test_light_drowns_in_the_water_bands():
    assert brightness([1400])[0] < 0.2 * brightness([1250])[0]


def test_photons_have_the_variance_of_their_number():
    made = photons(CLEAN, full=1000)
    assert made.mean() == pytest.approx(0.5, rel=1e-3)
    assert made.var() == pytest.approx(0.5 / 1000, rel=0.02)
    broken = CLEAN.copy()
    broken[0, 0, 0] = np.nan
    assert np.isnan(photons(broken, 1000)[0, 0, 0])
