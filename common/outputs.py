"""Where each item goes: one file, or a folder that mirrors the inputs' tree.

The plan is made before anything is written, so that a clash of names, or an output that is one
of the inputs (also by way of a link), is an error at once and not after a night's work.
"""

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from string import Formatter

from undrift.common.errors import InputError, UsageError, nearest
from undrift.common.files import full_suffix, stem
from undrift.common.items import Item

STORES = (".zarr",)  # folders that are one output
FIELDS = ("stem", "ext", "dir", "task", "model", "seed", "index")


@dataclass(frozen=True)
class Job:
    """An item, the file it becomes, and the folder that keeps the manifest."""

    item: Item
    target: Path
    folder: Path

    @property
    def file(self) -> str:
        """The target's posix path below the folder of the manifest."""
        return self.target.relative_to(self.folder).as_posix()


def plan(
    items: Sequence[Item],
    output: Path,
    *,
    suffixes: Collection[str],
    name: str | None = None,
    fields: dict[str, object] | None = None,
    extension: Callable[[str], str] | None = None,
    place: Callable[[Item], Path] | None = None,
) -> list[Job]:
    """One job an item, in the same order.

    A single named file and an `output` with a suffix give that file. Otherwise `output` is a
    folder; `name` is a template of FIELDS for the file's name (if it holds `{dir}` or `/`, for
    the whole path below `output`); `fields` are the values of task, model and seed; `extension`
    maps an input's suffix to the output's (default: the same). place: instead of all that, the
    path of an item below `output`.
    Raises UsageError for a bad template, InputError when two items would write one file, or an
    item would overwrite an input.
    """
    if place is not None:
        jobs = [Job(item, output / place(item), output) for item in items]
    elif _is_one_file(items, output, suffixes):
        jobs = [Job(items[0], output, output.parent)]
    else:
        if output.exists() and not output.is_dir():
            raise InputError(f"{output}: is a file, expected a folder for {len(items)} items")
        render = _template(name or "{stem}{ext}")
        jobs = []
        for index, item in enumerate(items, 1):
            key = PurePosixPath(item.key)
            suffix = full_suffix(Path(key.name))
            values = {
                "task": "",
                "model": "",
                "seed": 0,
                **(fields or {}),
                "stem": stem(Path(key.name)),
                "ext": extension(suffix) if extension else suffix,
                "dir": key.parent.as_posix(),
                "index": index,
            }
            jobs.append(Job(item, output / render(values), output))
    _check(jobs)
    return jobs


def _is_one_file(items: Sequence[Item], output: Path, suffixes: Collection[str]) -> bool:
    if not output.suffix or (output.is_dir() and output.suffix.lower() not in STORES):
        return False
    if len(items) == 1 and items[0].named:
        return True
    if output.suffix.lower() in {suffix.lower() for suffix in suffixes}:
        count = f"{len(items)} items" if len(items) > 1 else "a folder"
        raise UsageError(f"-o {output}: names one file, but the input is {count}; give a folder")
    return False


def _template(text: str) -> Callable[[dict[str, object]], str]:
    try:
        used = [field for _, field, _, _ in Formatter().parse(text) if field is not None]
    except ValueError as error:
        raise UsageError(f"--name {text}: {error}") from error
    for field in used:
        if field not in FIELDS:
            hint = nearest(field, FIELDS) or f"; known: {', '.join(FIELDS)}"
            raise UsageError(f"--name {text}: unknown field {{{field}}}{hint}")
    whole = "{dir}" in text or "/" in text

    def render(values: dict[str, object]) -> str:
        try:
            made = text.format(**values)
        except ValueError as error:
            raise UsageError(f"--name {text}: {error}") from error
        path = PurePosixPath(made) if whole else PurePosixPath(str(values["dir"]), made)
        if path.is_absolute() or ".." in path.parts or not path.name:
            raise UsageError(f"--name {text}: gives '{made}', expected a name below OUTPUT")
        return str(path)

    return render


def _check(jobs: Sequence[Job]) -> None:
    writers: dict[str, Item] = {}
    for job in jobs:
        first = writers.setdefault(os.path.realpath(job.target), job.item)
        if first is not job.item:
            raise InputError(
                f"{first.source} and {job.item.source} would both write {job.target};"
                ' run them apart, or give --name, such as "{dir}/{index}_{stem}{ext}"'
            )
    sources = {identity for job in jobs if (identity := _identity(job.item.source))}
    for job in jobs:
        if os.path.realpath(job.target) == os.path.realpath(job.item.source) or (
            _identity(job.target) in sources
        ):
            raise InputError(
                f"{job.target}: is an input, and inputs are never overwritten;"
                ' choose another folder with -o, or --name "{stem}_{task}{ext}"'
            )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
