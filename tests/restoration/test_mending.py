"""`restore` by networks made for a task, and `sr` of pictures that are not clean reductions."""

from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from PIL import Image

import undrift
from undrift.cli import main
from undrift.common.errors import InputError, MissingExtraError, UsageError
from undrift.common.resize import upscale
from undrift.restoration.mending import MODELS


@pytest.fixture(scope="module")
def blind(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A random restorer of unknown damage, without levels."""
    network = {"name": "local-nafnet", "params": {**tiny.SMALL, "inputs": 6, "levels": 0}}
    settings = {
        **tiny.SR, "id": "tiny-blind", "task": "blind", "network": network, "levels": [],
        "ranges": {}, "presets": tiny.PRESETS,
    }  # fmt: skip
    return tiny.write_model(tmp_path_factory.mktemp("weights") / "r.safetensors", settings)


@pytest.fixture(scope="module")
def paired(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A random model for pairs, which is told a scale."""
    settings = {**tiny.SR, "id": "tiny-paired", "task": "paired"}
    return tiny.write_model(tmp_path_factory.mktemp("weights") / "q.safetensors", settings)


def picture(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, shape, np.uint8)


def test_fidelity_divides_the_change(blind: str) -> None:
    x = picture(24, 32, 3).astype(np.float32) / 255
    whole = undrift.restore(x, task="blind", model=blind)
    half = undrift.restore(x, task="blind", model=blind, fidelity=2)
    assert np.abs(whole.value - x).max() > 0.01
    np.testing.assert_allclose(half.value - x, (whole.value - x) / 2, atol=1e-6)
    assert whole.info["task"] == "blind" and whole.info["nfe"] == 1
    np.testing.assert_allclose(whole.residual, x - whole.value, atol=1e-6)


def test_tiles_samples_colour_and_alpha(blind: str) -> None:
    x = picture(40, 72, 4)
    whole = undrift.restore(x, task="jpeg", model=blind, tile="off")
    tiled = undrift.restore(x, task="jpeg", model=blind, tile=48)
    assert whole.value.dtype == np.uint8 and whole.value.shape == x.shape
    np.testing.assert_array_equal(whole.value[..., 3], x[..., 3])
    assert np.abs(whole.value.astype(int) - tiled.value).max() <= 1
    grey = undrift.restore(x[..., 0], task="jpeg", model=blind, samples=3)
    assert grey.value.shape == (40, 72) and len(grey.samples) == 3
    assert grey.std is not None and grey.std.max() > 0


def test_outside_a_mask_nothing_changes(blind: str, paired: str) -> None:
    x, mask = picture(24, 32, 3), np.zeros((24, 32), np.uint8)
    mask[4:12, 6:20] = 1
    made = undrift.restore(x, task="shadow", model=paired, mask=mask).value
    np.testing.assert_array_equal(made[mask == 0], x[mask == 0])
    assert (made[mask == 1] != x[mask == 1]).mean() > 0.5
    with pytest.raises(InputError, match="tiny-blind is a model for blind, not for shadow"):
        undrift.restore(x, task="shadow", model=blind)
    assert undrift.restore(x, task="lowlight", model=paired).info["model"] == "tiny-paired"


@pytest.mark.parametrize("scale", [2.0, 2.6])
def test_small_pictures_of_unknown_history_are_enlarged_then_restored(
    blind: str, scale: float
) -> None:
    x = torch.rand(3, 14, 18, generator=torch.Generator().manual_seed(0))
    made = undrift.sr(x, scale=scale, degradation="real", model=blind)
    y = upscale(x[None], scale).clamp(0, 1)[0]
    again = undrift.restore(y, task="blind", model=blind, item="")
    torch.testing.assert_close(made.value, again.value, rtol=0, atol=1e-6)
    assert made.info["degradation"] == "real"


def test_missing_weights_say_how_to_make_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(picture(16, 16, 3)).save(tmp_path / "a.png")
    monkeypatch.setattr("undrift.common.model_cards.model_card_paths", dict)
    for task, name in MODELS.items():
        if task in ("dehaze", "lowlight"):  # both have a method of their own
            continue
        call = ["restore", str(tmp_path / "a.png"), "-o", str(tmp_path / "o"), "--task", task]
        assert main(call) == 5
        said = capsys.readouterr().err
        assert f"the weights of {name}" in said and f"undrift train {name}" in said
    call = ["sr", str(tmp_path / "a.png"), "-o", str(tmp_path / "o"), "--degradation", "real"]
    assert main(call) == 5
    with pytest.raises(MissingExtraError, match="own-pairs"):
        undrift.restore(picture(16, 16, 3), task="derain")


def test_a_folder_by_the_command(
    tmp_path: Path, blind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    Image.fromarray(picture(16, 20, 3)).save(tmp_path / "in" / "a.jpg")
    call = ["restore", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--model", blind]
    assert main([*call, "--task", "jpeg"]) == 0
    assert (tmp_path / "out" / "a.jpg").is_file()
    assert main([*call, "--task", "jepg"]) == 2
    assert "did you mean 'jpeg'" in capsys.readouterr().err
    assert main([*call, "--task", "jpeg", "--gain", "2"]) == 2
    assert "gain does not belong to the task jpeg" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ({"degradation": "reel"}, "did you mean 'real'"),
        ({"degradation": "real", "method": "bicubic"}, "is done by a network"),
        ({"degradation": "real", "scale": 5}, "enlarged 1 to 4 times"),
        ({"degradation": "real", "fidelity": 0.5}, "expected 1 or more"),
    ],
)
def test_calls_that_cannot_be(blind: str, call: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        undrift.sr(picture(16, 16, 3), model=blind, **call)  # type: ignore[arg-type]
