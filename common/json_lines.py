"""Records written one JSON object a line, read back: every fault is told with its line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from undrift.common.errors import InputError


def read_lines(path: Path, take: Callable[[dict[str, Any]], object], what: str) -> None:
    """Calls `take` with every record of a file; what: "record of `undrift degrade`", for errors.

    Raises InputError where the file cannot be read, and with the line's number where it is no JSON
    or `take` misses a key or a type.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        try:
            take(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path}: line {number} is no {what}: {error!r}") from error
