"""`undrift sr` and `undrift denoise` from flags to files; the runner itself is tested apart."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from undrift.cli import main
from undrift.common.manifest import EMPTY, read
from undrift.restoration.images import read_picture
from undrift.restoration.tasks import denoise

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


def test_a_run_its_record_and_its_repetition(
    place: Path, denoise_model: str, capsys: pytest.CaptureFixture
) -> None:
    args = ["denoise", "in", "-o", "out", "--model", denoise_model, "--sigma", "25", "--json"]
    assert main(args) == 0
    first = records(capsys)
    assert [record["status"] for record in first] == ["written"] * 3
    for record in first:
        assert set(EMPTY) <= set(record)
        assert (record["v"], record["model"], record["nfe"]) == (1, "tiny-denoise", 1)
        assert record["weights"].startswith("sha256:")
        assert record["sigma"] == 25
        assert record["shape_out"] == record["shape_in"]
        assert record["peak_mb"] > 50
        assert record["chi"] > 0
    assert first[0]["shape_in"] == [3, 40, 50]
    assert first[1]["tile"] == [33, 30]
    assert first == read(Path("out/undrift.jsonl"))
    assert main(args) == 0
    assert [record["status"] for record in records(capsys)] == ["skipped"] * 3
    changed = [*args[:-3], "--sigma", "30", "--json"]
    before = files("out")
    assert main(changed) == 0
    out, told = capsys.readouterr()
    assert '"kept"' in out
    assert "kept: out/a.png was made with another value of: options" in told
    assert files("out") == before
    assert main([*changed, "--overwrite"]) == 0
    assert {record["status"] for record in records(capsys)} == {"written"}
    assert files("out").keys() == before.keys()
    assert files("out") != before


def test_the_command_and_the_function_agree(place: Path, denoise_model: str) -> None:
    flags = ["--sigma", "25", "--samples", "2", "--steps", "3", "--seed", "8"]
    assert main(["denoise", "in", "-o", "out", "--model", denoise_model, *flags]) == 0
    assert main(["denoise", "in/a.png", "-o", "alone.png", "--model", denoise_model, *flags]) == 0
    wishes: dict[str, Any] = {"sigma": 25, "samples": 2, "steps": 3, "seed": 8}
    result = denoise("in/a.png", model=denoise_model, **wishes)
    result.save("mine.png")
    assert Path("out/a.png").read_bytes() == Path("alone.png").read_bytes()
    assert Path("mine.png").read_bytes() == Path("alone.png").read_bytes()
    spread = read_picture("alone.std.tif")
    assert spread.depth == "float32"
    np.testing.assert_array_equal(np.moveaxis(spread.pixels, 0, -1), result.std)


@pytest.mark.parametrize("task", ["denoise", "sr"])
@pytest.mark.parametrize("solver", ["ddim", "sde-multistep-2"])
def test_tiles_batches_and_shards_change_nothing(
    task: str, solver: str, place: Path, denoise_model: str, sr_model: str
) -> None:
    own = ["--sigma", "25"] if task == "denoise" else ["--scale", "2"]
    model = denoise_model if task == "denoise" else sr_model
    base = [task, "in", "--model", model, "--solver", solver, "--steps", "2", *own]
    base += ["--no-provenance", "--threads", "1"]
    assert main([*base, "-o", "whole"]) == 0
    truth = files("whole")
    assert len(truth) == 3
    for shard in ("1/2", "2/2"):
        assert main([*base, "-o", "shards", "--shard", shard]) == 0
    assert files("shards") == truth
    for name, flags in {"t1": "--tile 32 --batch 1", "t8": "--tile 48,32 --batch 8"}.items():
        assert main([*base, "-o", name, *flags.split()]) == 0
        for file in truth:
            ours, theirs = (read_picture(Path(folder, file)).pixels for folder in (name, "whole"))
            assert np.abs(ours - theirs).max() < 1.01 / 255  # an unlucky rounding at most
            assert (ours != theirs).mean() < 1e-3


def test_workers_change_nothing(place: Path, sr_model: str) -> None:
    base = ["sr", "in", "--model", sr_model, "--samples", "2", "--steps", "2", "--tile", "64"]
    base += ["--scale", "2", "--threads", "1", "--keep-samples"]
    assert main([*base, "-o", "one"]) == 0
    assert main([*base, "-o", "two", "--workers", "2"]) == 0
    assert files("one") == files("two")
    assert len(files("one")) == 3 * (1 + 1 + 2)
    grey = read_picture("one/b.sample-2.png")
    assert (grey.mode, grey.height, grey.width) == ("L", 66, 60)


def test_a_dry_run_tells_sizes_and_calls(
    place: Path, sr_model: str, capsys: pytest.CaptureFixture
) -> None:
    lying = Image.fromarray(RANDOM.integers(0, 256, (10, 16, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    lying.save("in/lying.jpg", exif=exif)
    lying.quantize(8).save("in/palette.png")
    Path("in/text.png").write_text("words")
    args = ["sr", "in", "-o", "out", "--model", sr_model, "--scale", "2.5", "--preset", "best"]
    assert main([*args, "--dry-run", "--json"]) == 0
    out, told = capsys.readouterr()
    planned = {Path(r["input"]).name: r for r in map(json.loads, out.splitlines())}
    assert {record["status"] for record in planned.values()} == {"planned"}
    shapes = {name: (r["shape_in"], r["shape_out"]) for name, r in planned.items()}
    assert shapes == {
        "a.png": ([3, 40, 50], [3, 100, 125]),
        "b.png": ([1, 33, 30], [1, 83, 75]),
        "c.tif": ([3, 20, 24], [3, 50, 60]),
        "lying.jpg": ([3, 16, 10], [3, 40, 25]),
        "palette.png": ([3, 10, 16], [3, 25, 40]),
        "text.png": (None, None),
    }
    assert {record["nfe"] for record in planned.values()} == {8}
    assert "6 items, tiny-sr, cpu, float32, multistep-2, 8 calls an item, seed 0" in told
    assert not Path("out").exists()
    assert main([*args, "--json"]) == 4
    done = {Path(r["input"]).name: r for r in records(capsys)}
    for name, record in done.items():
        assert (record["shape_in"], record["shape_out"]) == shapes[name]


def test_a_report(place: Path, denoise_model: str) -> None:
    args = ["denoise", "in", "-o", "out", "--model", denoise_model, "--sigma", "25"]
    args += ["--samples", "2", "--report", "out/report.html"]
    for _ in range(2):  # made, then skipped
        assert main(args) == 0
        page = Path("out/report.html").read_text()
        assert all(name in page for name in ("a.png", "b.png", "c.tif"))
        assert page.count("<figure") == 2 * 3  # comparison and uncertainty
        assert "standard deviation, 0 to" in page
        Path("out/report.html").unlink()


def test_a_saved_run_repeats(place: Path, sr_model: str, capsys: pytest.CaptureFixture) -> None:
    args = ["sr", "in", "-o", "out", "--model", sr_model, "--scale", "3", "--preset", "best"]
    assert main([*args, "--save-config", "used.yaml"]) == 0
    capsys.readouterr()
    assert main(["run", "used.yaml", "--json"]) == 0
    assert [record["status"] for record in records(capsys)] == ["skipped"] * 3
    assert main(["run", "used.yaml", "-o", "again"]) == 0
    assert files("again") == files("out")
    assert main(["sr", "--config", "used.yaml", "--scale", "2", "-o", "third"]) == 0
    assert read_picture("third/b.png").height == 66


def test_provenance_and_names(place: Path, denoise_model: str) -> None:
    args = ["denoise", "in/a.png", "--model", denoise_model, "--sigma", "25"]
    assert main([*args, "-o", "out", "--name", "{stem}_{model}{ext}"]) == 0
    [line] = read_picture("out/a_tiny-denoise.png").metadata.history
    told = json.loads(line)
    assert (told["sigma"], told["item"], told["preset"]) == (25, "a.png", "balanced")
    assert main([*args, "-o", "blind.png", "--no-provenance"]) == 0
    assert read_picture("blind.png").metadata.history == ()


def test_a_terminal_shows_a_bar(
    place: Path, environment: dict[str, str], denoise_model: str
) -> None:
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    args = ["denoise", "in", "-o", "out", "--model", denoise_model, "--sigma", "25"]
    command = [sys.executable, "-m", "undrift.cli", *args]
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    process = subprocess.Popen(command, stderr=theirs, stdout=subprocess.PIPE, env=environment)
    os.close(theirs)
    told = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # Linux says so when the other end is closed
            break
        if not part:
            break
        told += part
    out, _ = process.communicate(timeout=300)
    os.close(ours)
    assert process.returncode == 0
    assert out == b""
    assert b"100%" in told and b"3/3" in told
    assert b"3 written, 0 skipped, 0 failed." in told
