"""The bias of what clipping leaves, against drawn noise; limits where many values share one."""

import numpy as np
import pytest

from undrift.scientific.hyperspectral.limits import limits_of


def test_the_bias_is_that_of_drawn_values_between_the_limits():
    rng = np.random.default_rng(0)
    means, sigma = np.array([0.05, 0.5, 0.9]), 0.2
    drawn = means[:, None, None] + sigma * rng.standard_normal((3, 400, 500))
    found = limits_of(drawn.clip(0, 1), np.zeros(drawn.shape, bool))
    assert found.low.tolist() == [0, 0, -np.inf] and found.high[2] == 1
    bias = found.bias(np.broadcast_to(means[:, None, None], drawn.shape), np.full(3, sigma))
    for band in (0, 2):
        left = drawn[band][(drawn[band] > 0) & (drawn[band] < 1)]
        assert bias[band, 0, 0] == pytest.approx(left.mean() - means[band], abs=0.002)
    assert abs(bias[1]).max() < 0.01


def test_bands_that_were_not_clipped_have_no_limits_and_no_bias():
    drawn = np.random.default_rng(1).standard_normal((4, 50, 50))
    found = limits_of(drawn, np.zeros(drawn.shape, bool))
    assert not found.at.any() and not found.bias(drawn, np.ones(4)).any()


def test_gaps_are_no_values_at_a_limit():
    drawn = np.random.default_rng(2).uniform(0, 1, (1, 40, 40))
    drawn[0, :10] = -5.0
    gaps = np.zeros(drawn.shape, bool)
    gaps[0, :10] = True
    assert not limits_of(drawn, gaps).at.any()
    assert limits_of(drawn, np.zeros_like(gaps)).at.sum() == 400
