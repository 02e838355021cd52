"""The two tables of which recipes are made: tasks and process parts, of which any pair goes.

A domain keeps them in `<domain>/recipes/parts`. `tasks.yaml` has a recipe for every task, mostly
by `extends`. An entry of `processes.yaml` replaces process, prediction and times and nothing else,
in any recipe whose network is shown y. The pair is called TASK+PROCESS, its id TASK-PROCESS.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import undrift
from undrift.common.card_schema import DOMAINS
from undrift.common.config import read_yaml
from undrift.common.errors import InputError, nearest

_KEYS = {"process", "prediction", "times"}


def process_parts(domain: str) -> dict[str, dict[str, Any]]:
    """The parts of a domain by name, {} where it has none; raises InputError for a bad file."""
    path = _part_file(domain, "processes")
    return {} if path is None else read_parts(path)


def task_recipes() -> dict[str, dict[str, Any]]:
    """Task -> its recipe as written, of all domains; the id is the task's name if none is given."""
    found: dict[str, dict[str, Any]] = {}
    for domain in DOMAINS:
        path = _part_file(domain, "tasks")
        for task, given in ({} if path is None else read_yaml(path)).items():
            found.setdefault(task, {"id": task, **given})
    return found


def _part_file(domain: str, table: str) -> Path | None:
    places = (
        Path(root) / domain / "recipes" / "parts" / f"{table}.yaml" for root in undrift.__path__
    )
    return next((path for path in places if path.is_file()), None)


def read_parts(path: Path) -> dict[str, dict[str, Any]]:
    """The parts in a file; raises InputError for one with other keys than it may set."""
    parts = read_yaml(path)
    for name, part in parts.items():
        if not isinstance(part, dict) or set(part) != _KEYS:
            found = ", ".join(part) if isinstance(part, dict) else part
            raise InputError(f"{path}: {name} sets {found}; expected {', '.join(sorted(_KEYS))}")
    return parts


def with_process(recipe: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The mapping of a recipe with another process, by the name of a part.

    Raises InputError for an unknown part, with the nearest, and for a recipe whose network is not
    shown y (a prior): there is nothing to join x0 to.
    """
    parts = process_parts(str(recipe.get("domain", "")))
    if name not in parts:
        raise InputError(
            f"no process part {name!r}{nearest(name, parts)}; for {recipe.get('domain')} there are "
            f"{', '.join(parts) or 'none'}"
        )
    if recipe.get("scaling", {}).get("centre") is not None:
        raise InputError(
            f"{recipe.get('id')} is a prior: its network is not shown the degraded signal; "
            f"{name} joins x0 to y, so take a recipe of a task with y, such as denoise or sr"
        )
    return {**recipe, **parts[name], "id": f"{recipe['id']}-{name}"}
