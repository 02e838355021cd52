"""Spread, data consistency, null spaces, flicker and seams: each against its closed form."""

import math

import numpy as np
import pytest
import torch

from undrift.common.errors import InputError, UsageError
from undrift.common.operators.diagonal import Mask
from undrift.common.operators.matrix import Matrix
from undrift.medical.honesty.consistency import CAP, flicker, seams
from undrift.medical.honesty.ensemble import (
    Running,
    calibration,
    quantile_interval,
    student_factor,
)
from undrift.medical.honesty.invented import local_change, null_space_map
from undrift.medical.honesty.measurement import measurement_check

SHAPE = (24, 20, 16)


@pytest.mark.parametrize("count", [2, 4, 8, 20])
def test_right_samples_cover_the_truth_as_often_as_they_say(count: int) -> None:
    rng = np.random.default_rng(count)
    spread = rng.uniform(0.5, 3, SHAPE)  # another one at every voxel
    running = Running()
    for _ in range(count):
        running.add(rng.normal(0, 1, SHAPE) * spread)
    found = calibration(rng.normal(0, 1, SHAPE) * spread, running.mean, running.std, count)
    assert abs(found.coverage - 0.9) < 4 * math.sqrt(0.9 * 0.1 / found.voxels)
    if count >= 8:
        assert found.standardised == pytest.approx(1, abs=0.05)
    assert found.voxels == np.prod(SHAPE)


def test_too_small_a_spread_covers_too_little() -> None:
    rng = np.random.default_rng(0)
    samples = rng.normal(size=(8, *SHAPE))
    truth = 2 * rng.normal(size=SHAPE)
    found = calibration(truth, samples.mean(0), samples.std(0, ddof=1), 8)
    assert found.coverage < 0.75
    assert found.standardised > 1.7


def test_running_is_numpy() -> None:
    samples = np.random.default_rng(0).normal(100, 1, (5, 3, 4)).astype(np.float32)
    running = Running()
    for sample in samples:
        running.add(sample)
    np.testing.assert_allclose(running.mean, samples.mean(0), rtol=1e-6)
    np.testing.assert_allclose(running.std, samples.std(0, ddof=1), rtol=1e-4)
    with pytest.raises(InputError, match="shape"):
        running.add(samples)
    with pytest.raises(UsageError, match="two samples"):
        _ = Running().std


def test_order_statistics_cover_exactly() -> None:
    rng = np.random.default_rng(0)
    samples, truth = rng.exponential(size=(19, 20000)), rng.exponential(size=20000)
    low, high = quantile_interval(samples, 0.9)
    np.testing.assert_array_equal(low, samples.min(0))  # 18 / 20: the outer two
    covered = ((low <= truth) & (truth <= high)).mean()
    assert abs(covered - 0.9) < 4 * math.sqrt(0.09 / 20000)
    with pytest.raises(UsageError, match="draw 19"):
        quantile_interval(samples[:18], 0.9)
    assert student_factor(10**6) == pytest.approx(1.644854, abs=1e-4)


def test_chi_of_the_truth_is_one() -> None:
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(1, 60, generator=rng, dtype=torch.float64)
    a = Matrix(torch.randn(500, 60, generator=rng, dtype=torch.float64), (1, 60))
    y = a(x) + 0.1 * torch.randn(a.shape_out, generator=rng, dtype=torch.float64)
    right = measurement_check(a, x, y, 0.1)
    assert right.chi == pytest.approx(1, abs=4 / math.sqrt(2 * 500))
    assert right.warnings() == ()
    assert float(right.image.square().mean().sqrt()) == pytest.approx(1, abs=0.4)
    fitted = measurement_check(a, a.pinv(y), y, 0.1)
    assert fitted.chi**2 * 500 == pytest.approx(440, abs=4 * math.sqrt(2 * 440))
    assert "does not explain" in measurement_check(a, 0 * x, y, 0.1).warnings()[0]
    assert "noise" in measurement_check(a, x, a(x), 0.1).warnings()[0]
    with pytest.raises(UsageError, match="sigma"):
        measurement_check(a, x, y, 0)


def test_what_was_not_measured_does_not_count() -> None:
    rng = torch.Generator().manual_seed(0)
    seen = torch.rand(1, 64, 64, generator=rng) < 0.3
    noise = 0.5 * torch.randn(1, 64, 64, generator=rng)
    a = Mask(seen, (1, 64, 64))
    found = measurement_check(a, torch.zeros(1, 64, 64), noise, 0.5, measured=seen)
    assert found.count == int(seen.sum())
    assert found.chi == pytest.approx(1, abs=4 / math.sqrt(2 * found.count))
    assert not found.image[~seen].any()


@pytest.mark.parametrize("closed", [True, False])
def test_the_null_space_is_the_null_space(closed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not closed:
        monkeypatch.setattr(Matrix, "_svd", lambda _: None)
    rng = torch.Generator().manual_seed(1)
    full = Matrix(torch.randn(50, 30, generator=rng, dtype=torch.float64), (1, 30))
    x = torch.randn(1, 30, generator=rng, dtype=torch.float64)
    assert null_space_map(full, x).share < 1e-8
    wide = torch.randn(10, 30, generator=rng, dtype=torch.float64)
    q = torch.linalg.qr(wide.T)[0]
    expected = x - (x @ q) @ q.T
    found = null_space_map(Matrix(wide, (1, 30)), x)
    torch.testing.assert_close(found.image, expected.abs(), rtol=0, atol=1e-8)
    assert found.share == pytest.approx(float(expected.norm() / x.norm()), abs=1e-8)
    assert found.residual < 1e-8


def test_local_change_keeps_its_sum() -> None:
    after = np.zeros((21, 21, 21), np.float32)
    after[10, 10, 10] = -8
    found = local_change(np.zeros_like(after), after, (1.0, 1.0, 2.0), 2.0)
    assert found.sum() == pytest.approx(8, rel=1e-3)
    assert found[10, 10, 11] == pytest.approx(found[12, 10, 10], rel=1e-3)  # 2 mm each


def test_isotropic_noise_does_not_flicker_and_noise_by_slice_does() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(40, 40, 40)).astype(np.float32)
    np.testing.assert_allclose(flicker(noise).index, 1, atol=0.02)
    assert flicker(noise).warnings() == ()
    by_slice = noise + 10 * rng.normal(size=(1, 1, 40)).astype(np.float32)
    found = flicker(by_slice)
    assert found.worst == 2
    expected = math.sqrt(1 + 100)  # deviations of differences, means of |normal| alike
    assert found.index[2] == pytest.approx(expected, rel=0.25)
    assert "axis z flicker" in found.warnings()[0]
    only = np.broadcast_to(rng.normal(size=(1, 1, 40)), (40, 40, 40)).astype(np.float32)
    assert flicker(only).index[2] == CAP
    assert flicker(np.zeros((4, 4, 1), np.float32)).index == (0.0, 0.0, 0.0)


def test_a_seam_is_found_where_it_is() -> None:
    rng = np.random.default_rng(0)
    residual = rng.normal(size=(32, 32, 32)).astype(np.float32)
    clean = seams(residual, borders={0: [16], 1: [16]})
    assert clean is not None
    assert clean.index == pytest.approx(1, abs=0.1)
    assert clean.warnings() == ()
    residual[:, 16:] += 8
    for borders in ({0: [16], 1: [8, 16]}, None):
        found = seams(residual, borders=borders)
        assert found is not None
        assert (found.axis, found.plane) == (1, 16)
        # |normal(8, sqrt 2)| over |normal(0, sqrt 2)|
        assert found.index == pytest.approx(8 / (2 / math.sqrt(math.pi)), rel=0.05)
    assert seams(np.zeros((8, 8, 8), np.float32)) is None
    with pytest.raises(InputError, match="no plane 40"):
        seams(residual, borders={2: [40]})
