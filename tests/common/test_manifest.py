"""The manifest survives interruptions, and skips only what is exactly what was asked for."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from undrift.common.files import sha256_of
from undrift.common.journal import Journal, recover
from undrift.common.manifest import EMPTY, Manifest, Record, append, read


@pytest.fixture
def made(tmp_path: Path) -> Record:
    """A written record, with its input and output."""
    source, target = tmp_path / "in.txt", tmp_path / "out" / "a.txt"
    target.parent.mkdir()
    source.write_text("1")
    target.write_text("22")
    stat = source.stat()
    return {
        **EMPTY,
        "input": str(source),
        "output": str(target),
        "status": "written",
        "task": "toy",
        "model": "m",
        "weights": "sha256:1",
        "file": "a.txt",
        "options": "abc",
        "input_size": stat.st_size,
        "input_mtime": stat.st_mtime_ns,
        "input_sha256": sha256_of(source),
        "output_size": 2,
        "run": "first",
    }


def test_lines_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "new" / "undrift.jsonl"
    for number in range(3):
        append(path, {"n": number, "text": "é\n"})
    assert [record["n"] for record in read(path)] == [0, 1, 2]
    assert path.read_text().count("\n") == 3
    assert read(tmp_path / "none.jsonl") == []


def test_a_torn_line_spoils_nothing(tmp_path: Path) -> None:
    path = tmp_path / "undrift.jsonl"
    append(path, {"n": 0})
    whole = path.read_bytes()
    for length in range(1, len(whole)):
        path.write_bytes(whole + whole[:length])
        append(path, {"n": 1})
        numbers = [record["n"] for record in read(path)]
        assert numbers in ([0, 1], [0, 0, 1])  # the second if only the line's end was torn off
        assert (numbers == [0, 0, 1]) == (length == len(whole) - 1)


def test_several_processes_append_whole_lines(tmp_path: Path, environment: dict[str, str]) -> None:
    path = tmp_path / "undrift.jsonl"
    code = (
        "import sys; from pathlib import Path; from undrift.common.manifest import append\n"
        "for n in range(40): append(Path(sys.argv[1]), {'n': n, 'pad': 'x' * 5000})"
    )
    command = [sys.executable, "-c", code, str(path)]
    running = [subprocess.Popen(command, env=environment) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert sorted(record["n"] for record in read(path)) == sorted([*range(40)] * 3)
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_an_unchanged_item_is_skipped(made: Record) -> None:
    folder = Path(made["output"]).parent
    append(folder / "undrift.jsonl", made)
    append(folder / "undrift.jsonl", {**made, "status": "failed"})  # a later, failed --overwrite
    assert Manifest(folder).differs({**made, "run": "second"}) == ""
    assert Manifest(folder).differs({**made, "run": "second"}, check_hash=True) == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"options": "other"}, "options"),
        ({"model": "n"}, "model"),
        ({"weights": "sha256:2"}, "weights"),
        ({"task": "sr"}, "task"),
        ({"input_size": 9}, "before the input changed"),
        ({"input_mtime": 9}, "before the input changed"),
        ({"file": "b.txt"}, "no line in the manifest"),
    ],
)
def test_anything_else_is_not(made: Record, change: Record, said: str) -> None:
    folder = Path(made["output"]).parent
    append(folder / "undrift.jsonl", made)
    assert said in Manifest(folder).differs({**made, **change})


def test_hashes_see_what_times_do_not(made: Record) -> None:
    folder, source = Path(made["output"]).parent, Path(made["input"])
    append(folder / "undrift.jsonl", made)
    os.utime(source, ns=(0, 0))
    moved = {**made, "input_mtime": 0}
    assert "before the input changed" in Manifest(folder).differs(moved)
    assert Manifest(folder).differs(moved, check_hash=True) == ""
    source.write_text("2")
    assert "other input bytes" in Manifest(folder).differs(made, check_hash=True)


def test_a_damaged_output_is_noticed(made: Record) -> None:
    folder = Path(made["output"]).parent
    append(folder / "undrift.jsonl", made)
    Path(made["output"]).write_text("2")
    assert "changed after it was written" in Manifest(folder).differs(made)


def test_notes_of_a_killed_run_become_lines(made: Record) -> None:
    folder = Path(made["output"]).parent
    new, old, absent = folder / "new.txt", folder / "old.txt", folder / "absent.txt"
    old.write_text("from another time")
    journal = Journal(folder)
    for target in (new, old, absent):
        journal.note({**made, "file": target.name, "output": str(target)}, target)
    with journal.path.open("a") as file:
        file.write('{"torn')
    new.write_text("made")
    added = recover(Manifest(folder))
    assert [(record["file"], record["recovered"]) for record in added] == [("new.txt", True)]
    assert recover(Manifest(folder)) == []  # once is enough
    assert Manifest(folder).differs({**made, "file": "new.txt"}) == ""
    assert "no line" in Manifest(folder).differs({**made, "file": "old.txt"})
    journal.close(Manifest(folder))
    assert not journal.path.exists()


def test_notes_see_a_replaced_output(made: Record) -> None:
    folder, target = Path(made["output"]).parent, Path(made["output"])
    append(folder / "undrift.jsonl", made)
    journal = Journal(folder)
    journal.note({**made, "run": "second", "options": "other"}, target)
    part = folder / "part"
    part.write_text("33")  # the same size as before
    part.replace(target)
    assert len(recover(Manifest(folder))) == 1
    assert "options" in Manifest(folder).differs(made)
