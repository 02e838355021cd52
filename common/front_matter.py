"""Cards on disc: Markdown files with a YAML head between two lines of '---', and prose below it.

The head is read with YAML 1.1 rules, whose traps are named instead of passed on: `on` and `yes`
become True, `1.10` becomes 1.1, a key written twice silently wins.  Data cards and model cards
share this reader; each brings its own schema, its own list of sections and its own extra rules.
A card is reported whole: every problem of its head, its prose and its name in one `InputError`.
"""

from collections.abc import Callable, Hashable, Iterable
from datetime import date
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from undrift.common.config import Strict, load
from undrift.common.errors import InputError

T = TypeVar("T", bound=Strict)


class Exact(Strict):
    """A part of a card: unknown keys refused, and no value changed to fit its type."""

    model_config = ConfigDict(strict=True)


def _as_text(value: object) -> object:
    if isinstance(value, str):
        return value
    hint = "" if value is None or isinstance(value, list | dict) else "; put it in quotes"
    raise PydanticCustomError(
        "text",
        "expected text, got {value} ({kind}){hint}",
        {"value": str(value), "kind": type(value).__name__, "hint": hint},
    )


def _as_day(value: object) -> object:
    if type(value) is date:  # a datetime is a date too
        return value
    raise PydanticCustomError(
        "day", "expected a date such as 2026-01-31, no quotes, got {value}", {"value": str(value)}
    )


Text = Annotated[str, BeforeValidator(_as_text)]
Day = Annotated[date, BeforeValidator(_as_day)]
Words = Annotated[str, BeforeValidator(_as_text), Field(min_length=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
CardId = Annotated[
    str, BeforeValidator(_as_text), Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)
]
FolderName = Annotated[
    str,
    BeforeValidator(_as_text),
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64),
]
Sha256 = Annotated[str, BeforeValidator(_as_text), Field(pattern=r"^[0-9a-f]{64}$")]
One = Annotated[int, Field(ge=1, le=1)]


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which also lists keys that are not text or are written twice."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.problems: list[str] = []

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            where = f"line {key_node.start_mark.line + 2}"  # line 1 is '---'
            if not isinstance(key, str):
                self.problems.append(
                    f"{where}: YAML reads the key {key_node.value} as {key!r}; put it in quotes"
                )
            elif key in seen:
                self.problems.append(f"{where}: the key {key} is written twice; keep one")
            else:
                seen.add(key)
        whole = super().construct_mapping(node, deep)
        return {key: value for key, value in whole.items() if isinstance(key, str)}


def read_page(path: Path) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    """Splits the file into (head, prose by heading, problems of the keys).

    Raises `InputError` where there is nothing to go on with: no file, no head, no YAML in it.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as a UTF-8 text file: {error}") from error
    lines = text.split("\n")
    if lines[0].rstrip() != "---" or "---" not in [line.rstrip() for line in lines[1:]]:
        raise InputError(f"{path}: no YAML front matter; begin with it, between two lines of '---'")
    end = next(i for i, line in enumerate(lines) if i > 0 and line.rstrip() == "---")
    loader = _Loader("\n".join(lines[1:end]))
    try:
        head = loader.get_single_data()
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2026-02-30
        raise InputError(f"{path}: the front matter is not YAML: {error}") from error
    if not isinstance(head, dict):
        raise InputError(f"{path}: the front matter holds no keys; see data_cards/_template.md")
    prose, twice = split_prose(lines[end + 1 :])
    return head, prose, loader.problems + twice


def split_prose(lines: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Returns the text under each '## ' heading (not inside code fences), and repeated headings."""
    prose: dict[str, str] = {}
    problems: list[str] = []
    heading, fenced = "", False
    for line in lines:
        if line.startswith("```"):
            fenced = not fenced
        if line.startswith("## ") and not fenced:
            heading = line[3:].strip()
            if heading in prose:
                problems.append(f"section '## {heading}' is there twice; join the two")
            prose.setdefault(heading, "")
        elif heading:
            prose[heading] += line + "\n"
    return prose, problems


def dig(head: object, dotted: str) -> Any:
    """Returns the raw value under a dotted key; raises `KeyError` where there is none."""
    for key in dotted.split("."):
        if not isinstance(head, dict) or key not in head:
            raise KeyError(dotted)
        head = head[key]
    return head


def licence_problems(head: dict[str, Any]) -> list[str]:
    """The Hub's rules for `license`: lower case, and `other` comes with a name and a link."""
    licence = head.get("license")
    if not isinstance(licence, str):
        return []  # the schema says so
    problems = []
    if licence != licence.lower():
        problems.append(f"license: {licence!r} must be lower case, {licence.lower()!r}")
    if licence.lower() == "other":
        for key in ("license_name", "license_link"):
            if not head.get(key):
                problems.append(f"{key}: missing, and license: other needs it")
    return problems


def read_card(
    path: Path,
    schema: type[T],
    sections: Iterable[str],
    rules: Callable[[dict[str, Any], dict[str, str]], list[str]],
) -> tuple[T, dict[str, str]]:
    """Reads and checks one card: (head as `schema`, prose by heading).

    `rules(head, prose)` returns the problems no schema can see.  Raises `InputError` with all.
    """
    head, prose, problems = read_page(path)
    front: T | None = None
    try:
        front = load(schema, head)
    except InputError as error:
        lines = str(error).splitlines()  # one problem, or their number and one a line
        problems += [_advice(line.strip()) for line in lines[1 if len(lines) > 1 else 0 :]]
    for name in sections:
        if not _without_comments(prose.get(name, "")).strip():
            problems.append(f"section '## {name}' is missing or empty")
    problems += rules(head, prose)
    found = head["undrift"].get("id") if isinstance(head.get("undrift"), dict) else None
    if isinstance(found, str) and found != path.stem:
        problems.append(f"undrift.id is {found!r} but the file is {path.name}; make them agree")
    if problems or front is None:
        raise InputError(f"{path}:\n  " + "\n  ".join(problems))
    return front, prose


def _advice(problem: str) -> str:
    hint = "; write null if the source does not say"
    return problem + hint if problem.endswith(": missing") else problem


def _without_comments(text: str) -> str:
    parts = text.split("<!--")
    return parts[0] + "".join(part.partition("-->")[2] for part in parts[1:])
