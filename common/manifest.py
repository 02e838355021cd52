"""The record of a run: `undrift.jsonl` in the output folder, one JSON object an item.

Lines are only ever appended, each with one write and a flush to the disk; a torn last line (the
machine lost power) is ignored and does not spoil the next one. The latest `written` line of an
output tells whether it can be skipped: it must name the same input, options and weights.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from undrift.common.files import sha256_of

NAME = "undrift.jsonl"
VERSION = 1

Record = dict[str, Any]

# Every record has these keys, in this order, and those a task adds after them.
EMPTY: Record = {
    "v": VERSION,
    "input": None,
    "output": None,
    "status": None,
    "task": None,
    "model": None,
    "weights": None,
    "seed": None,
    "nfe": None,
    "tile": None,
    "seconds": None,
    "peak_mb": None,
    "shape_in": None,
    "shape_out": None,
    "error": None,
    "kind": None,
    "file": None,
    "options": None,
    "input_size": None,
    "input_mtime": None,
    "input_sha256": None,
    "output_size": None,
    "run": None,
    "when": None,
}


def read(path: Path) -> list[Record]:
    """All whole lines of the manifest at `path`, oldest first; none if there is no such file."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return []
    records = []
    for line in text.split(b"\n"):
        with contextlib.suppress(ValueError):
            record = json.loads(line)
            if isinstance(record, dict):
                records.append(record)
    return records


def append(path: Path, record: Mapping[str, Any]) -> None:
    """Appends one line and waits until it is on the disk."""
    line = json.dumps(record, default=str).encode() + b"\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        _lock(handle)
        size = os.fstat(handle).st_size
        if size and not _ends_a_line(handle, size):
            line = b"\n" + line
        if os.write(handle, line) != len(line):
            raise OSError(f"{path}: the disk took only a part of the line; is it full?")
        os.fsync(handle)
    finally:
        os.close(handle)  # frees the lock


class Manifest:
    """The latest `written` record of each output of the folder `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / NAME
        self.written: dict[str, Record] = {}
        for record in read(self.path):
            self._remember(record)

    def append(self, record: Mapping[str, Any]) -> None:
        """Appends `record` to the file and remembers it."""
        append(self.path, record)
        self._remember(dict(record))

    def differs(self, wanted: Mapping[str, Any], check_hash: bool = False) -> str:
        """Why the output of the record `wanted` is not the one asked for; "" if it is.

        Compares size and time of the input (with `check_hash` its SHA-256), options, model and
        weights with the latest written line, and the output's size with the file.
        """
        old = self.written.get(wanted["file"])
        if old is None:
            return "has no line in the manifest"
        keys = ["task", "options", "model", "weights"]
        for key in keys:
            if old.get(key) != wanted[key]:
                return f"was made with another value of: {key}"
        if check_hash:
            if old.get("input_sha256") != sha256_of(Path(wanted["input"])):
                return "was made from other input bytes"
        elif any(old.get(key) != wanted[key] for key in ("input_size", "input_mtime")):
            return "was made before the input changed (size or time)"
        if old.get("output_size") != (self.folder / wanted["file"]).stat().st_size:
            return "was changed after it was written"
        return ""

    def _remember(self, record: Record) -> None:
        if record.get("status") == "written" and isinstance(record.get("file"), str):
            self.written[record["file"]] = record


def _lock(handle: int) -> None:
    """Several shards may append to one file; on network disks only a lock makes that safe."""
    with contextlib.suppress(ImportError, OSError):
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX)


def _ends_a_line(handle: int, size: int) -> bool:
    os.lseek(handle, size - 1, os.SEEK_SET)
    return os.read(handle, 1) == b"\n"
