"""Searches a solver for a model: order of each step, variable, rule, end, noise and nodes.

A decision list a step, as in the unified sampling framework (Liu et al. 2023, USF and its search
S3): one choice is changed at a time and kept if the last state comes nearer to a reference, from a
few random lists beside the default one; then the nodes are moved (`placement`). What is found is a
plain dictionary for `Preset`.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from undrift.common.placement import Calibration, place, rms_to
from undrift.common.solvers import build_solver

BASE = "multistep-3"  # every list is one of its options
ENDS: tuple[dict[str, Any], ...] = (
    {"variable": "lambda", "rule": "midpoint", "extrapolate": False},
    {"variable": "lambda", "rule": "taylor", "extrapolate": False},
    {"variable": "cosine", "rule": "taylor", "extrapolate": False},
    {"variable": "cosine", "rule": "taylor", "extrapolate": True},
    {"variable": "angle", "rule": "taylor", "extrapolate": True},
)
SPREADS = (0.5, 0.7, 1.0, 1.4)  # of the angle and its cosine, in units of sigma_d
ORDERS = (1, 2, 3)


@dataclass(frozen=True)
class Found:
    """preset: solver, options, steps and times for `Preset`. error: its distance; default: the one
    of the solver "auto". tried: how many lists were run."""

    preset: dict[str, Any]
    error: float
    default: float
    tried: int


def search(
    batch: Calibration,
    n: int,
    *,
    distance: Callable[[Tensor], float] | None = None,
    etas: Sequence[float] = (0.0,),
    restarts: int = 2,
    seed: int = 0,
) -> Found:
    """The best list of n steps found for a batch; about (restarts + 1) (3 n + 10) runs.

    distance: of the last state, by default to `batch.reference()`: a noisy list (etas above 0) only
    makes sense with another, such as one to the clean signals. seed: of the random lists.
    """
    measure = distance or rms_to(batch.reference())
    chance, tried = random.Random(seed), 0
    auto = build_solver("auto", batch.sigma_d)
    default = measure(batch.run(auto, batch.grid(auto, n)))

    def error(options: Mapping[str, Any]) -> float:
        nonlocal tried
        tried += 1
        solver = build_solver(BASE, options=options)
        found = measure(batch.run(solver, batch.grid(solver, n)))
        return found if found == found else float("inf")

    starts = [_default(batch, n), *(_random(batch, n, etas, chance) for _ in range(restarts))]
    ends = [_descended(start, batch, etas, error) for start in starts]
    options, _ = min(ends, key=lambda end: end[1])
    placed = place(batch, n, build_solver(BASE, options=options), measure)
    preset = {
        "solver": BASE,
        "options": {k: list(v) if isinstance(v, tuple) else v for k, v in options.items()},
        "steps": n,
        "times": placed.times,
    }
    return Found(preset, placed.after, default, tried)


def _descended(
    options: dict[str, Any],
    batch: Calibration,
    etas: Sequence[float],
    error: Callable[[Mapping[str, Any]], float],
) -> tuple[dict[str, Any], float]:
    """Changes one choice at a time until a whole round brings nothing."""
    best, improved = error(options), True
    while improved:
        improved = False
        for change in _changes(options, batch, etas):
            tried = {**options, **change}
            if (found := error(tried)) < best:
                options, best, improved = tried, found, True
    return options, best


def _changes(
    options: Mapping[str, Any], batch: Calibration, etas: Sequence[float]
) -> Iterator[dict[str, Any]]:
    yield from ENDS
    for spread in SPREADS:
        yield {"sigma_d": spread * batch.sigma_d}
    for eta in etas:
        yield {"eta": eta}
    for k in range(1, len(options["orders"])):
        for order in ORDERS[: k + 1]:
            orders = list(options["orders"])
            orders[k] = order
            yield {"orders": tuple(orders)}


def _default(batch: Calibration, n: int) -> dict[str, Any]:
    return {**ENDS[3], "sigma_d": 0.7 * batch.sigma_d, "eta": 0.0, "orders": (1, *(2,) * (n - 1))}


def _random(
    batch: Calibration, n: int, etas: Sequence[float], chance: random.Random
) -> dict[str, Any]:
    orders = tuple(chance.choice(ORDERS[: k + 1]) for k in range(n))
    spread = chance.choice(SPREADS) * batch.sigma_d
    return {
        **chance.choice(ENDS), "sigma_d": spread, "eta": chance.choice(list(etas)), "orders": orders
    }  # fmt: skip
