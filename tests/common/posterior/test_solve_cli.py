"""`undrift solve` from files to files: the command line, its manifest and exit codes."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch
from PIL import Image

from undrift.cli import main
from undrift.common.errors import InputError
from undrift.common.manifest import read
from undrift.common.noise import Noise
from undrift.common.operators import GaussianBlur, Mask
from undrift.common.posterior.methods import METHODS
from undrift.common.solve import solve
from undrift.common.solve_files import read_signal, write_signal

SHAPE = (3, 12, 10)
BLUR = "operator: gaussian-blur\nstd: 0.7\nsize: 5\nnoise: 0.02\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with weights `w.safetensors`, `op.yaml`, `in/a.npy`, `in/b.png`, `in/s/c.tif`."""
    monkeypatch.chdir(tmp_path)
    tiny.write_model(Path("w.safetensors"), tiny.DENOISE, last=0.0)
    Path("op.yaml").write_text(BLUR)
    Path("in/s").mkdir(parents=True)
    blur = GaussianBlur(SHAPE, 0.7, size=5)
    y = blur(0.5 + 0.1 * Noise(1)((1, *SHAPE)))[0].numpy()
    np.save("in/a.npy", y)
    eight = (y.clip(0, 1) * 255).round().astype(np.uint8).transpose(1, 2, 0)
    Image.fromarray(eight).save("in/b.png")
    Image.fromarray(eight[..., 0]).save("in/s/c.tif")
    return tmp_path


FLAGS = ["--operator", "op.yaml", "--prior", "w.safetensors", "--steps", "3"]


def records(capsys: pytest.CaptureFixture) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_run_its_records_and_its_resume(place: Path, capsys: pytest.CaptureFixture) -> None:
    command = ["solve", "in", "-o", "out", *FLAGS, "--json"]
    assert main(command) == 0
    first = records(capsys)
    assert [record["status"] for record in first] == ["written"] * 3
    for record in first:
        assert (record["task"], record["model"], record["nfe"]) == ("solve", "tiny-denoise", 3)
        assert (record["method"], record["steps"]) == ("stationary", 3)
        assert "trained prior" in record["why"]
        assert record["chi"] > 0
    assert first[0]["shape_out"] == list(SHAPE)
    assert first[2]["shape_out"] == [1, 12, 10]
    assert first == read(Path("out/undrift.jsonl"))
    assert main(command) == 0
    assert [record["status"] for record in records(capsys)] == ["skipped"] * 3
    assert main([*command, "--method", "diffpir"]) == 0
    assert [record["status"] for record in records(capsys)] == ["kept"] * 3
    Path("op.yaml").write_text(BLUR.replace("0.02", "0.03"))  # another operator, another result
    assert main(command) == 0
    assert [record["status"] for record in records(capsys)] == ["kept"] * 3
    assert main([*command, "--overwrite"]) == 0
    assert [record["status"] for record in records(capsys)] == ["written"] * 3


def test_the_command_and_the_function_agree(place: Path) -> None:
    flags = [*FLAGS, "--samples", "2", "--seed", "4", "--keep-samples"]
    assert main(["solve", "in/a.npy", "-o", "x.npy", *flags]) == 0
    y = np.load("in/a.npy")
    expected = solve(y, "op.yaml", "w.safetensors", steps=3, samples=2, seed=4, item="a.npy")
    np.testing.assert_array_equal(np.load("x.npy"), expected.value)
    np.testing.assert_array_equal(np.load("x.std.npy"), expected.std)
    np.testing.assert_array_equal(np.load("x.sample-2.npy"), expected.samples[1])
    assert not np.array_equal(expected.samples[0], expected.samples[1])
    expected.save("mine.npy")
    np.testing.assert_array_equal(np.load("mine.npy"), expected.value)


def test_a_picture_says_how_it_was_made(place: Path) -> None:
    assert main(["solve", "in/b.png", "-o", "x.png", *FLAGS, "-O", "tol=0.001"]) == 0
    with Image.open("x.png") as picture:
        info = json.loads(picture.info["undrift"])
        assert picture.mode == "RGB"
    assert info["method"] == "stationary"
    assert info["options"]["tol"] == 0.001
    before = Path("x.png").read_bytes()
    assert main(["solve", "in/b.png", "-o", "x.png", *FLAGS, "-O", "tol=0.001", "--overwrite"]) == 0
    assert Path("x.png").read_bytes() == before


def test_an_array_beside_the_description_counts_for_resume(
    place: Path, capsys: pytest.CaptureFixture
) -> None:
    mask = np.ones((12, 10))
    mask[::2] = 0
    np.save("m.npy", mask)
    Path("op.yaml").write_text("operator: mask\nmask: m.npy\nnoise: 0.05\n")
    measured = Mask(torch.from_numpy(mask), SHAPE)(torch.from_numpy(np.load("in/a.npy"))[None])
    np.save("y.npy", measured[0].numpy())
    command = ["solve", "y.npy", "-o", "out/x.npy", *FLAGS, "--json"]
    assert main(command) == 0
    np.save("m.npy", 1 - mask)
    assert main(command) == 0
    assert [record["status"] for record in records(capsys)] == ["written", "kept"]


def test_a_misfit_is_told_on_the_command_line(place: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["solve", "in/a.npy", "-o", "x.npy", *FLAGS, "--noise", "1e-5"]) == 0
    assert "does not explain the measurement" in capsys.readouterr().err


def test_the_methods_are_listed(capsys: pytest.CaptureFixture) -> None:
    assert main(["solve", "--list-methods"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["auto", *METHODS]
    assert "needs svd" in next(line for line in lines if line.startswith("ddrm "))
    for name, line in zip(METHODS, lines[1:], strict=True):
        assert ("a prior of latents" in line) == (name == "psld")


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (["--operator", "none.yaml"], 3, "none.yaml: no such file; expected a description"),
        (["--operator", "op.yaml", "--method", "ddrmm"], 2, "did you mean 'ddrm'"),
        (["--operator", "op.yaml", "--noise", "-1"], 3, "noise -1.0: expected a standard"),
        (["--operator", "op.yaml", "--model", "w.safetensors"], 2, "two names of one thing"),
        (["--operator", "op.yaml", "--tile", "64"], 2, "takes no --tile"),
        (["--operator", "op.yaml", "--budget", "0"], 2, "0 is not in the range"),
        (["--operator", "op.yaml", "-O", "tol"], 2, "expected KEY=VALUE"),
        (["--operator", "op.yaml", "-O", "tool=1"], 2, "no option 'tool'"),
        (["--operator", "op.yaml", "--solver", "none"], 2, "solver 'none' is not one of"),
        (["--operator", "bad.yaml"], 4, "2 problems|did you mean 'gaussian-blur'"),
        (["--operator", "op.yaml", "--method", "pigdm", "--prior", "none"], 3, "none"),
    ],
)
def test_exit_codes(
    flags: list[str], code: int, said: str, place: Path, capsys: pytest.CaptureFixture
) -> None:
    Path("bad.yaml").write_text("operator: gausian-blur\nstd: 0.7\nnoise: 0.1\n")
    prior = [] if "--prior" in flags else ["--prior", "w.safetensors"]
    assert main(["solve", "in/a.npy", "-o", "x.npy", *flags, *prior, "--steps", "2"]) == code
    assert re.search(said, capsys.readouterr().err)
    assert not Path("x.npy").exists()


def test_one_bad_file_does_not_stop_the_others(place: Path, capsys: pytest.CaptureFixture) -> None:
    Path("in/bad.npy").write_bytes(b"\x93NUMPY")
    np.save("in/holes.npy", np.full(SHAPE, np.nan, np.float32))
    assert main(["solve", "in", "-o", "out", *FLAGS, "--json"]) == 4
    found = {Path(r["input"]).name: r for r in records(capsys)}
    assert {n for n, r in found.items() if r["status"] == "failed"} == {"bad.npy", "holes.npy"}
    assert "NaN" in found["holes.npy"]["error"]
    assert found["b.png"]["status"] == "written"


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".png", ".tif"])
@pytest.mark.parametrize("depth", ["uint8", "uint16", "float32"])
def test_files_come_back_to_their_precision(suffix: str, depth: str, tmp_path: Path) -> None:
    x = np.linspace(0, 1, 1 * 5 * 7, dtype=np.float32).reshape(1, 5, 7)
    path = tmp_path / f"x{suffix}"
    write_signal(path, x, {"method": "none"}, depth)
    found = read_signal(path).values
    steps = {"uint8": 255, "uint16": 65535, "float32": 2**22}[depth]
    if suffix == ".png" and depth == "float32":
        steps = 255
    if suffix in (".npy", ".npz"):
        steps = 2**22
    assert np.abs(found - x).max() <= 0.5001 / steps
    assert found.shape == x.shape


def test_files_that_are_no_signals(tmp_path: Path) -> None:
    np.savez(tmp_path / "two.npz", a=np.zeros(2), b=np.zeros(2))
    np.save(tmp_path / "whole.npy", np.zeros((1, 2, 2), np.uint8))
    Image.fromarray(np.zeros((2, 2, 4), np.uint8)).save(tmp_path / "alpha.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    told = {
        "two.npz": "expected one array, got a, b",
        "whole.npy": "holds uint8; expected floats",
        "alpha.png": "without alpha",
        "broken.png": "cannot be read",
        "absent.npy": "no such file",
        "x.xyz": "expected one of .npy",
    }
    for name, said in told.items():
        with pytest.raises(InputError, match=said):
            read_signal(tmp_path / name)
    with pytest.raises(InputError, match=r"a complex64 result .* is no picture; write .npy"):
        write_signal(tmp_path / "x.png", np.zeros((1, 2, 2), np.complex64), {})
    with pytest.raises(InputError, match=r"expected one of \.npy"):
        write_signal(tmp_path / "x.xyz", np.zeros((1, 2, 2)), {})
