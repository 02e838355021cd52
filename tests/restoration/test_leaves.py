"""The dead-leaves generator: determinism, range, and the statistics of natural scenes."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from undrift.common.errors import InputError
from undrift.restoration.leaves import Textures, bank, make_bank, scene
from undrift.restoration.leaves.canvas import Canvas
from undrift.restoration.leaves.shapes import leaf_mask
from undrift.restoration.leaves.textures import pebbles, power_noise


@pytest.fixture(scope="module")
def textures() -> Textures:
    return Textures(np.random.default_rng(0))


@pytest.fixture(scope="module")
def pictures(textures: Textures) -> np.ndarray:
    return np.stack([scene(128, np.random.default_rng(k), textures) for k in range(40)])


def slope_of_power(images: np.ndarray) -> float:
    """Exponent of the radial power spectrum of the mean channel, (k, 3, n, n) -> number."""
    n = images.shape[-1]
    grey = images.mean(1)
    window = np.outer(np.hanning(n), np.hanning(n))
    power = np.abs(np.fft.fft2((grey - grey.mean((1, 2), keepdims=True)) * window)) ** 2
    f = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.fftfreq(n)[None])
    edges = np.geomspace(0.03, 0.45, 10)
    mean = [power.mean(0)[(f >= a) & (f < b)].mean() for a, b in pairwise(edges)]
    return float(np.polyfit(np.log(np.sqrt(edges[1:] * edges[:-1])), np.log(mean), 1)[0])


def test_scenes_are_unit_range_float32(pictures: np.ndarray) -> None:
    assert pictures.dtype == np.float32
    assert pictures.shape == (40, 3, 128, 128)
    assert pictures.min() >= 0
    assert pictures.max() <= 1
    assert np.isfinite(pictures).all()


def test_scenes_have_the_statistics_of_photographs(pictures: np.ndarray) -> None:
    assert slope_of_power(pictures) == pytest.approx(-2.5, abs=0.8)
    step = np.diff(pictures.mean(1), axis=-1)
    assert 0.01 < np.abs(step).mean() < 0.06  # photographs: about 0.03
    kurtosis = np.mean(step**4) / np.mean(step**2) ** 2
    assert kurtosis > 6  # edges among smooth surfaces; 3 for Gaussian fields
    assert 0.1 < pictures.std((1, 2, 3)).mean() < 0.3


def test_white_noise_fails_the_same_measure() -> None:
    noise = np.random.default_rng(0).random((8, 3, 128, 128))
    assert abs(slope_of_power(noise)) < 0.3


def test_same_stream_same_scene(textures: Textures) -> None:
    first, again, other = (scene(64, np.random.default_rng(seed), textures) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).mean() > 0.01


@pytest.mark.parametrize("beta", [0.7, 1.0, 1.6])
def test_noise_has_its_exponent(beta: float) -> None:
    rng = np.random.default_rng(1)
    fields = np.stack([power_noise(128, beta, rng) for _ in range(8)])[:, None]
    assert fields.std() == pytest.approx(1, abs=1e-3)
    assert slope_of_power(fields) == pytest.approx(-2 * beta, abs=0.25)


def test_pebbles_and_crops_are_periodic(textures: Textures) -> None:
    stones = pebbles(96, np.random.default_rng(2), shaded=True)
    inner = np.abs(np.diff(stones, axis=0)).mean()
    assert np.abs(stones[0] - stones[-1]).mean() < 1.5 * inner
    assert textures.crop(1000, 3, np.random.default_rng(3)).shape == (1000, 3)


def test_leaves_stay_inside_their_window() -> None:
    rng = np.random.default_rng(4)
    t = np.arange(-60, 61, dtype=np.float32)
    far = np.hypot(t[:, None], t[None]) > 1.24 * 40
    masks = [leaf_mask(t[:, None], t[None], 40.0, rng) for _ in range(300)]
    assert not any((mask & far).any() for mask in masks)
    assert np.mean([mask.any() for mask in masks]) > 0.98


def test_the_front_leaf_wins() -> None:
    canvas = Canvas(8)
    everywhere = (slice(0, 8), slice(0, 8))
    mask = np.zeros((8, 8), bool)
    mask[:4] = True
    canvas.put(everywhere, mask, np.array([1.0, 0.0, 0.0], np.float32))
    canvas.put(everywhere, np.ones((8, 8), bool), np.array([0.0, 1.0, 0.0], np.float32))
    assert canvas.left == 0
    assert (canvas.image[:4] == [1, 0, 0]).all()
    assert (canvas.image[4:] == [0, 1, 0]).all()
    assert canvas.window(4, 4, 2) is None


def test_bank_does_not_depend_on_workers_or_length(tmp_path: Path) -> None:
    count = bank.BLOCK + 3
    alone = np.load(make_bank(count, 16, 7, tmp_path / "a"))
    shared = np.load(make_bank(count, 16, 7, tmp_path / "b", workers=2))
    short = np.load(make_bank(5, 16, 7, tmp_path / "a"))
    np.testing.assert_array_equal(alone, shared)
    np.testing.assert_array_equal(alone[:5], short)
    np.testing.assert_array_equal(alone[-1], bank.picture(count - 1, 16, 7))
    assert alone.dtype == np.uint8
    assert alone.shape == (count, 16, 16, 3)
    assert (np.load(make_bank(5, 16, 8, tmp_path / "a")) != short).mean() > 0.5


def test_whole_banks_are_reused_and_broken_ones_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_bank(2, 16, 1, tmp_path)
    good = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(bank, "scene", None)  # any drawing would fail
        assert make_bank(2, 16, 1, tmp_path) == path
    path.write_bytes(good[:-10])
    make_bank(2, 16, 1, tmp_path)
    assert path.read_bytes() == good
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_bad_requests_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="count=0"):
        make_bank(0, 64, 0, tmp_path)
