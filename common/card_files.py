"""The files a data card names: where they lie, and whether they are the ones the card means.

A file with a `package` comes inside an installed pip package and is found without importing it,
so nothing is ever downloaded here; any other lies below a root that the user gives.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from undrift.common.card_schema import File
from undrift.common.cards import DataCard
from undrift.common.errors import InputError, MissingExtraError
from undrift.common.files import sha256_of


@dataclass(frozen=True)
class FileCheck:
    """One checked file; `problem` is "" when nothing contradicts the card."""

    name: str
    path: Path | None
    problem: str
    hashed: bool  # False where the card holds no hash to compare with


def locate(file: File, root: Path | None = None) -> Path:
    """Returns where `file` has to be: below `root`, or else in the package that brings it.

    Raises:
        MissingExtraError: the package is not installed.
        InputError: there is no root, and no package brings the file.
    """
    if root is not None:
        return root / file.name
    if file.package is None:
        raise InputError(f"{file.name} comes with no package; say where the data lie (--root DIR)")
    module, _, _ = file.name.partition("/")
    spec = find_spec(module)
    places = list(spec.submodule_search_locations or []) if spec else []
    if not places:
        raise MissingExtraError(
            f"{file.name} comes with the package {file.package}, which is not installed; "
            f"run: pip install {file.package}"
        )
    return Path(places[0]).parent / file.name


def difference(file: File, path: Path) -> str:
    """Says how the file at `path` differs from the card's: "" if in nothing the card states."""
    if not path.is_file():
        hint = f"; try another version of {file.package}" if file.package else ""
        return f"is not there{hint}"
    size = path.stat().st_size
    if file.bytes is not None and size != file.bytes:
        return f"has {size} bytes; the card says {file.bytes}"
    if file.sha256 is None:
        return ""
    found = sha256_of(path).removeprefix("sha256:")
    return "" if found == file.sha256 else f"has sha256 {found}; the card says {file.sha256}"


def verify(card: DataCard, root: Path | None = None) -> list[FileCheck]:
    """Checks layout, sizes and hashes of a data set below `root` (None: in installed packages).

    Every file gets a line, except archives whose content the card lists, one by one or as views,
    unless they are there; so does every glob of the card's layout that matches nothing.
    """
    files = card.front.undrift.files
    opened = {f.name for f in files} if card.front.undrift.views else {f.archive for f in files}
    opened |= {group.archive for group in card.front.undrift.members}
    wanted = [f for f in files if f.name not in opened or (root and (root / f.name).is_file())]
    checks = [_check(file, root) for file in wanted]
    named = {check.name for check in checks}
    for pattern in card.front.undrift.layout:
        if root is not None and pattern not in named and not any(root.glob(pattern)):
            checks.append(FileCheck(pattern, None, "matches nothing", hashed=False))
    return checks


def _check(file: File, root: Path | None) -> FileCheck:
    try:
        path = locate(file, root)
    except MissingExtraError as error:
        return FileCheck(file.name, None, str(error).partition(", which ")[2], hashed=False)
    return FileCheck(file.name, path, difference(file, path), hashed=file.sha256 is not None)
