"""Finding and reading recipes: by path, or by id among those that ship with the package.

`extends: ID-or-path` takes everything from another recipe except what the file itself says.
Sections are merged key by key; one that is empty, or names another `kind` or `name`, replaces its
parent's. Wherever a recipe is named a task may stand (`parts`), and ID+PROCESS for another process.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import undrift
from undrift.common.card_schema import DOMAINS
from undrift.common.config import load, override, read_yaml
from undrift.common.errors import InputError, nearest
from undrift.common.training.parts import task_recipes, with_process
from undrift.common.training.recipe import Recipe


def recipe_paths() -> dict[str, Path]:
    """id -> file of every shipped recipe, sorted by id."""
    found: dict[str, Path] = {}
    for root in undrift.__path__:
        for domain in DOMAINS:
            for path in (Path(root) / domain / "recipes").glob("*.yaml"):
                found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def find_recipe(name: str | Path, beside: Path | None = None) -> Path:
    """The file of a recipe given by path (also relative to the folder `beside`) or by id.

    Raises InputError, with the nearest id, if there is none.
    """
    for path in [Path(name), *([beside / name] if beside else [])]:
        if path.is_file():
            return path
    shipped = recipe_paths()
    if str(name) in shipped:
        return shipped[str(name)]
    names = [*shipped, *task_recipes()]
    known = ", ".join(names) + nearest(str(name), names)
    raise InputError(f"no recipe {str(name)!r}: no such file, and shipped are {known}")


def read_recipe(name: str | Path, assignments: tuple[str, ...] = ()) -> Recipe:
    """Reads and checks a recipe, also ID+PROCESS; raises InputError with every problem."""
    return load(Recipe, override(_named(name, None, ()), assignments), name)


def _named(name: str | Path, beside: Path | None, children: tuple[Path, ...]) -> dict[str, Any]:
    """The whole mapping of a recipe given by path or id, with a process if one is named."""
    stem, plus, process = str(name).rpartition("+")
    if plus and not Path(name).is_file():
        return with_process(_named(stem, beside, children), process)
    tasks = task_recipes()
    if stem == "" and process in tasks and not Path(name).is_file():
        return _on_parent(tasks[process], None, children)
    return _extended(find_recipe(name, beside), children)


def _extended(path: Path, children: tuple[Path, ...]) -> dict[str, Any]:
    """The mapping of a file on top of those of its ancestors."""
    if path.resolve() in children:
        raise InputError(f"{path}: extends itself")
    return _on_parent(read_yaml(path), path.parent, (*children, path.resolve()))


def _on_parent(
    given: Mapping[str, Any], beside: Path | None, children: tuple[Path, ...]
) -> dict[str, Any]:
    own = dict(given)
    parent = own.pop("extends", None)
    return own if parent is None else _merged(_named(str(parent), beside, children), own)


def _merged(base: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in given.items():
        old = base.get(key)
        result[key] = value
        if isinstance(old, Mapping) and isinstance(value, Mapping) and not _other(old, value):
            result[key] = _merged(old, value)
    return result


def _other(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return not new or any(key in new and new[key] != old.get(key) for key in ("kind", "name"))
