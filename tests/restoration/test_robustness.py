"""Violent deaths, broken files, Ctrl-C: nothing lost, nothing half-written, nothing skipped."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import png
import pytest
import tifffile
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from signals import hear_ctrl_c

from undrift.cli import main
from undrift.common.manifest import read
from undrift.restoration.images import read_picture

COUNT = 12
RANDOM = np.random.default_rng(11)


def bytes_of(*shape: int) -> np.ndarray:
    return RANDOM.integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `in/`: twelve small pictures, some a folder deeper."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    Path("in/s").mkdir(parents=True)
    for number in range(COUNT):
        Image.fromarray(bytes_of(40, 40, 3)).save(f"in/{'s/' * (number % 2)}{number:02}.png")
    return tmp_path


def arguments(model: str) -> list[str]:
    flags = "--sigma 25 --samples 2 --steps 3 --tile off --threads 1 --device cpu"
    return ["denoise", "in", "-o", "out", "--model", model, *flags.split()]


def finished(folder: str = "out") -> dict[str, bytes]:
    found = {}
    for path in sorted(Path(folder).rglob("*")):
        if path.suffix in (".png", ".tif") and not path.name.startswith("."):
            found[path.relative_to(folder).as_posix()] = path.read_bytes()
    return found


class Forked:
    """Calls in processes forked from one that has imported everything."""

    def __init__(self, environment: dict[str, str]) -> None:
        command = [sys.executable, "-m", "undrift_zygote"]
        self.zygote = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self.zygote.stdout is not None
        return self.zygote.stdout.readline().strip()

    def start(self, args: list[str]) -> int:
        assert self.zygote.stdin is not None
        self.zygote.stdin.write(json.dumps(args) + "\n")
        self.zygote.stdin.flush()
        return int(self._line())

    def wait(self) -> int:
        return int(self._line())

    def close(self) -> None:
        self.zygote.communicate()


class Command:
    """Calls of the real command, a fresh interpreter each."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment

    def start(self, args: list[str]) -> int:
        command = [sys.executable, "-m", "undrift.cli", *args]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=self.environment)
        return self.process.pid

    def wait(self) -> int:
        return self.process.wait()

    def close(self) -> None:
        pass


@pytest.fixture(params=["forked", "command"])
def caller(
    request: pytest.FixtureRequest, environment: dict[str, str], place: Path
) -> Iterator[Forked | Command]:
    made = (Forked if request.param == "forked" else Command)(
        {**environment, "OMP_NUM_THREADS": "1"}
    )
    yield made
    made.close()


def wait_for_more(before: int, process: int) -> None:
    """Until there are more outputs than before, or the process has nothing left to do."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and os.path.exists(f"/proc/{process}"):
        if len(list(Path("out").rglob("[!.]*.png"))) > before:
            return
        time.sleep(0.002)


def assert_whole(truth: dict[str, bytes]) -> None:
    """Every output decodes and is what an undisturbed run writes; the manifest names no other."""
    for name, content in finished().items():
        read_picture(Path("out", name))
        assert content == truth[name], name
    lines = Path("out/undrift.jsonl")
    for record in read(lines):
        assert Path("out", record["file"]).exists()


def complete(args: list[str], truth: dict[str, bytes], capsys: pytest.CaptureFixture) -> None:
    """The same command finishes the work, and then finds nothing to do."""
    capsys.readouterr()
    assert main([*args, "--json"]) == 0
    done = Counter(json.loads(line)["status"] for line in capsys.readouterr().out.splitlines())
    assert done["written"] + done["skipped"] == COUNT
    assert finished() == truth
    assert not list(Path("out").rglob(".undrift-*"))
    assert Counter(record["file"] for record in read(Path("out/undrift.jsonl"))) == Counter(
        name for name in truth if name.endswith(".png")
    )
    assert main([*args, "--json"]) == 0
    again = [json.loads(line)["status"] for line in capsys.readouterr().out.splitlines()]
    assert again == ["skipped"] * COUNT


def kill_often(
    kills: int,
    caller: Forked | Command,
    model: str,
    capsys: pytest.CaptureFixture,
) -> None:
    draw, args = random.Random(20), arguments(model)
    undisturbed = [part if part != "out" else "truth" for part in args]
    assert main(undisturbed) == 0
    truth = finished("truth")
    assert len(truth) == 2 * COUNT  # with the standard deviations
    pace = 0.05
    killed = 0
    while killed < kills:
        before = len(list(Path("out").rglob("[!.]*.png")))
        if before > COUNT - 2:
            complete(args, truth, capsys)
            subprocess.run(["rm", "-r", "out"], check=True)
            continue
        began = time.monotonic()
        process = caller.start(args)
        if killed % 3:
            wait_for_more(before, process)
            pace = max(0.02, min(2.0, (time.monotonic() - began) / 2))
        time.sleep(draw.uniform(0, pace))
        os.kill(process, signal.SIGKILL)
        killed += caller.wait() == -signal.SIGKILL
        assert_whole(truth)
    complete(args, truth, capsys)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_kills_lose_nothing(
    caller: Forked | Command, denoise_model: str, capsys: pytest.CaptureFixture
) -> None:
    kill_often(20 if isinstance(caller, Forked) else 5, caller, denoise_model, capsys)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("caller", ["command"], indirect=True)
def test_twenty_kills_of_the_command_lose_nothing(
    caller: Forked | Command, denoise_model: str, capsys: pytest.CaptureFixture
) -> None:
    kill_often(20, caller, denoise_model, capsys)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_ctrl_c(
    place: Path,
    environment: dict[str, str],
    denoise_model: str,
    capsys: pytest.CaptureFixture,
) -> None:
    args = arguments(denoise_model)
    args[args.index("3")] = "40"  # long enough to be interrupted
    command = [sys.executable, "-m", "undrift.cli", *args]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=environment, preexec_fn=hear_ctrl_c
    )
    wait_for_more(0, process.pid)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "finished outputs are whole, the same command goes on" in told
    assert "%|" not in told  # no progress bar in a pipe
    survived = {name for name in finished() if name.endswith(".png")}
    assert 0 < len(survived) < COUNT
    assert not list(Path("out").rglob(".undrift-*"))
    assert {record["file"] for record in read(Path("out/undrift.jsonl"))} == survived
    assert main([*args, "--json"]) == 0
    done = Counter(json.loads(line)["status"] for line in capsys.readouterr().out.splitlines())
    assert done == {"skipped": len(survived), "written": COUNT - len(survived)}


@pytest.fixture
def mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """`in/` with all that people put into a folder; returns the names that cannot be read."""
    monkeypatch.chdir(tmp_path)
    folder = Path("in")
    folder.mkdir()
    text = PngInfo()
    text.add_text("Author", "somebody")
    Image.fromarray(bytes_of(30, 33, 3)).save(folder / "good.png", dpi=(300, 300), pnginfo=text)
    whole = (folder / "good.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("these are words, not pixels")
    Image.fromarray(bytes_of(1, 1, 3)).save(folder / "one.png")
    Image.fromarray(bytes_of(1, 4000)).save(folder / "row.png")
    palette = Image.fromarray(bytes_of(20, 24, 3)).quantize(16)
    palette.save(folder / "palette.png", transparency=3)
    Image.fromarray(bytes_of(26, 22, 4), "CMYK").save(folder / "print.jpg", quality=95)
    wide = RANDOM.integers(0, 65536, (18, 40), dtype=np.uint16)
    with (folder / "deep.png").open("wb") as file:  # grey and alpha side by side
        writer = png.Writer(20, 18, greyscale=True, alpha=True, bitdepth=16)  # pyright: ignore
        writer.write(file, wide.tolist())
    unit = RANDOM.uniform(0.2, 0.8, (21, 23)).astype(np.float32)
    tifffile.imwrite(folder / "float.tif", unit, description="a measurement", resolution=(72, 72))
    tifffile.imwrite(folder / "nan.tif", np.where(unit > 0.7, np.float32(np.nan), unit))
    rgb = RANDOM.integers(0, 65536, (25, 27, 3), dtype=np.uint16)
    tifffile.imwrite(folder / "deep.tif", rgb, photometric="rgb")
    return {"cut.png", "empty.png", "text.png", "nan.tif"}


EXPECTED = {
    "good.png": ("uint8", "RGB", (30, 33)),
    "one.png": ("uint8", "RGB", (1, 1)),
    "row.png": ("uint8", "L", (1, 4000)),
    "palette.png": ("uint8", "RGBA", (20, 24)),
    "print.jpg": ("uint8", "RGB", (26, 22)),
    "deep.png": ("uint16", "LA", (18, 20)),
    "float.tif": ("float32", "L", (21, 23)),
    "deep.tif": ("uint16", "RGB", (25, 27)),
}


def check_outputs(scale: int) -> None:
    assert {path.name for path in Path("out").iterdir()} == {*EXPECTED, "undrift.jsonl"}
    for name, (depth, mode, (height, width)) in EXPECTED.items():
        picture, source = read_picture(f"out/{name}"), read_picture(f"in/{name}")
        assert (picture.depth, picture.mode) == (depth, mode), name
        assert (picture.height, picture.width) == (scale * height, scale * width), name
        assert np.isfinite(picture.pixels).all()
        if scale == 1 and source.alpha is not None:
            assert picture.alpha is not None
            assert np.array_equal(picture.alpha, source.alpha), name
        assert len(picture.metadata.history) == 1, name
    good = read_picture("out/good.png").metadata
    assert good.dpi == pytest.approx((300, 300), abs=0.1)
    assert ("Author", "somebody") in good.text
    with tifffile.TiffFile("out/float.tif") as file:
        page = file.pages[0]
        assert isinstance(page, tifffile.TiffPage)
        assert page.description.startswith("a measurement")
        assert page.dtype == np.float32


@pytest.mark.parametrize(
    ("task", "flags", "scale"), [("denoise", ["--sigma", "20"], 1), ("sr", ["--scale", "2"], 2)]
)
def test_a_folder_of_everything(
    task: str,
    flags: list[str],
    scale: int,
    mixed: set[str],
    denoise_model: str,
    sr_model: str,
    capsys: pytest.CaptureFixture,
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = denoise_model if task == "denoise" else sr_model
    args = [task, "in", "-o", "out", "--model", model, *flags, "--json"]
    assert main(args) == 4
    out, told = capsys.readouterr()
    records = {Path(r["input"]).name: r for r in map(json.loads, out.splitlines())}
    failed = {name for name, record in records.items() if record["status"] == "failed"}
    assert failed == mixed
    for name in mixed:
        assert f"in/{name}: " in told
        assert records[name]["kind"] == "InputError"
        assert "unexpected" not in records[name]["error"]
    assert "truncated" in records["cut.png"]["error"]
    assert "0 bytes" in records["empty.png"]["error"]
    assert "not finite" in records["nan.tif"]["error"]
    assert "8 written, 0 skipped, 4 failed" in told
    check_outputs(scale)
    assert "tifffile" not in {record.name for record in caplog.records}  # no false shapes
    assert main(args) == 4
    assert "0 written, 8 skipped, 4 failed" in capsys.readouterr().err


def test_pictures_too_small_to_tell_their_noise(
    mixed: set[str], denoise_model: str, capsys: pytest.CaptureFixture
) -> None:
    assert main(["denoise", "in", "-o", "out", "--model", denoise_model]) == 4
    told = capsys.readouterr().err
    assert "in/one.png: 1 x 1 pixels are too few" in told
    assert "in/row.png: 4000 x 1 pixels are too few to tell the noise" in told
    assert "6 written, 0 skipped, 6 failed" in told
