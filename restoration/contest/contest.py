"""The contest: split, train each entrant, choose its calls on validation, score on test pictures.

Everything is kept in the output folder and found again by the same command: checkpoints of the
trainings, and the scores of an entrant beside the hash of the weights they belong to.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from undrift.common.console import Console
from undrift.common.errors import InputError, UsageError
from undrift.common.files import write_text
from undrift.common.training.parts import process_parts
from undrift.common.weights.model import Model, load_model
from undrift.restoration.contest.drawing import ONE_CALL, SOLVERS, Item, Way, draw
from undrift.restoration.contest.entrants import REGRESSION, items, recipes, trained
from undrift.restoration.contest.scores import UNIT, crps, scored
from undrift.restoration.contest.split import names_of, split, subset
from undrift.restoration.sources import Pairs

PROCESSES = ("residual-shift", "ir-sde", "rddm", "resfusion", "brownian-bridge", REGRESSION)
VALIDATED = 192  # pixels a side of a validation picture
_FORMAT = 1


@dataclass(frozen=True)
class Rules:
    """What holds for all entrants. steps: calls to choose from; shares: train, validation, test."""

    processes: tuple[str, ...] = PROCESSES
    iterations: int = 5000
    steps: tuple[int, ...] = (4, 10)
    samples: int = 4
    seed: int = 0
    shares: tuple[float, float, float] = (0.7, 0.15, 0.15)
    assignments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises UsageError for unknown processes and numbers that cannot be."""
        known = tuple(process_parts("restoration"))
        for name in self.processes:
            if name not in known:
                raise UsageError(f"no process {name!r}; there are {', '.join(known)}")
        if min(self.steps, default=0) < 1 or self.samples < 2 or self.iterations < 1:
            raise UsageError(
                f"steps {self.steps}, samples {self.samples}, iterations {self.iterations}: "
                "expected steps and iterations from 1 and samples from 2"
            )

    @property
    def entrants(self) -> tuple[str, ...]:
        """The processes, regression first: the others are compared with it."""
        return (REGRESSION, *(n for n in dict.fromkeys(self.processes) if n != REGRESSION))


@dataclass(frozen=True)
class Result:
    """One entrant: weights, the way chosen, validation crps by way, and scores[way][item]."""

    process: str
    weights: str
    sha256: str
    way: Way
    validation: dict[str, float]
    scores: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)


def choose(
    model: Model,
    ways: Sequence[Way],
    pictures: Sequence[Item],
    samples: int,
    seed: int = 0,
    device: str = "cpu",
) -> tuple[Way, dict[str, float]]:
    """The way of least mean crps over the pictures, and the crps of each, in 1/255."""
    found = {}
    for way in ways:
        drawn = [crps(draw(model, way, item, samples, seed, device), item.x0) for item in pictures]
        found[way] = UNIT * sum(drawn) / len(drawn)
    best = min(found, key=lambda way: (found[way], way.calls))
    return best, {str(way): round(value, 4) for way, value in found.items()}


def ways_of(model: Model, steps: Sequence[int]) -> list[Way]:
    """What can be tried: one call, and each number of calls by each solver."""
    if model.denoiser.process.is_cold:
        return [ONE_CALL]
    several = [Way(calls, solver) for calls in steps if calls > 1 for solver in SOLVERS]
    return [ONE_CALL, *several]


def contest(
    pairs: Pairs, folder: Path, rules: Rules, device: str = "cpu", console: Console | None = None
) -> tuple[list[Result], list[Item]]:
    """Runs what is not done yet; returns the results and the test pictures.

    Raises InputError for pairs that cannot be split or cut, and for a folder that holds another
    contest; KeyboardInterrupt leaves a folder from which the same call goes on.
    """
    console = console or Console(quiet=True)
    parts = split(names_of(pairs), rules.seed, rules.shares)
    _claim(folder / "split.json", {"seed": rules.seed, "shares": list(rules.shares)})
    train, validation, test = (subset(pairs, parts[part]) for part in parts)
    console.note(", ".join(f"{part} {len(numbers)}" for part, numbers in parts.items()))
    chosen = recipes(rules.entrants, train, rules.iterations, rules.seed, rules.assignments)
    held, tested = items(validation, VALIDATED), items(test)
    results = []
    for name, recipe in chosen.items():
        weights = trained(recipe, train, folder / name, device == "cpu", console)
        model = load_model(str(weights), device)
        asked = _asked(model, rules, [*held, *tested])
        result = _kept(folder / name / "scores.json", asked)
        if result is None:
            console.note(f"{name} is scored on {len(tested)} pictures")
            result = _scored(name, model, rules, held, tested, device)
            write_text(folder / name / "scores.json", json.dumps({**asked, **asdict(result)}))
        results.append(result)
    return results, tested


def _claim(path: Path, split: dict[str, Any]) -> None:
    """Writes how pictures were split, so that no other split tests on what was trained on."""
    if not path.is_file():
        write_text(path, json.dumps(split))
        return
    found = json.loads(path.read_text(encoding="utf-8"))
    if found != split:
        raise InputError(
            f"{path.parent} was trained with another split, {found}, not {split}: pictures that "
            "are to be tested may have been learnt; name another output folder"
        )


def _scored(
    name: str, model: Model, rules: Rules, held: list[Item], tested: list[Item], device: str
) -> Result:
    drawn = (rules.samples, rules.seed, device)
    several = [way for way in ways_of(model, rules.steps) if way.calls > 1]
    way, tried = choose(model, several or [ONE_CALL], held, *drawn)
    scores = {
        str(each): {item.name: scored(draw(model, each, item, *drawn), item.x0) for item in tested}
        for each in dict.fromkeys((ONE_CALL, way))
    }
    return Result(name, str(model.path), model.sha256, way, tried, scores)


def _asked(model: Model, rules: Rules, pictures: list[Item]) -> dict[str, Any]:
    """What kept scores must have been made with."""
    names = [f"{item.name} {tuple(item.x0.shape[-2:])}" for item in pictures]
    asked = {"format": _FORMAT, "steps": list(rules.steps), "samples": rules.samples}
    return {**asked, "seed": rules.seed, "pictures": names, "sha256": model.sha256}


def _kept(path: Path, asked: dict[str, Any]) -> Result | None:
    """The scores in a file, if they are those asked for."""
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if any(found.get(key) != value for key, value in asked.items()):
            return None
        names = Result.__dataclass_fields__
        values = {key: value for key, value in found.items() if key in names}
        return Result(**{**values, "way": Way(**values["way"])})
    except (ValueError, KeyError, TypeError):
        return None  # half of a file, or of another version: scored again
