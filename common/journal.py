"""What a run is about to do, so that nothing is lost between an output and its record.

A process may be killed after an output got its name and before the manifest got its line. Each
run therefore notes an item before it starts: the record to be, and what lay at the target before.
A later run that finds such a note and something else at the target knows that the note's run made
it, and adds the missing line. Notes lie in a hidden file that a completed run removes.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from undrift.common.files import NOTES, is_stale, temporary_beside
from undrift.common.manifest import Manifest, Record, read


class Journal:
    """The notes of one run in the folder of its manifest."""

    def __init__(self, folder: Path) -> None:
        self.path = temporary_beside(folder / f"run{NOTES}")

    def note(self, record: Mapping[str, Any], target: Path) -> None:
        """Notes that `target` is about to be written as `record` says."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**record, "before": state(target)}, default=str) + "\n")

    def close(self, manifest: Manifest) -> None:
        """Removes the notes, once `manifest` has a line for each output that was made."""
        _settle(self.path, manifest)
        self.path.unlink(missing_ok=True)


def recover(manifest: Manifest) -> list[Record]:
    """Adds the lines that killed runs owe to `manifest`, and returns them.

    Only outputs that changed after their note count. Notes of dead runs are removed.
    """
    added: list[Record] = []
    for path in sorted(manifest.folder.glob(f".undrift-*{NOTES}")):
        stale = is_stale(path)
        added += _settle(path, manifest)
        if stale:
            path.unlink(missing_ok=True)
    return added


def state(path: Path) -> list[int] | None:
    """Size, time and file number of what lies at `path`, or None."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns, found.st_ino]


def _settle(path: Path, manifest: Manifest) -> list[Record]:
    added: list[Record] = []
    for note in read(path):
        before = note.pop("before")
        now = state(manifest.folder / note["file"])
        known = manifest.written.get(note["file"], {})
        if now is None or now == before or known.get("run") == note["run"]:
            continue
        record = {**note, "status": "written", "recovered": True, "output_size": now[0]}
        manifest.append(record)
        added.append(record)
    return added
