"""Scores that are kept: one JSON line each, appended when a picture is done, never measured twice.

`FOLDER/scores.jsonl` holds "item" records as those of a single benchmark, with a `key`: a hash of
all that settles the score (row, picture, seed, method; for a model also the hash of its weights and
its options). A line whose key is not asked for stays, unused: results of older weights.
Several processes may append at once; a line that an interruption cut is skipped.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from undrift.common.manifest import append, read
from undrift.common.metrics.score_table import ItemScore, item_record

SCORES = "scores.jsonl"


class Store:
    """The finished scores of a folder; without a folder it keeps nothing.

    `fresh` measures all again: old lines stay in the file, later ones count.
    """

    def __init__(self, folder: Path | None, *, fresh: bool = False) -> None:
        self.path = None if folder is None else folder / SCORES
        self.found: dict[str, ItemScore] = {}
        if self.path is not None and not fresh:
            self.found = {
                record["key"]: entry_of(record)
                for record in item_records(self.path)
                if record.get("key") and not record["error"]
            }

    def get(self, key: str) -> ItemScore | None:
        """What was measured under `key`, if it succeeded."""
        return self.found.get(key)

    def add(self, key: str, entry: ItemScore, **more: Any) -> None:
        """Appends one score, on the disk when this returns."""
        if entry.error is None:
            self.found[key] = entry
        if self.path is not None:
            append(self.path, {**item_record(entry), **more, "key": key})


def item_records(path: Path) -> Iterator[dict[str, Any]]:
    """The "item" records of a file of scores; lines that are not whole are skipped."""
    yield from (record for record in read(path) if record.get("record") == "item")


def entry_of(record: Mapping[str, Any]) -> ItemScore:
    """The score of an "item" record; "inf" becomes a number again."""
    scores = {name: float(value) for name, value in record["scores"].items()}
    return ItemScore(
        record["item"], record["setting"], record["method"], scores, record["seconds"],
        record["error"],
    )  # fmt: skip
