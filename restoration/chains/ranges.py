"""Parameters of a recipe: ranges to draw from, and the checks that they can be drawn.

A mistake has to show when the file is read, not at the thousandth picture: every step is built at
the ends of its ranges and with every alternative before anything is drawn.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from undrift.common.errors import InputError, nearest
from undrift.restoration.chains.catalogue import LINKS
from undrift.restoration.chains.chain import replayed
from undrift.restoration.chains.kernels import Kernel
from undrift.restoration.chains.link import Link
from undrift.restoration.chains.steps import Filtered, Resized

Draw = Callable[[], float]  # numbers in [0, 1)
_ENDS = tuple(np.linspace(0, 1 - 1e-12, 7))
_SIDE = 64  # pixels of the pictures that recipes are checked with
_OWN = ("chance", "to")  # parameters of a step that are none of the link


def drawn_steps(
    steps: Sequence[Mapping[str, Any]], size: tuple[int, int], rng: np.random.Generator
) -> Iterator[Link]:
    """The links of a recipe for pictures of `size`; raises InputError for what cannot be."""
    now = size
    for name, given in map(_one, steps):
        if name == "any":
            shares = np.array([float(part.get("share", 1)) for part in given])
            part = given[int(rng.choice(len(given), p=shares / shares.sum()))]
            made = list(drawn_steps(part.get("steps", []), now, rng))
        elif rng.random() < float(given.get("chance", 1)):
            made = [_link(name, given, size, now, rng.random, int(rng.integers(2**62)))]
        else:
            continue
        for link in made:
            now = (link.height, link.width) if isinstance(link, Resized) else now
            yield link


def checked_steps(steps: Sequence[Mapping[str, Any]], place: str) -> None:
    """Raises InputError that says where a step does not fit."""
    for number, step in enumerate(steps):
        here = f"{place}[{number}]"
        try:
            name, given = _one(step)
            if name == "any":
                _check_any(given, here)
                continue
            chance = given.get("chance", 1)
            if isinstance(chance, str) or not 0 <= chance <= 1:
                raise InputError(f"chance is {chance!r}; expected 0 to 1")
            for end in _ENDS:
                _link(name, given, (_SIDE, _SIDE), (_SIDE, _SIDE), lambda end=end: end, 0)
        except InputError as error:
            text = str(error)
            raise InputError(text if text.startswith(place) else f"{here}: {text}") from error


def _check_any(given: Any, here: str) -> None:
    good = isinstance(given, list) and given and all(isinstance(part, dict) for part in given)
    if not good or any(set(part) - {"share", "steps"} for part in given):
        raise InputError("any takes a list of {share: 2, steps: [...]}")
    for number, part in enumerate(given):
        share = part.get("share", 1)
        if isinstance(share, str) or not share > 0:
            raise InputError(f"any[{number}]: share is {share!r}; expected more than 0")
        checked_steps(part.get("steps", []), f"{here}.any[{number}].steps")


def _one(step: Mapping[str, Any]) -> tuple[str, Any]:
    """Name and parameters of a step."""
    if not isinstance(step, Mapping) or len(step) != 1:
        raise InputError(f"got {step!r}; expected one link and its parameters, as jpeg: {{...}}")
    ((name, given),) = step.items()
    if name != "any" and name not in LINKS:
        known = [*LINKS, "any"]
        raise InputError(f"no link {name!r}{nearest(str(name), known)} ({', '.join(known)})")
    if name != "any" and not isinstance(given, Mapping | None):
        raise InputError(f"{name}: got {given!r}; expected its parameters, as {{sigma: [1, 5]}}")
    return str(name), given if given is not None else {}


def _link(
    name: str,
    given: Mapping[str, Any],
    original: tuple[int, int],
    now: tuple[int, int],
    draw: Draw,
    seed: int,
) -> Link:
    kind: type = Kernel if LINKS[name] is Filtered else LINKS[name]
    whole = {field.name for field in fields(kind) if field.type is int}
    values = {
        key: _value(spec, key in whole, draw) for key, spec in given.items() if key not in _OWN
    }
    if any(field.name == "seed" for field in fields(kind)):
        values.setdefault("seed", seed)
    if LINKS[name] is Resized:
        values = _resized(given, values, original, now)
    if LINKS[name] is Filtered:
        values.setdefault("sy", values.get("sx", 1.0))
        values = {"kernel": values}
    return replayed([{"name": name, **values}]).links[0]


def _resized(
    given: Mapping[str, Any],
    values: dict[str, Any],
    original: tuple[int, int],
    now: tuple[int, int],
) -> dict[str, Any]:
    """Sizes in pixels for `to: original` or a factor."""
    to, factor = given.get("to"), values.pop("factor", None)
    if (to == "original") == (factor is not None) or to not in (None, "original"):
        raise InputError("resize: expected either a factor, such as 0.25, or to: original")
    if factor is None:
        return {**values, "height": original[0], "width": original[1]}
    if isinstance(factor, str) or not 0 < factor <= 16:
        raise InputError(f"resize: factor is {factor!r}; expected more than 0, up to 16")
    height, width = (math.ceil(n * factor - 1e-9) for n in now)
    plain = values.get("mode", "matlab") == "matlab"
    return {**values, "height": height, "width": width, "factor": factor if plain else 0.0}


def _value(spec: Any, whole: bool, draw: Draw) -> Any:
    """A parameter: as it stands, or drawn."""
    if isinstance(spec, list):
        low, high = _pair(spec)
        if whole:
            return int(low) + math.floor(draw() * (int(high) - int(low) + 1))
        return float(low + (high - low) * draw())
    if not isinstance(spec, Mapping):
        return spec
    if set(spec) == {"log"}:
        low, high = _pair(spec["log"])
        if low <= 0:
            raise InputError(f"log: {spec['log']}; expected numbers above 0")
        return float(low * (high / low) ** draw())
    if set(spec) == {"any"} and isinstance(spec["any"], list) and spec["any"]:
        return _value(spec["any"][math.floor(draw() * len(spec["any"]))], whole, draw)
    if set(spec) == {"word", "of"} and isinstance(spec["of"], list):
        numbers = [_value(part, _are_whole(part), draw) for part in spec["of"]]
        return f"{spec['word']}:{','.join(f'{number:.6g}' for number in numbers)}"
    raise InputError(
        f"got {dict(spec)!r}; expected {{log: [1, 30]}}, {{any: [...]}} or {{word: motion, of: "
        "[[5, 21], [0, 180]]}"
    )


def _are_whole(part: Any) -> bool:
    return isinstance(part, list) and all(isinstance(end, int) for end in part)


def _pair(spec: Any) -> tuple[float, float]:
    numbers = [end for end in spec if isinstance(end, int | float) and not isinstance(end, bool)]
    if len(spec) != 2 or len(numbers) != 2 or not spec[0] <= spec[1]:
        raise InputError(f"got {spec!r}; expected [low, high]")
    return spec[0], spec[1]
