"""A file is whole or absent, and only what dead runs left is removed."""

import os
import stat
import sys
import time
from pathlib import Path

import pytest

from undrift.common import files
from undrift.common.files import (
    clean_leftovers,
    fingerprint,
    full_suffix,
    sha256_of,
    stem,
    temporary_beside,
    write_atomically,
    write_text,
)


def dead_process() -> int:
    """A number above the largest that Linux or macOS gives, so that nobody has it meanwhile."""
    return 2**22 + 7


def test_the_target_is_replaced_and_nothing_else_remains(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.nii.gz"
    seen: list[Path] = []

    def write(part: Path) -> None:
        seen.append(part)
        part.write_text("whole")

    write_atomically(path, write)
    write_text(path, "again")
    assert path.read_text() == "again"
    assert list(path.parent.iterdir()) == [path]
    assert seen[0].parent == path.parent
    assert seen[0].name.startswith(".undrift-")
    assert seen[0].name.endswith(".nii.gz")


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt(), SystemExit(143)])
def test_a_failed_write_keeps_the_old_file(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write(part: Path) -> None:
        part.write_text("half")
        raise error

    with pytest.raises(type(error)):
        write_atomically(path, write)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nothing was written"):
        write_atomically(tmp_path / "a.txt", lambda part: None)


@pytest.mark.skipif(sys.platform == "win32", reason="no umask on Windows")
def test_permissions_are_those_of_an_ordinary_file(tmp_path: Path) -> None:
    (tmp_path / "plain.txt").write_text("")
    write_text(tmp_path / "ours.txt", "")
    modes = [stat.S_IMODE((tmp_path / f"{n}.txt").stat().st_mode) for n in ("plain", "ours")]
    assert modes[0] == modes[1]


def test_leftovers_of_the_dead_go_and_those_of_the_living_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(process: int) -> Path:
        monkeypatch.setattr(os, "getpid", lambda: process)
        path = temporary_beside(tmp_path / "a.png")
        monkeypatch.undo()
        path.write_text("half")
        return path

    dead, living, own = leave(dead_process()), leave(os.getppid()), leave(os.getpid())
    monkeypatch.setattr(files.socket, "gethostname", lambda: "elsewhere")
    foreign = temporary_beside(tmp_path / "a.png")
    monkeypatch.undo()
    foreign.write_text("half")
    (tmp_path / "a.png").write_text("whole")
    assert clean_leftovers(tmp_path) == 1
    assert not dead.exists()
    os.utime(foreign, (0, time.time() - 2 * 86400))
    os.utime(own, (0, time.time() - 86400))  # older than this process: its number was reused
    assert clean_leftovers(tmp_path) == 2
    assert {*tmp_path.iterdir()} == {living, tmp_path / "a.png"}


@pytest.mark.parametrize(
    ("name", "suffix", "start"),
    [
        ("a.png", ".png", "a"),
        ("a.b.nii.gz", ".nii.gz", "a.b"),
        ("v1.2", ".2", "v1"),
        ("none", "", "none"),
        ("x.gz", ".gz", "x"),
    ],
)
def test_suffixes(name: str, suffix: str, start: str) -> None:
    assert (full_suffix(Path(name)), stem(Path(name))) == (suffix, start)


def test_hashes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")  # the example of FIPS 180-2, appendix B.1
    assert sha256_of(path) == (
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
    assert len(fingerprint(None)) == 16


def test_cache_folder_obeys_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDRIFT_CACHE", "/somewhere")
    assert files.cache_folder() == Path("/somewhere")
    monkeypatch.delenv("UNDRIFT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert files.cache_folder() == Path("/caches/undrift")
