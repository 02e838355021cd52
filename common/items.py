"""What the user named on the command line, as a list of items.

An input is a file, a folder (searched for known suffixes, hidden files left out), a pattern
(`*`, `?`, `[...]`, and `**` for any depth, so that quoted patterns work everywhere) or `@list.txt`
with one of these per line. The key of an item is its path below the folder (or below the part of
the pattern before the first wildcard), or its name if the file itself was named; the key decides
where the output goes, which shard does the item and which noise it gets.
"""

import glob
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from undrift.common.errors import InputError


@dataclass(frozen=True, order=True)
class Item:
    """One input: the file `source`, its posix path `key`, and whether it was `named` itself."""

    source: Path
    key: str
    named: bool = False


Whole = Callable[[Path], bool]  # whether a folder is one item, as a series of DICOM is


def collect(
    inputs: Sequence[str | Path],
    suffixes: Collection[str],
    skip: Path | None = None,
    whole: Whole | None = None,
) -> list[Item]:
    """The items of `inputs` in a stable order, each file once (its first mention counts).

    `suffixes` (such as `{".png", ".tif"}`, any case) choose among the files of folders and
    patterns; a file that is named itself is an item whatever its suffix. Files below the folder
    `skip` (the output) are left out of folders that contain it. Folders that are `whole` are items
    themselves.
    Raises InputError for a missing input, or when nothing matches.
    """
    wanted = {suffix.lower() for suffix in suffixes}
    missing: list[str] = []
    found: dict[str, Item] = {}
    for text in _spelled_out(inputs):
        for item in _expand(text, wanted, skip, missing, whole):
            found.setdefault(os.path.abspath(item.source), item)
    if missing:
        raise InputError(f"no such file or folder: {', '.join(missing)}")
    if not found:
        shown = " ".join(str(text) for text in inputs) or "no input given"
        raise InputError(f"{shown}: no files found; looked for {' '.join(sorted(wanted))}")
    return list(found.values())


def _spelled_out(inputs: Iterable[str | Path]) -> Iterator[str]:
    for given in inputs:
        text = os.path.expanduser(given)
        if not text.startswith("@") or os.path.exists(text):
            yield text
            continue
        try:
            lines = Path(text[1:]).read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{text}: cannot read the list: {error}") from error
        for line in map(str.strip, lines):
            if line and not line.startswith("#"):
                yield os.path.expanduser(line)


def _expand(
    text: str, wanted: set[str], skip: Path | None, missing: list[str], whole: Whole | None
) -> Iterator[Item]:
    path = Path(text)
    if path.is_dir():
        if whole is not None and whole(path):
            yield Item(path, path.resolve().name, named=True)
            return
        yield from _walk(path, path, wanted, skip, whole)
    elif path.exists():
        yield Item(path, path.name, named=True)
    elif glob.has_magic(text):
        yield from _match(text, wanted, skip, whole)
    else:
        missing.append(text)


def _match(
    pattern: str, wanted: set[str], skip: Path | None, whole: Whole | None
) -> Iterator[Item]:
    fixed: list[str] = []
    for part in Path(pattern).parts[:-1]:
        if glob.has_magic(part):
            break
        fixed.append(part)
    base = Path(*fixed)
    for found in sorted(glob.glob(pattern, recursive=True)):
        path = Path(found)
        if _in_output(path, base, skip):
            continue
        if path.is_dir():
            yield from _walk(path, base, wanted, skip, whole)
        elif _known(path, wanted):
            yield Item(path, path.relative_to(base).as_posix())


def _walk(
    folder: Path, base: Path, wanted: set[str], skip: Path | None, whole: Whole | None
) -> Iterator[Item]:
    """Files below `folder` in sorted order; links to folders are followed, once each."""
    seen: set[str] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        here = Path(place)
        real = os.path.realpath(here)
        if real in seen or _in_output(here, base, skip):
            folders.clear()
            continue
        seen.add(real)
        if whole is not None and here != base and whole(here):
            folders.clear()
            yield Item(here, here.relative_to(base).as_posix())
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = here / name
            if not name.startswith(".") and _known(path, wanted):
                yield Item(path, path.relative_to(base).as_posix())


def _known(path: Path, wanted: set[str]) -> bool:
    name = path.name.lower()
    return any(name.endswith(suffix) for suffix in wanted)


def _in_output(path: Path, base: Path, output: Path | None) -> bool:
    """Whether `path` is inside the folder `output`, unless all of `base` is."""
    if output is None:
        return False
    real = os.path.realpath(output)
    return _inside(path, real) and not _inside(base, real)


def _inside(path: Path, folder: str) -> bool:
    real = Path(os.path.realpath(path))
    return Path(folder) in (real, *real.parents)
