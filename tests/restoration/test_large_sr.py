"""`sr` and the mending networks from file to file: what the task gives for the whole picture."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch
from in_windows import WAYS, both, check, in_small_parts, picture

from undrift.common.errors import InputError
from undrift.restoration import large, large_rounds, large_sr
from undrift.restoration.large_scratch import Scratch


@pytest.fixture(autouse=True, params=WAYS)
def small_parts(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Every test in windows that keep 64 pixels of the result and in strips; rounds keep 48."""
    in_small_parts(monkeypatch, request.param, 64)
    monkeypatch.setattr(large_rounds, "KEPT", (48, 40))


@pytest.fixture(scope="module")
def blind(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A random restorer of unknown damage."""
    network = {"name": "local-nafnet", "params": {**tiny.SMALL, "inputs": 6, "levels": 0}}
    settings = {
        **tiny.SR, "id": "tiny-blind", "task": "blind", "network": network, "levels": [],
        "ranges": {}, "presets": tiny.PRESETS,
    }  # fmt: skip
    return tiny.write_model(tmp_path_factory.mktemp("weights") / "r.safetensors", settings)


@pytest.mark.parametrize(("suffix", "mode", "depth", "more"), [
    (".png", "RGB", "uint8", {"scale": 4}), (".tif", "L", "float32", {"scale": 3}),
    (".tif", "RGB", "float32", {"scale": 2.5}), (".png", "LA", "uint16", {"scale": 2}),
    (".tif", "L", "uint16", {"scale": 2, "fidelity": 0.0005}),
    (".tif", "L", "float32", {"scale": 2, "preset": "best", "solver": "auto-sde"}),
])  # fmt: skip
def test_enlarged(
    suffix: str, mode: str, depth: str, more: dict[str, Any], sr_model: str, tmp_path: Path
) -> None:
    source = picture(tmp_path / f"a{suffix}", mode, depth, (61, 50))
    ours, whole, told, info = both("sr", source, tmp_path / f"b{suffix}", model=sr_model, **more)
    check(ours, whole, 2)
    assert ours.metadata.dpi == whole.metadata.dpi
    assert ours.metadata.text == whole.metadata.text
    for name in ("back_projections", "scale", "nfe", "shape_out", "seed", "weights"):
        assert told[name] == info[name]
    if mode != "LA":  # hidden colours count in the residual
        assert told["residual_rms"] == pytest.approx(info["residual_rms"], rel=1e-3)
    if more.get("fidelity"):
        assert 0 < told["back_projections"] < 5  # it stops where the whole picture stops
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [suffix] * 3


def test_enlarged_for_real(blind: str, tmp_path: Path) -> None:
    source = picture(tmp_path / "a.png", "RGB", "uint8", (40, 50))
    ours, whole, told, info = both(
        "sr", source, tmp_path / "b.png", model=blind, scale=2.5, degradation="real"
    )
    check(ours, whole)
    assert told["residual_rms"] == pytest.approx(info["residual_rms"], rel=1e-3)
    assert told["chi"] is None


@pytest.mark.parametrize("more", [{}, {"fidelity": 2.0}, {"preset": "best", "seed": 4}], ids=str)
def test_mended(more: dict[str, Any], blind: str, tmp_path: Path) -> None:
    source = picture(tmp_path / "a.png", "RGB", "uint8", (96, 150))
    ours, whole, told, info = both(
        "restore", source, tmp_path / "b.png", model=blind, task="jpeg", **more
    )
    check(ours, whole)
    assert told["task"] == "jpeg"
    assert told["residual_rms"] == pytest.approx(info["residual_rms"], rel=1e-4)


def test_scales_that_never_fall_on_whole_pixels_are_read_whole(
    sr_model: str, tmp_path: Path
) -> None:
    source = picture(tmp_path / "a.png", "RGB", "uint8", (40, 50))
    settings = {"scale": 2.7182818, "model": sr_model}
    assert large.restore_large("sr", source, tmp_path / "b.png", "", settings, True) is None


def test_no_room_for_scratch(
    sr_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = picture(tmp_path / "a.png", "RGB", "uint8", (40, 50))
    monkeypatch.setattr(large_sr, "free_bytes", lambda _: 100)
    with pytest.raises(InputError, match="waits in scratch files"):
        large.restore_large("sr", source, tmp_path / "b.png", "", {"model": sr_model}, True)
    assert os.listdir(tmp_path) == ["a.png"]


def test_scratch_gives_back_what_was_put(tmp_path: Path) -> None:
    whole = torch.randn(1, 3, 20, 30, generator=torch.Generator().manual_seed(1))
    scratch = Scratch(tmp_path, (3, 20, 30))
    for top in (10, 0):
        for left in (0, 13):
            right = 13 if left == 0 else 30
            scratch.put(whole[..., top : top + 10, left:right], top, left)
    np.testing.assert_array_equal(scratch.read((0, 20), (0, 30)), whole)
    scratch.put(whole[..., 5:9, :] * 2, 5, 0)
    np.testing.assert_array_equal(scratch.read((5, 7), (3, 9)), whole[..., 5:7, 3:9] * 2)
    with pytest.raises(OSError, match="ends before"):
        scratch.read((15, 25), (0, 30))
    assert os.listdir(tmp_path) == []
    scratch.close()
