"""Whole runs of papers on picture restoration, on small folders in the layouts of their cards."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from undrift.cli import main
from undrift.common.resize import upscale
from undrift.restoration.papers.picture_runs import as_bytes
from undrift.restoration.papers.picture_scores import Protocol


def textured(contrast: float) -> tuple[np.ndarray, np.ndarray]:
    """A grey pattern, and the same with noise that gives 25.01 dB of luma; uint8 (3, 64, 64)."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((64, 64))
    noise *= 255 * 10 ** (-25.01 / 20) * 255 / 219 / np.sqrt((noise**2).mean())
    wave = np.sin(np.arange(64) * 0.9)[:, None] * np.cos(np.arange(64) * 0.7)
    clean = np.rint(128 + contrast * wave).astype(np.uint8)
    spoilt = np.rint(np.clip(clean + noise, 0, 255)).astype(np.uint8)
    return (np.stack([clean] * 3), np.stack([spoilt] * 3))


def pair_of_published_scores() -> tuple[np.ndarray, np.ndarray]:
    """(clean, restored) with the PSNR and SSIM of ResShift's table, found by bisection."""
    low, high = 5.0, 70.0
    for _ in range(12):
        middle = (low + high) / 2
        clean, restored = textured(middle)
        similarity = Protocol("rounded luma").scores(restored, clean)["SSIM"]
        low, high = (low, middle) if similarity > 0.677 else (middle, high)
    return textured(low)


def save(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture.transpose(1, 2, 0)).save(path)


def imagenet(root: Path, pairs: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """A test set of ResShift with the layout of its card: 64 pixels, and 16."""
    clean, restored = pair_of_published_scores()
    made = []
    for k in range(pairs):
        turned = (np.rot90(clean, k, (1, 2)), np.rot90(restored, k, (1, 2)))
        save(root / f"papers/imagenet-test/gt/{k}.png", turned[0])
        save(root / f"papers/imagenet-test/lq/{k}.png", turned[0][:, 1::4, 1::4])
        made.append(turned)
    return made


def measured(folder: Path, paper: str, table: str) -> dict[str, object]:
    """Column -> number of a table of a run."""
    tables = json.loads((folder / f"{paper}.json").read_text())["tables"]
    [found] = [entry for entry in tables if entry["table"] == table]
    return {cell["column"]: cell["measured"] for cell in found["figures"]}


def test_check_of_a_folder_in_the_real_layout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Restored pictures with the published scores pass; the clean ones themselves do not."""
    monkeypatch.setenv("UNDRIFT_CACHE", str(tmp_path))
    pairs = imagenet(tmp_path, 3)
    results = tmp_path / "papers/resshift/imagenet-test/results"
    command = ["reproduce", "run", "resshift", "--check", "-q", "-o", str(tmp_path / "out")]
    for k, (_, restored) in enumerate(pairs):
        save(results / f"{k}.png", restored)
    assert main(command) == 0
    found = measured(tmp_path / "out", "resshift", "imagenet-test")
    expected = [Protocol("rounded luma").scores(restored, clean) for clean, restored in pairs]
    assert found == pytest.approx(
        {name: np.mean([e[name] for e in expected]) for name in ("PSNR", "SSIM")}
    )
    for k, (clean, _) in enumerate(pairs):
        save(results / f"{k}.png", clean)
    assert main(command) == 4
    assert "imagenet-test: ResShift, 15 steps, PSNR" in capsys.readouterr().err
    assert measured(tmp_path / "out", "resshift", "imagenet-test")["PSNR"] == "inf"


def test_a_model_restores_where_there_are_no_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plain_sr_model: str
) -> None:
    """A network that gives 0 enlarges by the bicubic rule."""
    monkeypatch.setenv("UNDRIFT_CACHE", str(tmp_path))
    pairs = imagenet(tmp_path, 1)
    folder = tmp_path / "papers/resshift/imagenet-test"
    folder.mkdir(parents=True)
    shutil.copy(plain_sr_model, folder / "model.safetensors")
    assert main(["reproduce", "run", "resshift", "-q", "-o", str(tmp_path / "out")]) == 0
    [(clean, _)] = pairs
    small = torch.from_numpy(clean[:, 1::4, 1::4] / 255.0)
    expected = Protocol("rounded luma").scores(as_bytes(upscale(small, 4).numpy()), clean)
    found = measured(tmp_path / "out", "resshift", "imagenet-test")
    assert found == pytest.approx(expected, abs=1e-2)
    (folder / "results").mkdir()
    assert main(["reproduce", "run", "resshift", "-q", "-o", str(tmp_path / "out")]) == 3


def test_shadows_and_dark_pictures_are_scored_as_they_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ISTD and LOL in their layouts: closed forms of constant pictures."""
    monkeypatch.setenv("UNDRIFT_CACHE", str(tmp_path))
    mask = np.zeros((3, 24, 32), np.uint8)
    mask[:, :, :8] = 255
    clean = np.full((3, 24, 32), 120, np.uint8)
    shadowed = np.where(mask > 0, 60, clean).astype(np.uint8)
    for side, picture in {"A": shadowed, "B": mask, "C": clean}.items():
        save(tmp_path / f"papers/istd/test/test_{side}/1-1.png", picture)
    save(tmp_path / "papers/lol/eval15/high/1.png", clean)
    save(tmp_path / "papers/lol/eval15/low/1.png", clean // 2)
    assert main(["reproduce", "run", "resfusion", "-q", "-o", str(tmp_path / "out")]) == 0
    found = measured(tmp_path / "out", "resfusion", "istd-input")
    whole = 20 * np.log10(255 / 60) + 10 * np.log10(4)
    assert found["PSNR shadow"] == pytest.approx(whole)
    assert found["PSNR all"] == pytest.approx(whole)
    assert found["PSNR non-shadow"] == "inf"
    assert found["MAE non-shadow"] == 0
    dark = measured(tmp_path / "out", "resfusion", "lol-input")
    assert dark["PSNR"] == pytest.approx(20 * np.log10(255 / 60))
    luma = measured(tmp_path / "out", "resfusion", "lol-256-input")
    levels = [np.floor(16 + 219 / 255 * grey + 0.5) for grey in (120, 60)]
    assert luma["PSNR"] == pytest.approx(20 * np.log10(255 / (levels[0] - levels[1])))


def test_missing_and_double_pictures_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UNDRIFT_CACHE", str(tmp_path))
    pairs = imagenet(tmp_path, 2)
    save(tmp_path / "papers/resshift/imagenet-test/results/1.png", pairs[1][0])
    assert main(["reproduce", "run", "resshift", "-q", "-o", str(tmp_path / "out")]) == 3
    assert "no picture of 1 items: 0" in capsys.readouterr().err


def test_faces_without_a_card_are_read_from_a_plain_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A border of 4 pixels does not count, nor how the restored pictures are called besides."""
    monkeypatch.setenv("UNDRIFT_CACHE", str(tmp_path))
    clean, restored = np.zeros((2, 3, 32, 32), np.uint8)
    restored[:, :4] = 255
    restored[:, 8:] = 51
    (tmp_path / "papers/celeba-hq/clean").mkdir(parents=True)
    save(tmp_path / "papers/ir-sde/celeba-hq/results/7.png", restored)
    command = ["reproduce", "run", "ir-sde", "-q", "-o", str(tmp_path / "out")]
    assert main(command) == 3
    assert "holds no picture" in capsys.readouterr().err
    save(tmp_path / "papers/celeba-hq/clean/7.png", clean)
    assert main(command) == 0
    found = measured(tmp_path / "out", "ir-sde", "celeba-hq")["PSNR"]
    assert found == pytest.approx(20 * np.log10(5) - 10 * np.log10(20 / 24))
