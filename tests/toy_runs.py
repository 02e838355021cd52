"""What a folder of the toy command holds: its inputs, outputs, leftovers and records."""

import json
from collections import Counter
from pathlib import Path

from undrift_toy import value_of


def fill(*words: str) -> None:
    Path("in/s").mkdir(parents=True, exist_ok=True)
    for index, word in enumerate(words):
        Path("in", "s" if index % 2 else "", f"{index}.txt").write_text(word)


def finished() -> list[Path]:
    return [path for path in sorted(Path("out").rglob("*.txt")) if path.name[0] != "."]


def outputs() -> dict[str, float | None]:
    return {path.relative_to("out").as_posix(): value_of(path) for path in finished()}


def leftovers() -> list[Path]:
    return list(Path("out").rglob(".undrift-*"))


def statuses(text: str) -> Counter[str]:
    return Counter(json.loads(line)["status"] for line in text.splitlines())
