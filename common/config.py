"""Strict configurations: YAML to frozen pydantic models, with all problems reported at once.

An unknown key is an error with the nearest known one; each problem is named by its dotted path,
such as `solver.stepz: unknown key; did you mean 'steps'?`. A key given twice is an error too
(plain YAML would silently keep the last).
"""

import re
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from undrift.common.errors import InputError, nearest


class Strict(BaseModel):
    """Base of every configuration: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Model = TypeVar("Model", bound=BaseModel)


def load(cls: type[Model], given: Mapping[str, Any] | Path | str, source: str | Path = "") -> Model:
    """Checks `given` (a mapping, or the path of a YAML file) and returns it as a `cls`.

    `source` is named in errors (default: the path). Raises InputError that lists every problem.
    """
    if not isinstance(given, Mapping):
        source = source or given
        given = read_yaml(Path(given))
    try:
        return cls.model_validate(dict(given))
    except ValidationError as error:
        problems = [_describe(cls, problem) for problem in error.errors()]
    head = f"{source}: " if str(source) else ""
    if len(problems) == 1:
        raise InputError(head + problems[0])
    raise InputError(f"{head}{len(problems)} problems\n" + "\n".join(f"  {p}" for p in problems))


def read_yaml(path: Path) -> dict[str, Any]:
    """Reads a YAML mapping; an empty file is an empty one. Raises InputError."""
    try:
        value = yaml.load(path.read_text(encoding="utf-8"), Loader=_NoDuplicates)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InputError(f"{path}: expected keys and values, got a {type(value).__name__}")
    return value


def write_yaml(value: Mapping[str, Any]) -> str:
    """The YAML text of `value`, in its own order."""
    return yaml.safe_dump(dict(value), sort_keys=False, allow_unicode=True)


def override(given: Mapping[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    """`given` with dotted assignments such as `solver.steps=20` applied; values are YAML.

    >>> override({"solver": {"steps": 10}}, ["solver.steps=20", "seed=1"])
    {'solver': {'steps': 20}, 'seed': 1}
    """
    result = _copy(given)
    for text in assignments:
        path, equals, value = text.partition("=")
        if not equals or not path:
            raise InputError(f"'{text}': expected KEY=VALUE, such as solver.steps=20")
        *parents, last = path.strip().split(".")
        place = result
        for name in parents:
            place = place.setdefault(name, {})
            if not isinstance(place, dict):
                raise InputError(f"'{text}': {name} is a value and has no keys below it")
        try:
            place[last] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise InputError(f"'{text}': not valid YAML: {' '.join(str(error).split())}") from error
    return result


def _copy(given: Mapping[str, Any]) -> dict[str, Any]:
    return {k: _copy(v) if isinstance(v, Mapping) else v for k, v in given.items()}


def _describe(cls: type[BaseModel], problem: Any) -> str:
    place, kind = problem["loc"], problem["type"]
    path = ".".join(str(part) for part in place)
    if kind == "extra_forbidden":
        known = _keys_at(cls, place[:-1])
        hint = nearest(str(place[-1]), known)
        return f"{path}: unknown key{hint or (f'; known: {_list(known)}' if known else '')}"
    if kind == "missing":
        return f"{path}: missing"
    message = problem["msg"].removeprefix("Value error, ")
    if kind in {"literal_error", "enum", "union_tag_invalid"}:
        context = problem["ctx"]
        expected = re.findall(r"'([^']*)'", context.get("expected", context.get("expected_tags")))
        message += nearest(str(context.get("tag", problem["input"])), expected)
    elif not isinstance(problem["input"], dict | list) and str(problem["input"]) not in message:
        message += f", got {problem['input']!r}"
    return f"{path}: {message}" if path else message


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)


def _keys_at(cls: type[BaseModel], place: Sequence[str | int]) -> list[str]:
    """The keys allowed at `place` below `cls`; none when several models are possible there."""
    found: list[type[BaseModel]] = [cls]
    for part in place:
        inner: list[type[BaseModel]] = []
        for model in found:
            if isinstance(part, int) or part not in model.model_fields:
                inner.append(model)  # a list's index or a union's tag: stay
            else:
                inner += _models_in(model.model_fields[part].annotation)
        found = inner
    return sorted({name for model in found for name in model.model_fields})


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [model for part in typing.get_args(annotation) for model in _models_in(part)]


class _NoDuplicates(yaml.SafeLoader):
    """SafeLoader that refuses a key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for index, key in enumerate(keys):
            if key in keys[:index] and key != "<<":
                place = node.value[index][0].start_mark
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} twice", place)
        return super().construct_mapping(node, deep)
