"""Violent deaths and Ctrl-C: nothing lost, nothing half-written, nothing skipped."""

import contextlib
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
import pytest
from PIL import Image
from signals import hear_ctrl_c

from undrift.cli import main
from undrift.common.manifest import read
from undrift.restoration.images import read_picture

RANDOM = np.random.default_rng(11)


def bytes_of(*shape: int) -> np.ndarray:
    return RANDOM.integers(0, 256, shape, dtype=np.uint8)


COUNT = 12


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


def wait_for(count: int) -> None:
    """Until there are so many outputs."""
    deadline = time.monotonic() + 300
    while len(list(Path("out").rglob("[!.]*.png"))) < count:
        assert time.monotonic() < deadline, "the run wrote nothing"
        time.sleep(0.002)


@contextlib.contextmanager
def held(picture: str) -> Iterator[None]:
    """Whoever reads the picture waits, so that no run comes to its end by itself."""
    os.rename(picture, "aside")
    os.mkfifo(picture)
    yield
    os.replace("aside", picture)


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
    """The last picture is held, so that every kill finds its run alive."""
    draw, args, last = random.Random(20), arguments(model), f"in/s/{COUNT - 1}.png"
    undisturbed = [part if part != "out" else "truth" for part in args]
    assert main(undisturbed) == 0
    truth = finished("truth")
    assert len(truth) == 2 * COUNT  # with the standard deviations
    pace, killed = 0.05, 0
    while killed < kills:
        with held(last):
            before = len(list(Path("out").rglob("[!.]*.png")))
            while killed < kills and before <= COUNT - 2:
                began = time.monotonic()
                process = caller.start(args)
                if killed % 3:
                    wait_for(before + 1)
                    pace = max(0.02, min(2.0, (time.monotonic() - began) / 2))
                time.sleep(draw.uniform(0, pace))
                os.kill(process, signal.SIGKILL)
                assert caller.wait() == -signal.SIGKILL
                killed += 1
                assert_whole(truth)
                before = len(list(Path("out").rglob("[!.]*.png")))
        complete(args, truth, capsys)
        subprocess.run(["rm", "-r", "out"], check=True)


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes on Windows")
def test_kills_lose_nothing(
    caller: Forked | Command, denoise_model: str, capsys: pytest.CaptureFixture
) -> None:
    kill_often(20 if isinstance(caller, Forked) else 5, caller, denoise_model, capsys)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes on Windows")
@pytest.mark.parametrize("caller", ["command"], indirect=True)
def test_twenty_kills_of_the_command_lose_nothing(
    caller: Forked | Command, denoise_model: str, capsys: pytest.CaptureFixture
) -> None:
    kill_often(20, caller, denoise_model, capsys)


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes on Windows")
def test_ctrl_c(
    place: Path,
    environment: dict[str, str],
    denoise_model: str,
    capsys: pytest.CaptureFixture,
) -> None:
    args = arguments(denoise_model)
    command = [sys.executable, "-m", "undrift.cli", *args]
    with held("in/06.png"):  # the fourth
        process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env=environment, preexec_fn=hear_ctrl_c
        )
        wait_for(3)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "finished outputs are whole, the same command goes on" in told
    assert "%|" not in told  # no progress bar in a pipe
    survived = {name for name in finished() if name.endswith(".png")}
    assert len(survived) == 3
    assert not list(Path("out").rglob(".undrift-*"))
    assert {record["file"] for record in read(Path("out/undrift.jsonl"))} == survived
    assert main([*args, "--json"]) == 0
    done = Counter(json.loads(line)["status"] for line in capsys.readouterr().out.splitlines())
    assert done == {"skipped": len(survived), "written": COUNT - len(survived)}
