"""The loop over items: resume, failures, workers, shards."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from toy_runs import fill, leftovers, outputs, statuses
from undrift_toy import REPEATS, SUFFIXES, Multiply

from undrift.cli import main
from undrift.common.console import Console, Progress
from undrift.common.errors import (
    MissingExtraError,
    OutOfMemoryError,
    PartialFailure,
    UsageError,
)
from undrift.common.manifest import read
from undrift.common.run_options import RunOptions
from undrift.common.runner import run_items
from undrift.common.shards import in_shard, parse_shard


@pytest.fixture
def place(tmp_path: Path, toy: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def options(**changes: object) -> RunOptions:
    values: dict = {"inputs": ("in",), "output": Path("out"), "task": "toy", **changes}
    return RunOptions(**values)


def go(**changes: object) -> list[str]:
    records = run_items(Multiply(), options(**changes), suffixes=SUFFIXES, model="m", weights="w")
    return [record["status"] for record in records]


def test_written_then_skipped_then_overwritten(place: Path) -> None:
    fill("1", "2", "3")
    assert go() == ["written"] * 3
    assert outputs() == {"0.txt": 2, "2.txt": 6, "s/1.txt": 4}
    assert go() == ["skipped"] * 3
    assert go(overwrite=True) == ["written"] * 3
    assert len(read(Path("out/undrift.jsonl"))) == 6
    assert leftovers() == []


def test_records_say_what_happened(place: Path) -> None:
    fill("1")
    [record] = run_items(Multiply(), options(seed=5), suffixes=SUFFIXES, model="m", weights="w")
    assert record == read(Path("out/undrift.jsonl"))[0]
    assert record["v"] == 1
    assert (record["model"], record["weights"], record["seed"]) == ("m", "w", 5)
    assert (record["nfe"], record["shape_in"], record["error"]) == (1, [1], None)
    assert record["input_mtime"] == Path("in/0.txt").stat().st_mtime_ns
    assert record["output_size"] == REPEATS * len("2.0\n")


def test_only_what_changes_the_result_counts(place: Path) -> None:
    fill("1")
    assert go() == ["written"]
    assert go(device="cpu", tile=(64,), batch=4, workers=2, quiet=True) == ["skipped"]
    for change in ({"seed": 1}, {"steps": 5}, {"extras": {"factor": 3}}, {"solver": "x"}):
        assert go(**change) == ["kept"]
    assert go(seed=1, overwrite=True) == ["written"]
    assert go() == ["kept"]


def test_a_stranger_at_the_target_is_left_alone(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill("1", "2")
    Path("out").mkdir()
    Path("out/0.txt").write_text("mine")
    assert sorted(go()) == ["kept", "written"]
    assert Path("out/0.txt").read_text() == "mine"
    told = capsys.readouterr().err
    assert "kept: out/0.txt has no line in the manifest" in told
    assert "1 kept as they are (--overwrite redoes them)" in told


def test_a_dry_run_writes_nothing(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill("1", "2")
    records = run_items(
        Multiply(),
        options(dry_run=True, as_json=True),
        suffixes=SUFFIXES,
        estimate=lambda item: {"nfe": len(item.key)},
    )
    assert [(r["status"], r["nfe"]) for r in records] == [("planned", 5), ("planned", 7)]
    assert not Path("out").exists()
    out, told = capsys.readouterr()
    assert statuses(out) == {"planned": 2}
    assert "planned: in/0.txt -> out/0.txt" in told
    assert "2 planned, 0 skipped, 0 failed." in told


@pytest.mark.parametrize("workers", [1, 2])
def test_one_bad_file_stops_nothing(
    place: Path, workers: int, capsys: pytest.CaptureFixture[str]
) -> None:
    fill("1", "x", "3", "bug", "5", "oom")
    args = ["toy", "in", "-o", "out", "--workers", str(workers), "--json"]
    assert main(args) == 4
    out, told = capsys.readouterr()
    assert statuses(out) == {"written": 3, "failed": 3}
    assert outputs() == {"0.txt": 2, "2.txt": 6, "4.txt": 10}
    assert "in/s/1.txt: could not convert string to float: 'x'" in told
    assert "in/s/3.txt: unexpected TypeError: a bug" in told
    assert "3 written, 0 skipped, 3 failed (" in told
    assert told.rstrip().endswith("Log: out/undrift.jsonl. Retry: same command.")
    fill("1", "2", "3", "4", "5", "6")
    assert main(args) == 0
    # the good ones were rewritten with the same bytes but at a new time: left as they are
    assert statuses(capsys.readouterr().out) == {"kept": 3, "written": 3}


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("oom", "oom"), OutOfMemoryError),
        (("1", "extra"), MissingExtraError),
        (("oom", "extra"), PartialFailure),
        (("x",), PartialFailure),
        (("usage", "1"), UsageError),
    ],
)
def test_the_error_of_the_run_is_that_of_its_items(
    place: Path, words: tuple[str, ...], error: type[Exception]
) -> None:
    fill(*words)
    with pytest.raises(error) as caught:
        go()
    assert type(caught.value) is error
    assert "in/" in str(caught.value)


def test_fail_fast(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill("x", "1", "3")
    assert main(["toy", "in", "-o", "out", "--fail-fast"]) == 4
    assert "0 written, 0 skipped, 1 failed" in (told := capsys.readouterr().err)
    assert "2 not started" in told


def test_quiet_says_errors_only(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill("1")
    assert main(["toy", "in", "-o", "out", "-q"]) == 0
    assert capsys.readouterr() == ("", "")
    fill("1", "x")
    assert main(["toy", "in", "-o", "out", "-q"]) == 4
    assert "in/s/1.txt" in capsys.readouterr().err


def test_a_dying_worker_costs_one_item(place: Path) -> None:
    fill("1", "die", "3", "4", "5")
    with pytest.raises(PartialFailure, match=r"in/s/1\.txt: the worker process died .* -9"):
        go(workers=2)
    assert sorted(outputs()) == ["0.txt", "2.txt", "4.txt", "s/3.txt"]
    assert leftovers() == []


def test_an_output_made_just_before_death_is_not_lost(
    place: Path, environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    fill("die after", "2")
    args = ["toy", "in", "-o", "out"]
    process = subprocess.run([sys.executable, "-m", "undrift_toy", *args], env=environment)
    assert process.returncode == -signal.SIGKILL
    assert not Path("out/undrift.jsonl").exists()
    assert main([*args, "--json"]) == 0
    out, told = capsys.readouterr()
    assert statuses(out) == {"skipped": 1, "written": 1}
    assert "1 finished outputs of an interrupted run recorded" in told
    assert leftovers() == []


def test_shards_share_the_work_and_agree_with_the_whole(place: Path) -> None:
    fill(*map(str, range(12)))
    done = [go(shard=(index, 3)) for index in (1, 2, 3)]
    assert sum(map(len, done)) == 12
    assert max(map(len, done)) < 12
    assert go() == ["skipped"] * 12


def test_a_new_item_moves_no_other() -> None:
    keys = [f"s/{n}.png" for n in range(3000)]
    parts = [{key for key in keys if in_shard(key, (i, 3))} for i in (1, 2, 3)]
    assert set().union(*parts) == {*keys}
    assert sum(map(len, parts)) == 3000
    assert all(900 < len(part) < 1100 for part in parts)  # 5 sigma of a fair draw are 129
    assert in_shard("s/7.png", (1, 3)) is ("s/7.png" in parts[0])


def test_shard_names() -> None:
    slurm = {
        f"SLURM_ARRAY_TASK_{k}": v for k, v in dict(ID="7", MIN="3", STEP="2", COUNT="4").items()
    }
    assert parse_shard("2/5") == (2, 5)
    assert parse_shard("slurm", slurm) == (3, 4)
    with pytest.raises(UsageError, match="not in a Slurm job array"):
        parse_shard("slurm", {})
    for text in ("0/3", "4/3", "x", "1/0", "-1/2"):
        with pytest.raises(UsageError, match="expected i/n"):
            parse_shard(text, {})


def test_outputs_beside_inputs_are_not_fed_again(place: Path) -> None:
    fill("1", "2")
    name = "{stem}_{task}{ext}"
    assert go(output=Path("in"), name=name) == ["written"] * 2
    assert go(output=Path("in"), name=name) == ["skipped"] * 2
    assert go(output=Path("in/deeper")) == ["written"] * 4
    assert go(output=Path("in/deeper")) == ["skipped"] * 4


def test_progress_without_a_terminal_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0.0, 10.0, 31.0, 40.0, 62.0])
    monkeypatch.setattr("undrift.common.console.time.monotonic", lambda: next(clock))
    with Progress(Console(), total=4) as progress:
        for name in "abcd":
            progress.step(name)
    assert capsys.readouterr().err == "undrift: 2/4  b  about 31 s left\n"


def test_progress_on_a_terminal_is_a_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    console = Console(verbose=True)
    with Progress(console, total=2) as progress:
        progress.step("a")
        console.error("b is broken")
        progress.step("b")
    console.detail("over")
    told = capsys.readouterr().err
    assert "2/2" in told
    assert "undrift: b is broken\n" in told
    assert told.endswith("undrift: over\n")
