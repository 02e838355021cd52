"""Data cards: one Markdown file per data set, read by people, by the Hugging Face Hub and by code.

A card is a valid Hub dataset card (its YAML keys) plus one block of ours, `undrift:`, with what a
loader or a careful reader needs: axes, units, splits, hashes, access, and what was really verified.
The prose follows "Datasheets for Datasets" (Gebru et al., 2021, arXiv:1803.09010) and ends with
how to get the data.  The keys are in `card_schema.py`, the reader in `front_matter.py`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import undrift
from undrift.common.card_schema import Front
from undrift.common.errors import InputError, nearest
from undrift.common.front_matter import dig, licence_problems, read_card

SECTIONS = (
    "Motivation",
    "Composition",
    "Collection",
    "Preprocessing",
    "Uses",
    "Distribution",
    "Maintenance",
    "How to get it",
)


@dataclass(frozen=True)
class DataCard:
    """A checked card: `front` is its head, `prose` the text under each heading, `path` its file."""

    front: Front
    prose: dict[str, str]
    path: Path

    @property
    def id(self) -> str:
        """The name a user types."""
        return self.front.undrift.id

    def to_croissant(self) -> dict[str, Any]:
        """Returns the card as Croissant 1.1 JSON-LD (data-set level and files)."""
        from undrift.common.croissant import to_croissant

        return to_croissant(self)


def _rules(head: dict[str, Any], prose: dict[str, str]) -> list[str]:
    """Problems that concern several keys; looks at the raw head, so that all show at once."""
    problems = licence_problems(head)
    for index, entry in enumerate(_list_at(head, "undrift.verified")):
        for name in _list_at(entry, "fields"):
            try:
                dig(head, str(name))
            except KeyError:
                problems.append(
                    f"undrift.verified.{index}.fields: this card has no key {name!r}; "
                    "write it dotted from the top, such as undrift.splits"
                )
    splits = [entry.get("name") for entry in _list_at(head, "undrift.splits")]
    if len(set(splits)) < len(splits):
        problems.append(f"undrift.splits: two share a name: {splits}")
    files = _list_at(head, "undrift.files")
    for index, entry in enumerate(files):
        if entry.get("split") not in [None, *splits]:
            problems.append(f"undrift.files.{index}.split: no split is named {entry['split']!r}")
        if entry.get("archive") not in [None, *(e.get("name") for e in files if e is not entry)]:
            problems.append(f"undrift.files.{index}.archive: no file is named {entry['archive']!r}")
    members = _list_at(head, "undrift.members")
    for index, entry in enumerate(members):
        if entry.get("split") not in splits:
            problems.append(
                f"undrift.members.{index}.split: no split is named {entry.get('split')!r}"
            )
        if entry.get("archive") not in [known.get("name") for known in files]:
            problems.append(
                f"undrift.members.{index}.archive: no file is named {entry.get('archive')!r}"
            )
    folders = [entry.get("name") for entry in members]
    if len(set(folders)) < len(folders):
        problems.append(f"undrift.members: two share a name: {folders}")
    views = _list_at(head, "undrift.views")
    for index, entry in enumerate(views):
        if entry.get("split") not in splits:
            problems.append(
                f"undrift.views.{index}.split: no split is named {entry.get('split')!r}"
            )
    names = [(entry.get("split"), entry.get("name")) for entry in views]
    if len(set(names)) < len(names):
        problems.append(f"undrift.views: two of one split share a name: {names}")
    return problems


def _list_at(head: object, dotted: str) -> list[Any]:
    """The raw list under `dotted`, or an empty one; for keys of mappings, only the mappings."""
    try:
        found = dig(head, dotted)
    except KeyError:
        return []
    if not isinstance(found, list):
        return []
    return found if dotted == "fields" else [entry for entry in found if isinstance(entry, dict)]


def load_card(path: Path) -> DataCard:
    """Reads and checks one card; raises `InputError` with every problem it found."""
    front, prose = read_card(Path(path), Front, SECTIONS, _rules)
    return DataCard(front, prose, Path(path))


def cards_folder() -> Path:
    """Finds data_cards/ in a wheel and in a checkout alike."""
    for root in undrift.__path__:
        folder = Path(root) / "data_cards"
        if folder.is_dir():
            return folder
    raise InputError("no folder data_cards beside the package; reinstall undrift")


def card_paths() -> dict[str, Path]:
    """Returns id -> file of every shipped card, sorted; files beginning with '_' are no cards."""
    paths = sorted(cards_folder().glob("*.md"))
    return {path.stem: path for path in paths if not path.name.startswith("_")}


def find_card(name: str) -> DataCard:
    """Loads the shipped card `name`; an unknown name raises `InputError` with the nearest one."""
    paths = card_paths()
    if name not in paths:
        raise InputError(
            f"no data card {name!r}{nearest(name, list(paths))}; `undrift data list` shows all"
        )
    return load_card(paths[name])
