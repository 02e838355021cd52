"""Checkpoints that are refused: with code in them, without their options, of other networks."""

from pathlib import Path
from typing import Any

import lightning_files as files
import pytest
import torch
from lightning_files import DNN, converted

from undrift.cli import main
from undrift.common.errors import InputError, UsageError
from undrift.speech.checkpoints import load_speech_checkpoint
from undrift.speech.published.convert import convert_speech
from undrift.speech.published.options import read_settings


class Trap:
    """A pickle that would run code: it makes a folder."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        import os

        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("place", ["callbacks", "hyper_parameters", "ema"])
def test_a_file_with_code_is_refused_and_not_run(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = files.write(tmp_path / "x.ckpt", DNN, files.SGMSE)
    with files.training_program():
        kept = torch.load(source, weights_only=False)
        kept[place]["more"] = Trap(tmp_path / "ran")
        torch.save(kept, source)
    target = tmp_path / "x.safetensors"
    with pytest.raises(InputError, match=r"names .*mkdir, which would be run.*nothing was run"):
        convert_speech(source, target)
    assert main(["models", "convert", str(source), str(target)]) == 3
    assert "nothing was run" in capsys.readouterr().err
    assert not (tmp_path / "ran").exists()
    assert not target.exists()
    with files.training_program():
        torch.load(source, weights_only=False)  # the trap is one
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sde": "ouvp"}, "sde is 'ouvp'; expected one of ouve"),
        ({"backbone": "dcunet"}, "backbone is 'dcunet'; expected one of ncsnpp"),
        ({"nf": 16}, r"all_modules.0.W is \(8,\), expected \(16,\).* and \d+ more"),
        ({"num_res_blocks": 2}, "is missing"),
        ({"theta": "much"}, "theta is 'much'; expected a number"),
        ({"n_fft": 62.5}, "expected a whole number"),
        ({"theta": None}, "does not say theta"),
        ({"resblock_type": "ddpm"}, "resblock_type 'ddpm' are not converted"),
        ({"progressive": "residual"}, "pyramids .'residual'. are not known"),
    ],
)
def test_options_that_do_not_fit(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        converted(tmp_path, DNN, {**files.SGMSE, **change})
    assert not (tmp_path / "x.safetensors").exists()


def test_files_that_are_no_checkpoints(tmp_path: Path) -> None:
    target = tmp_path / "y.safetensors"
    for name, saved, said in (
        ("a.ckpt", [1], "holds a list; expected named tensors"),
        ("b.ckpt", {"state_dict": {"w": torch.zeros(2)}}, "it has w"),
        ("c.ckpt", {"state_dict": {"dnn.w": torch.zeros(2)}}, "lacks all_modules.0.W"),
    ):
        torch.save(saved, tmp_path / name)
        with pytest.raises(InputError, match=said):
            convert_speech(tmp_path / name, target)
    (tmp_path / "d.ckpt").write_text("no weights")
    with pytest.raises(InputError, match="no checkpoint of tensors and numbers"):
        convert_speech(tmp_path / "d.ckpt", target)
    with pytest.raises(InputError, match="no such checkpoint"):
        convert_speech(tmp_path / "e.ckpt", target)
    source = files.write(tmp_path / "x.ckpt", DNN, files.SGMSE)
    with pytest.raises(InputError, match=r"convert it once: undrift models convert x\.ckpt"):
        load_speech_checkpoint(source)
    with pytest.raises(UsageError, match="expected NAME=VALUE"):
        read_settings(["sde"])
    assert read_settings(["k=2.6", "attn_resolutions=[16]", "sde=sbve"]) == {
        "k": 2.6,
        "attn_resolutions": [16],
        "sde": "sbve",
    }
