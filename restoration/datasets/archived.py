"""Pictures that lie inside archives, by their card: taken out byte for byte, never re-encoded.

A card's entry with `archive` and `member` names a file inside another entry, such as a photograph
inside a Debian package.  What counts is the sha256 of the picture: an archive of another version
serves as well if the picture in it is the same.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from undrift.common.card_files import difference
from undrift.common.card_schema import File
from undrift.common.cards import DataCard
from undrift.common.debian import archives_folder, deb_at_hand, read_members
from undrift.common.errors import InputError, nearest
from undrift.common.files import write_atomically


def is_archived(card: DataCard) -> bool:
    """Whether the card's pictures lie inside archives that it names."""
    return any(file.archive for file in card.front.undrift.files)


def make_archived(
    card: DataCard, folder: Path, options: Mapping[str, Any], overwrite: bool = False
) -> dict[Path, str]:
    """Writes the pictures of `card` as `folder`/<their names>: file -> "written" or "skipped".

    options: `items` (names, default all) and `archives`, a folder that holds the archives (default:
    `apt-get download` fetches the packages, which are thrown away afterwards).

    Raises:
        InputError: an unknown item; an archive that cannot be got or read; a picture, in an archive
            or already in `folder`, that is not the card's. Pictures written before stay.
    """
    archives = archives_folder(options)
    chosen = _pick(card, options.get("items"))
    todo = {file.name for file in chosen if overwrite or not _is_there(folder / file.name, file)}
    for archive in card.front.undrift.files:
        inside = {f.member: f for f in chosen if f.archive == archive.name and f.name in todo}
        if not inside:
            continue
        with deb_at_hand(archive, archives) as deb:
            for member, content in read_members(deb, [name for name in inside if name]):
                _write(folder, inside[member], content, deb)
    return {folder / f.name: "written" if f.name in todo else "skipped" for f in chosen}


def _pick(card: DataCard, items: list[str] | None) -> list[File]:
    files = {file.item: file for file in card.front.undrift.files if file.archive}
    for name in items or ():
        if name not in files:
            raise InputError(
                f"{card.id} has no item {name!r}{nearest(name, files)} "
                f"(`undrift data show {card.id}` names all)"
            )
    return [file for name, file in files.items() if items is None or name in items]


def _is_there(path: Path, file: File) -> bool:
    if not path.exists():
        return False
    if problem := difference(file, path):
        raise InputError(f"{path} {problem}; remove it, or let --overwrite replace it")
    return True


def _write(folder: Path, file: File, content: bytes, deb: Path) -> None:
    def write(part: Path) -> None:
        part.write_bytes(content)
        if problem := difference(file, part):
            raise InputError(
                f"{file.member} in {deb} {problem}; it is another version of the package: "
                f"get the one of the card, {file.archive}"
            )

    write_atomically(folder / file.name, write)
