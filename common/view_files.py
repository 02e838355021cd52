"""Files on disc against the patterns of a view: which belong together, and what is wrong.

Reading a folder against a pattern goes down one part of the path after the other, so that only
folders that can hold a match are listed.  Suffixes and other fixed text match in any case, since
archives differ in that.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from undrift.common.card_views import WORD, View
from undrift.common.errors import InputError

_PIECE = re.compile(r"(\{\w+\}|\*)")
_SHOWN = 8  # problems of one kind that are named


@dataclass(frozen=True)
class Entry:
    """One item of a view: its files by side ("clean", "degraded", "mask"), nothing opened."""

    name: str
    group: str | None
    files: dict[str, Path]


def matches(root: Path, pattern: str) -> Iterator[tuple[dict[str, str], Path]]:
    """Yields (text of each {word}, file) for the files below `root` that fit, sorted by path.

    A pattern that ends in '/' means folders, each of which is one item, as a series of DICOM is.
    """
    yield from _below(root, pattern.split("/"), {})


def _below(
    folder: Path, parts: list[str], words: dict[str, str]
) -> Iterator[tuple[dict[str, str], Path]]:
    first, rest = parts[0], parts[1:]
    if _PIECE.search(first):
        if not folder.is_dir():
            return
        regex = _regex(first, words)
        found = sorted((p for p in folder.iterdir()), key=lambda p: p.name)
        fits = [(m, p) for p in found if p.name[:1] != "." and (m := regex.fullmatch(p.name))]
        places = [({**words, **match.groupdict()}, path) for match, path in fits]
    else:
        places = [(words, folder / first)]
    for known, path in places:
        if rest:
            yield from _below(path, rest, known)
        elif path.is_file() if first else path.is_dir():
            yield known, path


def _regex(part: str, words: dict[str, str]) -> re.Pattern[str]:
    """One part of a path; a {word} known from before is that text, one that repeats the same."""
    new: set[str] = set()
    regex = ""
    for piece in _PIECE.split(part):
        word = piece[1:-1]
        if piece == "*":
            regex += "[^/]*"
        elif not WORD.fullmatch(piece):
            regex += re.escape(piece)
        elif word in words:
            regex += re.escape(words[word])
        elif word in new:
            regex += f"(?P={word})"
        else:
            regex += f"(?P<{word}>[^/]+?)"
            new.add(word)
    return re.compile(regex, re.IGNORECASE)


def fill(template: str, words: dict[str, str]) -> str:
    """The template with its {words} put in; those that are not known stay."""
    return WORD.sub(lambda match: words.get(match[1], match[0]), template)


def scan(view: View, root: Path) -> tuple[list[Entry], list[str]]:
    """Returns the complete items of a view below `root`, sorted by name, and what is wrong.

    Missing partners and files of one item's name are told by file; the number of items is not
    looked at here. No file is opened.
    """
    sides: dict[str, dict[str, tuple[dict[str, str], Path]]] = {}
    problems: list[str] = []
    for side, pattern in view.patterns.items():
        found = sides[side] = {}
        for words, path in matches(root, pattern.partition("::")[0]):
            if not _inside(view, words):
                continue
            name = fill(view.item, words)
            if name in found:
                problems.append(f"{found[name][1]} and {path} are both {side} of {name}; keep one")
            found[name] = words, path
    for side, pattern in view.patterns.items():
        known = {name: words for found in sides.values() for name, (words, _) in found.items()}
        lonely = sorted(known.keys() - sides[side].keys())
        problems += _lonely(root, side, pattern, {name: known[name] for name in lonely}, sides)
    whole = sorted(set.intersection(*(set(found) for found in sides.values())), key=_counted)
    first = next(iter(sides.values()))
    entries = [
        Entry(
            name,
            None if view.group is None else fill(view.group, first[name][0]),
            {side: found[name][1] for side, found in sides.items()},
        )
        for name in whole
    ]
    return entries, problems


def _counted(name: str) -> list[tuple[int, str]]:
    """Sorts 2 before 10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _lonely(
    root: Path,
    side: str,
    pattern: str,
    words: dict[str, dict[str, str]],
    sides: dict[str, dict[str, tuple[dict[str, str], Path]]],
) -> list[str]:
    """Lines on the items that lack `side`; one line where none has it."""
    if words and not sides[side]:
        return [f"no {side} file at all: {root / pattern} matches nothing; add them"]
    lines = []
    for name in list(words)[:_SHOWN]:
        partner = next(found[name][1] for found in sides.values() if name in found)
        lines.append(
            f"{partner} has no {side} partner {root / fill(pattern, words[name])}; "
            "add it, or remove the file"
        )
    if len(words) > _SHOWN:
        lines.append(f"and {len(words) - _SHOWN} more without {side} partner")
    return lines


def _inside(view: View, words: dict[str, str]) -> bool:
    if view.numbers is None:
        return True
    text = words.get("item", "")
    return text.isdigit() and view.numbers[0] <= int(text) <= view.numbers[1]


def is_here(view: View, root: Path) -> bool:
    """Whether there is at least one file of each side of the view below `root`."""
    patterns = (pattern.partition("::")[0] for pattern in view.patterns.values())
    return all(next(matches(root, pattern), None) is not None for pattern in patterns)


def misplaced(views: Sequence[View], root: Path) -> InputError:
    """The error for a root below which nothing fits the views; says where things fit, if near."""
    patterns = [next(iter(view.patterns.values())).partition("::")[0] for view in views]
    for pattern in dict.fromkeys(patterns):
        if place := _nearby(root, pattern):
            return InputError(
                f"nothing below {root} fits {pattern}; found below {place}: use that as the root"
            )
    return InputError(f"nothing below {root} fits {patterns[0]}; see the card's layout")


def _nearby(root: Path, pattern: str) -> Path | None:
    """A folder one or two steps above or below `root` where the pattern fits."""
    above = [root.absolute().parent, root.absolute().parent.parent]
    below = [p for glob in ("*", "*/*") for p in sorted(root.glob(glob)) if p.is_dir()]
    for place in [*below[:200], *above]:
        if next(matches(place, pattern), None) is not None:
            return place
    return None
