"""What telling signal from noise holds in memory at a time, in cubes of float64."""

import tracemalloc

import numpy as np
import pytest

from undrift.scientific.hyperspectral.cubes.cube import Cube
from undrift.scientific.hyperspectral.low_rank import separate
from undrift.scientific.hyperspectral.medians import median, spread
from undrift.scientific.hyperspectral.noise.cases import add_gaussian
from undrift.scientific.hyperspectral.noise.estimate import noise_report
from undrift.scientific.hyperspectral.noise.pushbroom import Pushbroom, sweep
from undrift.scientific.hyperspectral.scenes.scene import scene
from undrift.scientific.hyperspectral.scenes.sensors import sensor

EYE = sensor("near-infrared")
CLEAN = scene(48, 56, EYE, seed=821)


def peak(call, *given) -> float:
    """The most that a call holds beside what is given, in cubes."""
    tracemalloc.start()
    try:
        call(*given)
        return tracemalloc.get_traced_memory()[1] / (8 * CLEAN.array.size)
    finally:
        tracemalloc.stop()


def test_a_turn_holds_a_handful_of_cubes():
    noisy = CLEAN.with_array(sweep(CLEAN.array, EYE.wavelengths, Pushbroom(), 3).cube)
    # values, stripes and what is filled; the regression on other bands works with three more
    assert peak(separate, noisy, lambda images: images) < 7
    assert peak(noise_report, noisy) < 6


def test_the_cube_that_came_is_left_alone():
    noisy = Cube(add_gaussian(CLEAN.array, 20, seed=1).cube, CLEAN.wavelengths)
    before = noisy.array.copy()
    found = separate(noisy, lambda images: images, turns=2)
    assert np.array_equal(noisy.array, before)
    assert not np.shares_memory(found.estimate, noisy.array)


def test_medians_leave_missing_values_out():
    values = np.random.default_rng(0).standard_normal((9, 40))
    values[np.random.default_rng(1).random(values.shape) < 0.3] = np.nan
    assert np.allclose(median(values), np.nanmedian(values, 0), equal_nan=True)
    values[:, 7] = np.nan
    assert np.isnan(median(values)[7])
    there = values[np.isfinite(values)]
    deviation = np.median(abs(there - np.median(there)))
    assert spread(values) == pytest.approx(1.4826 * deviation)
    assert spread(np.full((3, 3), np.nan)) == 0
