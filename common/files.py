"""Outputs that are whole or absent, and short fingerprints of files and settings.

A file is written under a temporary name beside its target, synchronised to the disk and renamed:
a rename within one folder is atomic, so a killed run leaves at most a temporary file. Its name
tells the machine and the process, so that a later run may remove what a dead one left.
"""

import hashlib
import json
import os
import re
import secrets
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

NOTES = ".notes"  # suffix of a run's notes, see `journal.py`
_PREFIX = ".undrift-"
_STARTED = time.time()
_A_DAY = 86400.0
_OWNER = re.compile(r"^\.undrift-([0-9a-f]{6})-(\d+)-")


def full_suffix(path: Path) -> str:
    """The suffix with its compression: `.nii.gz` for `a.b.nii.gz`, else like `Path.suffix`."""
    if path.suffix.lower() in {".gz", ".bz2", ".xz", ".zst"}:
        return "".join(path.suffixes[-2:])
    return path.suffix


def stem(path: Path) -> str:
    """The name without `full_suffix`."""
    suffix = full_suffix(path)
    return path.name[: -len(suffix)] if suffix else path.name


def temporary_beside(path: Path) -> Path:
    """A fresh temporary name in the folder of `path`, with the same suffix."""
    owner = f"{_machine()}-{os.getpid()}"
    return path.parent / f"{_PREFIX}{owner}-{secrets.token_hex(4)}{full_suffix(path)}"


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Calls `write(part)` with a temporary path beside `path`, then renames it into place.

    Whatever happens, `path` is afterwards either what it was or the whole new file. Folders are
    made as needed. Raises what `write` raises, and OSError when `write` wrote nothing.
    """
    with replacing(path) as part:
        write(part)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """The same for what is written piece by piece: yields the temporary path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = temporary_beside(path)
    try:
        yield part
        _synchronise(part)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _synchronise_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """Writes `text` as UTF-8, whole or not at all."""
    write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"))


def clean_leftovers(folder: Path) -> int:
    """Removes temporary files of dead runs directly in `folder`; returns their number.

    Their notes stay (`journal.recover` reads them first).
    """
    removed = 0
    for path in folder.glob(f"{_PREFIX}*"):
        if path.suffix != NOTES and path.is_file() and is_stale(path):
            path.unlink(missing_ok=True)
            removed += 1
    return removed


def is_stale(path: Path) -> bool:
    """Whether the process that made the temporary file `path` is certainly gone.

    Another machine's process cannot be asked: its files count as stale after a day.
    """
    match = _OWNER.match(path.name)
    try:
        age = time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return False
    if match is None or match[1] != _machine() or sys.platform == "win32":
        return age > _A_DAY
    if int(match[2]) == os.getpid():  # the number of a dead process may have become ours
        return time.time() - age < _STARTED
    return not _alive(int(match[2]))


def sha256_of(path: Path) -> str:
    """`sha256:` and 64 hex digits of the file's bytes."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def fingerprint(settings: object) -> str:
    """16 hex digits that depend on `settings` (anything JSON can hold, paths, tuples) only.

    >>> fingerprint({"a": 1, "b": (2, 3)}) == fingerprint({"b": [2, 3], "a": 1})
    True
    """
    text = json.dumps(settings, sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def cache_folder() -> Path:
    """Where downloads are kept: `UNDRIFT_CACHE`, else the user's cache folder."""
    if given := os.environ.get("UNDRIFT_CACHE"):
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / ".cache") / "undrift"


def _machine() -> str:
    return hashlib.blake2b(socket.gethostname().encode(), digest_size=3).hexdigest()


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it lives and belongs to somebody else
        return True
    return True


def _synchronise(path: Path) -> None:
    if not path.is_file():
        raise OSError(f"nothing was written for {path.name}")
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _synchronise_folder(folder: Path) -> None:
    if sys.platform == "win32":  # folders cannot be opened there
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
