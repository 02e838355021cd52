"""The dark channel prior where its assumption holds exactly, and the guided filter's own laws."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import undrift
from undrift.cli import main
from undrift.common.errors import UsageError
from undrift.restoration.dehazing import OMEGA, airlight, dark_channel, guided, transmission


def clear(side: int = 96) -> np.ndarray:
    """A picture with a black channel in every patch, (3, h, w)."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0.1, 0.9, (3, side, side))
    black = rng.integers(0, 3, (side, side))
    return np.where(np.arange(3)[:, None, None] == black, 0.0, x)


def test_the_dark_channel_is_the_minimum_of_patch_and_channels() -> None:
    x = np.random.default_rng(1).random((3, 40, 40))
    assert dark_channel(x)[20, 20] == x[:, 13:28, 13:28].min()
    assert dark_channel(clear()).max() == 0


@pytest.mark.parametrize("t", [0.35, 0.7])
def test_an_even_haze_is_found_and_undone(t: float) -> None:
    x, light = clear(), np.array([0.95, 0.9, 0.85])[:, None, None]
    y = x * t + light * (1 - t)
    np.testing.assert_allclose(transmission(y, light), 1 - OMEGA * (1 - t), atol=1e-9)
    y[:, :16, :16] = light  # a patch of sky: the light can be seen
    np.testing.assert_allclose(airlight(y), light, atol=1e-9)
    result = undrift.restore(y.transpose(1, 2, 0).astype(np.float32), task="dehaze")
    assert result.info["method"] == "dark-channel" and result.info["nfe"] == 0
    np.testing.assert_allclose(result.info["airlight"], light.ravel(), atol=1e-4)
    far = (slice(80, None), slice(80, None))  # beyond the sky's window
    found, before = result.value[far], y.transpose(1, 2, 0)[far]
    true = x.transpose(1, 2, 0)[far]
    assert np.abs(found - true).mean() < 0.35 * np.abs(before - true).mean()


def test_fidelity_leaves_haze() -> None:
    x, light = clear(), 0.9
    y = (0.5 * x + 0.5 * light).transpose(1, 2, 0).astype(np.float32)
    y[:16, :16] = light
    changes = [
        np.abs(undrift.restore(y, task="dehaze", fidelity=f).value - y).mean() for f in (1, 2, 8)
    ]
    assert changes[0] > 1.5 * changes[1] > 3 * changes[2]


def test_the_guided_filter_keeps_linear_functions_of_its_guide() -> None:
    guide = np.random.default_rng(2).random((40, 50))
    np.testing.assert_allclose(guided(3 * guide - 1, guide, 5, 1e-12), 3 * guide - 1, atol=1e-6)
    flat = np.full((40, 50), 0.3)
    p = np.random.default_rng(3).random((40, 50))
    deep = guided(p, flat, 3, 1e-3)[12:28, 12:28]  # of a flat guide: the mean of means
    box = np.array([[p[i - 3 : i + 4, j - 3 : j + 4].mean() for j in range(9, 41)]
                    for i in range(9, 31)])  # fmt: skip
    twice = box[3:19, 3:19].copy()
    for i in range(16):
        for j in range(16):
            twice[i, j] = box[i : i + 7, j : j + 7].mean()
    np.testing.assert_allclose(deep, twice, atol=1e-9)


def test_files_and_flags(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pixels = np.rint(255 * (0.5 * clear(40) + 0.4)).astype(np.uint8).transpose(1, 2, 0)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    call = ["restore", str(tmp_path / "a.png"), "-o", str(tmp_path / "o.png"), "--task", "dehaze"]
    assert main(call) == 0
    with Image.open(tmp_path / "o.png") as picture:
        assert np.asarray(picture).std() > 1.3 * pixels.std()
    assert main([*call, "--overwrite", "--steps", "4"]) == 2
    assert "dark-channel has no network" in capsys.readouterr().err
    with pytest.raises(UsageError, match="expected 1 or more"):
        undrift.restore(pixels, task="dehaze", fidelity=0.5)
