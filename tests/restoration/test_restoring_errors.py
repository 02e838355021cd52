"""Wrong commands, wrong models, no memory: exit codes of `undrift sr` and `undrift denoise`."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from undrift.cli import main
from undrift.common import model_cards
from undrift.common.networks.local_nafnet import LocalNAFNet
from undrift.restoration.images import read_picture

RANDOM = np.random.default_rng(5)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `in/`: a grey and two colour pictures."""
    monkeypatch.chdir(tmp_path)
    Path("in/s").mkdir(parents=True)
    for name, shape in {"a.png": (40, 50, 3), "b.png": (33, 30), "s/c.tif": (20, 24, 3)}.items():
        Image.fromarray(RANDOM.integers(0, 256, shape, dtype=np.uint8)).save(Path("in", name))
    return tmp_path


def records(capsys: pytest.CaptureFixture) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def files(folder: str) -> dict[str, bytes]:
    found = (path for path in sorted(Path(folder).rglob("*")) if path.suffix in (".png", ".tif"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        ("sr --scale 1.5", 2, "scale 1.5: tiny-sr was trained for 2 to 4; method 'operator' takes"),
        ("sr --scale 5", 2, "scale 5.0: tiny-sr was trained for 2 to 4"),
        ("sr --scale x", 2, "is not a valid float"),
        ("denoise --sigma -1", 2, "noise is 0 or more"),
        ("denoise --sigma loud", 2, "neither a number"),
        ("denoise --sigma 100000", 2, "is sigma on the right scale?"),
        ("denoise --solver dimm", 2, "did you mean 'ddim'?"),
        ("denoise --steps 0", 2, "steps"),
        ("denoise --preset bets", 2, "best"),
        ("denoise --device cuda:9", 2, "present: cpu"),
        ("denoise --sigma 9 --solver ddim --samples 2", 2, "all samples would be the same"),
        ("denoise --tile 8,8,8 --sigma 9", 2, "3 numbers for 2 axes"),
        ("denoise --model gone.safetensors", 3, "gone.safetensors: no such weight file"),
        ("denoise --model leaves-denoize", 3, "no model 'leaves-denoize'"),
    ],
)
def test_wrong_commands_do_nothing(
    flags: str,
    code: int,
    said: str,
    place: Path,
    denoise_model: str,
    sr_model: str,
    capsys: pytest.CaptureFixture,
) -> None:
    task, *rest = flags.split()
    if "--model" not in rest:
        rest += ["--model", denoise_model if task == "denoise" else sr_model]
    assert main([task, "in", "-o", "out", *rest]) == code
    assert said in capsys.readouterr().err
    assert files("out") == {}


def test_models_of_other_tasks_and_broken_ones(
    place: Path, sr_model: str, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["denoise", "in", "-o", "out", "--model", sr_model]) == 3
    assert "tiny-sr is a model for sr, not for denoise" in capsys.readouterr().err
    Path("cut.safetensors").write_bytes(Path(sr_model).read_bytes()[:1000])
    assert main(["sr", "in", "-o", "out", "--model", "cut.safetensors"]) == 3
    assert "cut.safetensors: not a safetensors file" in capsys.readouterr().err
    gone = SimpleNamespace(weights=Path("gone.safetensors"))
    monkeypatch.setattr(model_cards, "find_model_card", lambda name: gone)
    assert main(["sr", "in", "-o", "out", "--model", "carded"]) == 5
    assert "carded has a card but its weights gone.safetensors are missing" in (
        capsys.readouterr().err
    )


def test_out_of_memory(
    place: Path,
    denoise_model: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    base = ["denoise", "in", "--model", denoise_model, "--sigma", "25", "--no-provenance"]
    assert main([*base, "-o", "whole"]) == 0
    Image.fromarray(RANDOM.integers(0, 256, (130, 140, 3), dtype=np.uint8)).save("in/large.png")
    assert main([*base, "-o", "whole"]) == 0
    forward = LocalNAFNet.forward
    limit = [100 * 110]

    def hungry(self: LocalNAFNet, x: torch.Tensor, *rest: Any) -> torch.Tensor:
        if x[0, 0].numel() > limit[0]:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, x, *rest)

    monkeypatch.setattr(LocalNAFNet, "forward", hungry)
    monkeypatch.setattr("undrift.common.sampling._FITTING", {})
    capsys.readouterr()
    assert main([*base, "-o", "halved", "--json"]) == 0
    tiles = {Path(r["input"]).name: r["tile"] for r in records(capsys)}
    assert tiles["large.png"] == [65, 70]
    assert tiles["a.png"] == [40, 50]
    ours, theirs = (read_picture(f"{f}/large.png").pixels for f in ("halved", "whole"))
    assert np.abs(ours - theirs).max() < 1.01 / 255
    limit[0] = 100
    assert main([*base, "-o", "none"]) == 6
    assert "out of memory with tiles of" in capsys.readouterr().err
    assert files("none") == {}
    assert main([*base, "-o", "none", "--tile", "off"]) == 6
    assert "pixels at once; use tile auto" in capsys.readouterr().err
