"""`undrift data make` and `verify` for volumes: files inside packages, data sets on disc."""

from collections.abc import Mapping
from pathlib import Path
from shutil import copyfile
from typing import Any

from undrift.common.card_files import FileCheck, difference, locate
from undrift.common.cards import DataCard, find_card
from undrift.common.errors import InputError, UsageError, nearest
from undrift.common.files import write_atomically
from undrift.medical.datasets.dataset import check_views


def make(
    card_id: str, folder: Path, options: Mapping[str, Any] | None = None, overwrite: bool = False
) -> dict[Path, str]:
    """Copies the volumes of `card_id` out of their package: file -> "written" or "skipped".

    options: `items`, names of some of the files (default all).

    Raises:
        UsageError: another option.
        InputError: an unknown card or item, a card without packaged files, or another version.
        MissingExtraError: the package is not installed.
    """
    options = dict(options or {})
    for name in options:
        if name != "items":
            raise UsageError(f"{card_id} takes no {name!r}{nearest(name, ['items'])}; only items")
    files = {f.item.removesuffix(".nii"): f for f in find_card(card_id).front.undrift.files}
    for name in options.get("items") or ():
        if name not in files:
            hint = nearest(name, files)
            raise InputError(f"{card_id} has no item {name!r}{hint}; known: {', '.join(files)}")
    done: dict[Path, str] = {}
    for name in options.get("items") or files:
        source = locate(files[name])
        if problem := difference(files[name], source):
            raise InputError(f"{source} {problem}")
        path = Path(folder) / source.name
        done[path] = "skipped" if path.exists() and not overwrite else "written"
        if done[path] == "written":
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, lambda part, source=source: copyfile(source, part))
    return done


def check(card: DataCard, root: Path) -> list[FileCheck]:
    """Whether the volumes below `root` are what the card's views say."""
    return check_views(card, root)
