"""Finding and reading recipes: by path, or by id among those that ship with the package.

`extends: ID-or-path` takes everything from another recipe except what the file itself says.
Sections are merged key by key; one that is empty, or names another `kind` or `name`, replaces its
parent's.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import undrift
from undrift.common.card_schema import DOMAINS
from undrift.common.config import load, override, read_yaml
from undrift.common.errors import InputError, nearest
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
    known = ", ".join(shipped) + nearest(str(name), shipped)
    raise InputError(f"no recipe {str(name)!r}: no such file, and shipped are {known}")


def read_recipe(name: str | Path, assignments: tuple[str, ...] = ()) -> Recipe:
    """Reads and checks a recipe; raises InputError with every problem."""
    path = find_recipe(name)
    return load(Recipe, override(_extended(path, ()), assignments), path)


def _extended(path: Path, children: tuple[Path, ...]) -> dict[str, Any]:
    """The mapping of a file on top of those of its ancestors."""
    if path.resolve() in children:
        raise InputError(f"{path}: extends itself")
    given = read_yaml(path)
    parent = given.pop("extends", None)
    if parent is None:
        return given
    base = _extended(find_recipe(str(parent), path.parent), (*children, path.resolve()))
    return _merged(base, given)


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
