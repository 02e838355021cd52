"""The richer pictures: fur runs one way, layers have their own blur, banks stay what they were."""

from pathlib import Path

import numpy as np
import pytest

from undrift.restoration.leaves import Textures, make_bank, rich_scene
from undrift.restoration.leaves.flows import bent, cloth, strands
from undrift.restoration.leaves.specimens import specimen
from undrift.restoration.leaves.textures import power_noise


@pytest.fixture(scope="module")
def textures() -> Textures:
    return Textures(np.random.default_rng(0), n=128, rich=True)


def test_scenes_are_unit_range_float32(textures: Textures) -> None:
    pictures = np.stack([rich_scene(64, np.random.default_rng(k), textures) for k in range(60)])
    assert pictures.shape == (60, 3, 64, 64)
    assert pictures.dtype == np.float32
    assert 0 <= pictures.min() < pictures.max() <= 1
    assert np.isfinite(pictures).all()
    assert (pictures.std((1, 2, 3)) > 1e-3).mean() > 0.95


@pytest.mark.parametrize("seed", range(8))
def test_specimens_of_every_kind_are_finite(textures: Textures, seed: int) -> None:
    image = specimen(64, np.random.default_rng(seed), textures)
    assert image.shape == (64, 64, 3)
    assert np.isfinite(image).all()


def _coherence(texture: np.ndarray) -> float:
    """Mean over 16-pixel blocks of (large - small) / (large + small) of the structure tensor."""
    gy, gx = np.gradient(texture)

    def mean(values: np.ndarray) -> np.ndarray:
        return values.reshape(8, 16, 8, 16).mean((1, 3))

    yy, xx, xy = mean(gy * gy), mean(gx * gx), mean(gy * gx)
    return float(np.mean(np.hypot(yy - xx, 2 * xy) / (yy + xx)))


def test_strands_run_along_a_direction_and_noise_does_not() -> None:
    fur = np.mean([_coherence(strands(128, np.random.default_rng(k))) for k in range(6)])
    noise = np.mean([_coherence(power_noise(128, 0.6, np.random.default_rng(k))) for k in range(6)])
    assert fur > 2.5 * noise


def test_new_textures_are_periodic_and_of_unit_deviation() -> None:
    rng = np.random.default_rng(3)
    for texture in (strands(96, rng), cloth(96, rng), bent(power_noise(96, 1.5, rng), rng)):
        assert texture.mean() == pytest.approx(0, abs=1e-4)
        assert texture.std() == pytest.approx(1, abs=1e-3)
        for axis in (0, 1):
            inner = np.abs(np.diff(texture, axis=axis)).mean()
            seam = np.abs(np.take(texture, 0, axis) - np.take(texture, -1, axis)).mean()
            assert seam < 2.5 * inner


def test_the_plain_pool_is_the_beginning_of_the_rich_one(textures: Textures) -> None:
    plain = Textures(np.random.default_rng(0), n=128)
    assert len(textures.maps) == len(plain.maps) + 22
    for old, new in zip(plain.maps, textures.maps, strict=False):
        np.testing.assert_array_equal(old, new)


def test_rich_banks_have_a_name_of_their_own(tmp_path: Path) -> None:
    plain = make_bank(3, 32, 1, tmp_path)
    rich = make_bank(3, 32, 1, tmp_path, rich=True)
    assert plain.name != rich.name
    assert (np.load(plain) != np.load(rich)).any()
