"""Ctrl-C and twenty violent deaths of a run: whole files, and nothing lost."""

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from signals import hear_ctrl_c
from toy_runs import fill, finished, leftovers, outputs, statuses

from undrift.cli import main
from undrift.common.manifest import read

PATIENCE = 300  # seconds, for a machine with much else to do


@pytest.fixture
def place(tmp_path: Path, toy: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_ctrl_c_leaves_whole_files(place: Path, environment: dict[str, str]) -> None:
    fill(*map(str, range(40)))
    Path("in/20.txt").write_text("20 held")
    Path("gate").touch()
    for workers in ("1", "2"):
        args = ["toy", "in", "-o", "out", "--pause", "0.05", "--workers", workers]
        command = [sys.executable, "-m", "undrift_toy", *args]
        before = len(finished())
        process = subprocess.Popen(
            command, env=environment, stderr=subprocess.PIPE, text=True, preexec_fn=hear_ctrl_c
        )
        wait_until_held(before, process)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=PATIENCE)
        assert process.returncode == 130
        assert "the same command goes on" in told
        assert_whole()
        assert leftovers() == []
        recorded = {r["file"] for r in read(Path("out/undrift.jsonl")) if r["status"] == "written"}
        assert recorded == {*outputs()}
        assert "20.txt" not in recorded
        assert before < len(outputs()) < 40


def assert_whole() -> None:
    for name, value in outputs().items():
        assert value == 2 * int(Path(name).stem), name


def wait_for_more(before: int, process: subprocess.Popen[str]) -> None:
    """Until something more is finished, or all but the item that is held."""
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        if len(finished()) > before or Path("held").exists():
            return
        time.sleep(0.005)
    raise RuntimeError("the run wrote nothing")


def wait_until_held(before: int, process: subprocess.Popen[str]) -> None:
    """Until something more is finished and an item is held."""
    deadline = time.monotonic() + PATIENCE
    Path("held").unlink(missing_ok=True)
    while len(finished()) <= before or not Path("held").exists():
        assert process.poll() is None and time.monotonic() < deadline, "the run held nothing"
        time.sleep(0.005)


def test_twenty_kills_lose_nothing(
    place: Path, environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The last item is held, so that every kill finds its run alive."""
    count, draw, orphans = 400, random.Random(20), []
    fill(*map(str, range(count)))
    last = max(Path("in/s").iterdir())
    last.write_text(f"{last.stem} held")
    Path("gate").touch()
    base = ["toy", "in", "-o", "out", "--pause", "0.012"]  # so slow that none gets to the end
    for turn in range(20):
        args = [*base, "--workers", "2"] if turn % 4 == 3 else base
        command = [sys.executable, "-m", "undrift_toy", *args]
        Path("held").unlink(missing_ok=True)
        before = len(finished())
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        orphans.append(process.stdout)
        if turn % 5:
            wait_for_more(before, process)
            time.sleep(draw.uniform(0, 0.15))
        else:
            time.sleep(draw.uniform(0, 0.4))
        process.kill()
        assert process.wait() == -signal.SIGKILL
    Path("gate").unlink()  # a worker that outlived its run may hold the last item
    for pipe in orphans:  # orphaned workers finish the item they hold; then their pipe ends
        with pipe:
            assert pipe.read() == ""
    assert_whole()
    survived = len(outputs())
    assert 16 <= survived <= count  # sixteen turns waited for something
    assert main([*base, "--json"]) == 0
    final = statuses(capsys.readouterr().out)
    assert Counter(final) == Counter(skipped=survived, written=count - survived)
    assert_whole()
    assert len(outputs()) == count
    assert leftovers() == []
    written = Counter(r["file"] for r in read(Path("out/undrift.jsonl")))
    assert len(written) == count
