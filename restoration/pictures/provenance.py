"""How a written picture says what was done to it.

One JSON line a restoration, oldest first. PNG keeps the lines in its tEXt `undrift`, JPEG and
WebP in the EXIF UserComment, TIFF in its ImageDescription (or, where that is XML or JSON that
must stay readable, in a private tag), each line there behind `undrift: `.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

KEY = "undrift"
_MARK = "undrift: {"


def line(provenance: Mapping[str, Any]) -> str:
    """One line of ASCII JSON; objects JSON does not know are written as their text."""
    return json.dumps(dict(provenance), sort_keys=True, default=str)


def split(text: str) -> tuple[str, tuple[str, ...]]:
    """A free text -> (the text without our lines, our lines without their mark)."""
    rows = text.splitlines()
    ours = tuple(row[len(_MARK) - 1 :] for row in rows if row.startswith(_MARK))
    if not ours:
        return text, ()
    return "\n".join(row for row in rows if not row.startswith(_MARK)), ours


def join(text: str, history: Sequence[str]) -> str:
    """The inverse of `split`."""
    if not history:
        return text
    rows = [text] if text else []
    return "\n".join([*rows, *(f"{KEY}: {entry}" for entry in history)])
