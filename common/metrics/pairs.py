"""Files of results against files of truth: which belong together, and their table of scores.

Two folders are matched by relative name: `a/b.png` is scored against `a/b.png`, or, where that is
missing, against the one file `a/b.*` there is. Two files that could both be meant are an error of
that item, not a guess. A file without partner is reported, not scored.
"""

import csv
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import undrift
from undrift.common.errors import InputError, UndriftError
from undrift.common.metrics.score_table import ItemScore, Table
from undrift.common.metrics.summary import RESAMPLES

# what runs write beside a result
COMPANION = re.compile(r"\.(std|psf|sample-\d+)\.[^.]+$")


@dataclass(frozen=True)
class Kind:
    """A kind of files: what one is called ("picture"), and the suffixes that tell it."""

    noun: str
    suffixes: Collection[str]


@dataclass(frozen=True)
class Pairs:
    """What matched: (name, restored, reference), and the names that did not.

    `ambiguous` maps a restored file to the several references it could mean.
    """

    matched: list[tuple[str, Path, Path]]
    without_reference: list[str]
    without_restored: list[str]
    ambiguous: dict[str, list[str]]


def match(restored: Path, reference: Path, kind: Kind) -> Pairs:
    """Pairs two files, or the files of this kind below two folders.

    Raises:
        InputError: a path is missing, a file stands against a folder, or nothing matches.
    """
    for path in (restored, reference):
        if not path.exists():
            raise InputError(f"no such file or folder: {path}")
    if restored.is_file() and reference.is_file():
        return Pairs([(restored.name, restored, reference)], [], [], {})
    if restored.is_file() or reference.is_file():
        raise InputError(
            f"{restored} and {reference}: one is a file, the other a folder; give two of a kind"
        )
    names, truths = _files(restored, kind), _files(reference, kind)
    by_stem: dict[str, list[str]] = {}
    for name in truths:
        by_stem.setdefault(_stem(name), []).append(name)
    matched: list[tuple[str, Path, Path]] = []
    without: list[str] = []
    ambiguous: dict[str, list[str]] = {}
    used: set[str] = set()
    for name in names:
        candidates = [name] if name in truths else by_stem.get(_stem(name), [])
        rivals = [other for other in names if other != name and _stem(other) == _stem(name)]
        used.update(candidates)
        if not candidates:
            without.append(name)
        elif len(candidates) > 1 or (rivals and candidates != [name]):
            ambiguous[name] = sorted({*candidates, *rivals})
        else:
            matched.append((name, restored / name, reference / candidates[0]))
    if not matched and not ambiguous:
        raise InputError(
            f"no {kind.noun} below {restored} has a namesake below {reference} "
            f"({len(names)} and {len(truths)} files; looked for {' '.join(kind.suffixes)})"
        )
    return Pairs(matched, without, [name for name in truths if name not in used], ambiguous)


def score_files(
    restored: Path,
    reference: Path,
    kind: Kind,
    score: Callable[[Path, Path], Mapping[str, float]],
    metrics: Sequence[str],
    settings: Mapping[str, Any],
    resamples: int = RESAMPLES,
) -> tuple[Table, Pairs]:
    """Scores every matched pair; files that cannot be scored are the table's `failed`.

    Args:
        restored, reference: two files, or two folders.
        score: of (restored, reference), to the scores named by `metrics`.
        settings: recorded in the table.
        resamples: of the bootstrap intervals.

    Raises:
        InputError: as `match`.
    """
    pairs = match(restored, reference, kind)
    table = Table(
        title=f"{restored} against {reference}",
        settings={
            "undrift": undrift.__version__, "restored": str(restored), "reference": str(reference),
            **settings, "without_reference": pairs.without_reference,
            "without_restored": pairs.without_restored,
        },
        metrics=tuple(metrics),
        methods={"restored": "baseline"},
        resamples=resamples,
    )  # fmt: skip
    for name, first, second in pairs.matched:
        try:
            entry = ItemScore(name, "", "restored", score(first, second))
        except (UndriftError, OSError) as error:
            entry = ItemScore(name, "", "restored", {}, error=str(error))
        table.scores.append(entry)
    for name, others in pairs.ambiguous.items():
        reason = f"several files could be meant: {', '.join(others)}; keep one"
        table.scores.append(ItemScore(name, "", "restored", {}, error=reason))
    return table, pairs


def by_group(table: Table, by: str) -> Table:
    """The same scores, without failures, with a condition for each group of files.

    by: "folder", the folder of a file as far as its name tells, or a file of lines
    "file,group" (CSV; a first line "picture,group" or "file,group" may head it). Files that it does
    not name are in the group "-".

    Raises:
        InputError: no such file, or lines of another form.
    """
    groups = None if by == "folder" else _read_groups(Path(by))
    scores = []
    for entry in (entry for entry in table.scores if entry.error is None):
        if groups is None:
            group = PurePosixPath(entry.item).parent.as_posix()
        else:
            group = groups.get(entry.item, groups.get(_stem(entry.item), "-"))
        scores.append(replace(entry, setting=group))
    scores.sort(key=lambda entry: entry.setting)
    return replace(table, title=f"{table.title}, by {by}", scores=scores)


def _read_groups(path: Path) -> dict[str, str]:
    if not path.is_file():
        raise InputError(f"--by {path}: neither 'folder' nor a file of lines picture,group")
    groups = {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        for number, row in enumerate(csv.reader(file), 1):
            head = [cell.strip() for cell in row]
            if not row or (number == 1 and head in (["picture", "group"], ["file", "group"])):
                continue
            if len(row) != 2:
                raise InputError(f"{path}, line {number}: expected picture,group, got {row}")
            groups[row[0].strip()] = row[1].strip()
    return groups


def _files(folder: Path, kind: Kind) -> list[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(
        path.as_posix()
        for path in found
        if path.suffix.lower() in kind.suffixes
        and not any(part.startswith(".") for part in path.parts)
        and not COMPANION.search(path.name)
    )


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))
