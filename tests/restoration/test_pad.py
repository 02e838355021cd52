"""Periodic pictures stay periodic: a roll before restoring is a roll after it."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import tifffile
import tiny
import torch

from undrift.cli import main
from undrift.common.errors import UsageError
from undrift.common.padding import continued, crop, pad
from undrift.restoration.consistency import consistent, enlarged
from undrift.restoration.images import Picture, write_picture
from undrift.restoration.tasks import denoise, sr

SCENE = np.random.default_rng(3).random((40, 48, 3), dtype=np.float32)


@pytest.fixture(scope="module")
def plain_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A random denoiser without a grid: every shift is one of its symmetries."""
    params = {**tiny.DENOISE["network"]["params"], "unshuffle": 1, "widths": [8], "depths": [3]}
    settings = {**tiny.DENOISE, "network": {"name": "local-nafnet", "params": params}}
    return tiny.write_model(tmp_path_factory.mktemp("weights") / "f.safetensors", settings)


@pytest.mark.parametrize("mode", ["wrap", "reflect"])
@pytest.mark.parametrize("side", [1, 2, 5, 9])
def test_continued_is_numpy_for_any_distance(mode: Literal["wrap", "reflect"], side: int) -> None:
    row = np.arange(side)
    expected = np.pad(row, (13, 8), mode=mode)
    np.testing.assert_array_equal(row[continued(side, mode, 13, 8).numpy()], expected)


def test_crop_undoes_pad_of_unequal_margins() -> None:
    x = torch.rand(2, 3, 5, 7)
    sizes = [(2, 9), (0, 4)]
    wide = pad(x, ("wrap", "reflect"), sizes)
    assert wide.shape == (2, 3, 16, 11)
    assert torch.equal(crop(wide, sizes), x)


@pytest.mark.parametrize("shift", [(1, 0), (0, 1), (7, 31), (-13, 5), (20, 24)])
def test_any_roll_commutes_with_a_network_without_grid(
    shift: tuple[int, int], plain_model: str
) -> None:
    own: dict[str, Any] = {"sigma": 25, "model": plain_model, "pad": "wrap"}
    straight = denoise(SCENE, **own).value
    rolled = denoise(np.roll(SCENE, shift, (0, 1)), **own).value
    np.testing.assert_allclose(rolled, np.roll(straight, shift, (0, 1)), atol=1e-5)
    free = denoise(np.roll(SCENE, shift, (0, 1)), sigma=25, model=plain_model).value
    assert np.abs(free - np.roll(straight, shift, (0, 1))).max() > 1e-3  # the borders tell


@pytest.mark.parametrize("preset", ["balanced", "best"])
def test_rolls_on_the_grid_commute_with_a_strided_network(preset: str, denoise_model: str) -> None:
    own: dict[str, Any] = {"sigma": 25, "model": denoise_model, "pad": "wrap", "preset": preset}
    straight = denoise(SCENE, **own).value
    for shift in [(4, 0), (12, 20), (-8, 44)]:  # the network folds 4 x 4 pixels
        rolled = denoise(np.roll(SCENE, shift, (0, 1)), **own).value
        np.testing.assert_allclose(rolled, np.roll(straight, shift, (0, 1)), atol=1e-5)


def test_one_axis_alone(plain_model: str) -> None:
    own: dict[str, Any] = {"sigma": 25, "model": plain_model}
    straight = denoise(SCENE, pad="reflect,wrap", **own).value
    rolled = denoise(np.roll(SCENE, 5, 1), pad="reflect,wrap", **own).value
    np.testing.assert_allclose(rolled, np.roll(straight, 5, 1), atol=1e-5)
    rolled = denoise(np.roll(SCENE, 5, 0), pad="reflect,wrap", **own).value
    assert np.abs(rolled - np.roll(straight, 5, 0)).max() > 1e-3


def test_reflect_is_the_mirrored_picture_restored_and_cropped(plain_model: str) -> None:
    own: dict[str, Any] = {"sigma": 25, "model": plain_model}
    large = denoise(np.pad(SCENE, ((20, 20), (20, 20), (0, 0)), mode="reflect"), **own).value
    ours = denoise(SCENE, pad="reflect", **own).value
    np.testing.assert_allclose(ours, large[20:-20, 20:-20], atol=1e-5)


@pytest.mark.parametrize("pad", ["wrap", "reflect,wrap"])
@pytest.mark.parametrize("size", [(40, 48), (37, 30)])
def test_tiles_change_nothing(pad: str, size: tuple[int, int], denoise_model: str) -> None:
    own: dict[str, Any] = {"sigma": 25, "model": denoise_model, "pad": pad}
    scene = SCENE[: size[0], : size[1]]
    whole = denoise(scene, tile="off", **own)
    tiled = denoise(scene, tile=16, **own)
    np.testing.assert_allclose(tiled.value, whole.value, atol=1e-5)
    assert whole.info["pad"] == pad if "," in pad else f"{pad},{pad}"


def test_samples_are_periodic_too(gaussian_model: str) -> None:
    """Where pixels are independent the padding can change nothing, noise included."""
    own: dict[str, Any] = {"sigma": 50, "model": gaussian_model, "samples": 2, "steps": 3}
    ours, plain = denoise(SCENE, pad="wrap", **own), denoise(SCENE, **own)
    np.testing.assert_allclose(ours.std, plain.std, atol=1e-6)


@pytest.mark.parametrize(("scale", "shift"), [(2.0, (3, 7)), (2.5, (8, 16)), (4.0, (1, 0))])
def test_enlarging_and_back_projecting_commute_with_rolls(
    scale: float, shift: tuple[int, int]
) -> None:
    low = torch.from_numpy(SCENE).movedim(-1, 0)[None].double()
    more = [round(scale * s) for s in shift]
    found = {}
    for name, x in {"straight": low, "rolled": low.roll(shift, (2, 3))}.items():
        large = enlarged(x, scale, ("wrap", "wrap"))
        found[name] = consistent(large, x, scale, 3, None, ("wrap", "wrap"))[0]
    error = found["rolled"] - found["straight"].roll(more, (2, 3))
    assert float(error.abs().max()) < 1e-9
    free = consistent(enlarged(low, scale), low, scale, 3, None)[0]
    assert float((free - found["straight"]).abs().max()) > 1e-3


def test_sr_of_a_roll_is_the_roll_of_sr_but_for_its_noise(plain_sr_model: str) -> None:
    own: dict[str, Any] = {"scale": 2.0, "model": plain_sr_model, "solver": "ddim", "steps": 1}
    straight = sr(SCENE, pad="wrap", **own).value
    rolled = sr(np.roll(SCENE, (4, 8), (0, 1)), pad="wrap", **own).value
    assert np.abs(rolled - np.roll(straight, (8, 16), (0, 1))).max() < 0.005
    free = sr(np.roll(SCENE, (4, 8), (0, 1)), **own).value
    assert np.abs(free - rolled).max() > 0.05


def test_a_period_must_become_whole_pixels(plain_sr_model: str) -> None:
    with pytest.raises(UsageError, match=r"a period of 41 pixels becomes 102\.5"):
        sr(np.zeros((41, 40), np.uint8), scale=2.5, model=plain_sr_model, pad="wrap")


def test_bad_words() -> None:
    with pytest.raises(UsageError, match="did you mean 'wrap'"):
        denoise(SCENE, sigma=5, pad="warp")
    with pytest.raises(UsageError, match="3 modes for 2 axes"):
        denoise(SCENE, sigma=5, pad="wrap,wrap,wrap")


def test_the_flag(tmp_path: Path, denoise_model: str) -> None:
    grey = np.ascontiguousarray(SCENE[None, ..., 0])
    write_picture(tmp_path / "a.tif", Picture(grey, depth="float32"))
    args = ["denoise", str(tmp_path / "a.tif"), "--sigma", "25", "--model", denoise_model]
    assert main([*args, "-o", str(tmp_path / "b.tif"), "--pad", "reflect,wrap"]) == 0
    expected = denoise(SCENE[..., 0], sigma=25, model=denoise_model, pad="reflect,wrap").value
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"), expected)
    assert main([*args, "-o", str(tmp_path / "c.tif"), "--pad", "rap"]) == 2
