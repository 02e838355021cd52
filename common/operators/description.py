"""Operators and their noise from YAML or a dict, strict, with all problems reported at once.

    shape: [3, 64, 64]
    chain:                                   # the first is applied first
      - {operator: blur, kernel: {gaussian: {std: 1.5}}}
      - {operator: average, factor: 4}
    noise: 0.05

`stack:` instead of `chain:` lists measurements of the same signal, each with its own `noise`.
Shapes flow along a chain. Arrays are numbers, lists, `{gaussian: {...}}` and the other kernels, or
paths of .npy, .npz and .csv files beside the YAML file.
"""

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from undrift.common.config import load, read_yaml
from undrift.common.errors import InputError, nearest
from undrift.common.operators.noise_models import Gaussian, NoiseModel
from undrift.common.operators.operator import Operator
from undrift.common.operators.parameters import FILES, call, known, model_of
from undrift.common.operators.stack import stack
from undrift.common.operators.stacked_noise import Stacked
from undrift.common.operators.table import NOISES, OPERATORS

_GROUPS = ("operator", "chain", "stack")


@dataclass(frozen=True, eq=False)
class ForwardModel:
    """An operator and, if the description states it, the noise of its measurements."""

    operator: Operator
    noise: NoiseModel | None = None


def build_operator(name: str, params: Mapping[str, Any]) -> Operator:
    """The operator `name` of `OPERATORS` with its parameters. Raises InputError."""
    return call(known(OPERATORS, name, "operator"), params, f"operator {name}")


def read_forward_model(
    given: Mapping[str, Any] | Path | str, shape: tuple[int, ...] | None = None
) -> ForwardModel:
    """Builds what a YAML file, or a mapping such as one, describes.

    shape: that of the signal, (c, *space), where the description does not state it.
    Raises InputError that lists every problem with its dotted path.
    """
    folder = Path() if isinstance(given, Mapping) else Path(given).parent
    source = "" if isinstance(given, Mapping) else f"{given}: "
    content = _beside(dict(given) if isinstance(given, Mapping) else read_yaml(Path(given)), folder)
    if shape is not None:
        content.setdefault("shape", list(shape))
    problems = _problems(content, "", "shape" in content)
    if problems:
        count = f"{len(problems)} problems\n  " if len(problems) > 1 else ""
        raise InputError(source + count + "\n  ".join(problems))
    return _built(content, None)


def _built(content: dict[str, Any], shape: tuple[int, ...] | None) -> ForwardModel:
    rest = {k: v for k, v in content.items() if k not in (*_GROUPS, "noise")}
    shape = tuple(rest.pop("shape", shape or ()))
    noise = None if content.get("noise") is None else _noise(content["noise"])
    if "operator" in content:
        maker = OPERATORS[content["operator"]]
        if "shape" in inspect.signature(maker).parameters:
            rest["shape"] = shape
        return ForwardModel(call(maker, rest, f"operator {content['operator']}"), noise)
    if "stack" in content:
        parts = [_built(part, shape) for part in content["stack"]]
        joint = stack(*(part.operator for part in parts))
        noises = tuple(part.noise for part in parts if part.noise is not None)
        if noises:
            noise = Stacked(noises, joint)
        return ForwardModel(joint, noise)
    whole: Operator | None = None
    for part in content["chain"]:
        nxt = _built(part, shape).operator
        whole, shape = (nxt if whole is None else nxt @ whole), nxt.shape_out
    return ForwardModel(typing.cast(Operator, whole), noise)


def _problems(content: Any, path: str, shaped: bool) -> list[str]:
    """Everything wrong with a description, before anything is built."""
    here = path or "the description"
    if not isinstance(content, dict) or sum(k in content for k in _GROUPS) != 1:
        return [f"{here}: expected keys and values with one of operator, chain and stack"]
    found = []
    noise, shaped = content.get("noise"), shaped or "shape" in content
    if noise is not None:
        found += _caught(lambda: _noise(noise), f"{path}noise: ")
    if "operator" in content:
        return found + _leaf_problems(content, path, shaped)
    kind = "chain" if "chain" in content else "stack"
    for key in set(content) - {kind, "shape", "noise"}:
        found.append(f"{path}{key}: unknown key{nearest(key, [kind, 'shape', 'noise'])}")
    parts = content[kind]
    if not isinstance(parts, list) or not parts:
        return [*found, f"{path}{kind}: expected a list of operators"]
    for number, part in enumerate(parts):
        flows = shaped or (kind == "chain" and number > 0)
        found += _problems(part, f"{path}{kind}.{number}.", flows)
        if kind == "chain" and isinstance(part, dict) and "noise" in part:
            found.append(f"{path}{kind}.{number}.noise: only the whole chain has noise; move it up")
    noisy = [isinstance(part, dict) and part.get("noise") is not None for part in parts]
    if kind == "stack" and ((any(noisy) and not all(noisy)) or noise is not None):
        found.append(f"{path}stack: expected a noise for every measurement, or for none")
    return found


def _leaf_problems(content: dict[str, Any], path: str, shaped: bool) -> list[str]:
    name = content["operator"]
    try:
        maker = known(OPERATORS, str(name), "operator")
    except InputError as error:
        return [f"{path}operator: {error}"]
    params = {k: v for k, v in content.items() if k not in ("operator", "noise")}
    if shaped and "shape" in inspect.signature(maker).parameters:
        params.setdefault("shape", [1])
    elif "shape" not in inspect.signature(maker).parameters:
        params.pop("shape", None)
    return _caught(lambda: load(model_of(maker), params), path)


def _caught(action: Callable[[], object], path: str) -> list[str]:
    """The problems that `action` raises, one string each, with `path` before them."""
    try:
        action()
    except InputError as error:
        lines = str(error).splitlines()
        return [f"{path}{line.strip()}" for line in (lines[1:] if len(lines) > 1 else lines)]
    return []


def _noise(given: Any) -> NoiseModel:
    if isinstance(given, int | float) and not isinstance(given, bool):
        return Gaussian(float(given))
    if not isinstance(given, Mapping) or len(given) != 1:
        raise InputError("expected a number, the sigma, or one name such as gaussian: {sigma: 0.1}")
    name, params = next(iter(given.items()))
    return call(known(NOISES, str(name), "noise"), params, str(name))


def _beside(value: Any, folder: Path) -> Any:
    """File names relative to `folder`, in copies of the dicts and lists."""
    if isinstance(value, dict):
        return {k: _beside(v, folder) for k, v in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [_beside(v, folder) for v in value]
    if isinstance(value, str) and value.endswith(FILES):
        return str(folder / value)
    return value
