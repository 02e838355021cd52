"""Sampling along any path in the plane of two clocks (RDDM, Liu et al., CVPR 2024, Section 3.4).

A state x0 + A R + B eps of RDDM need not lie on the diagonal that it was trained on: with a
residual R and a noise E predicted, the move from (A, B) to (A', B') is

    x' = x - (A - A') R - (B - sqrt(B'^2 - sigma^2)) E + sigma z,
    sigma^2 = eta^2 B'^2 (1 - B'^2/B^2)

"Path independent" would mean that any order of the two gives the same result. `diagonal` is the
usual sampler, `corner` removes first the one and then the other, and `two_loops` is the published
experiment, whose network is told places on the diagonal while the state leaves it.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.processes.process import Process
from undrift.common.solvers.loop import Draw
from undrift.common.solvers.plan import nodes

Place = tuple[float, float]  # A, B
Heads = Callable[[Tensor, Tensor | None, Place], tuple[Tensor, Tensor]]  # -> residual, noise


@dataclass(frozen=True)
class Leg:
    """One call at the place `told`, then x - residual R - noise E + sigma z, clipped to |clip|."""

    told: Place
    residual: float
    noise: float
    sigma: float = 0.0
    clip: float | None = None


def legs(path: Sequence[Place], eta: float = 0.0) -> list[Leg]:
    """The legs of a path of places, each told as it is; eta in [0, 1] redraws noise.

    Raises InputError unless there are two places or more and B nowhere grows.
    """
    if len(path) < 2 or any(new[1] > old[1] for old, new in itertools.pairwise(path)):
        raise InputError(f"a path needs two or more places along which B never grows, got {path}")
    found = []
    for (A, B), (A1, B1) in itertools.pairwise(path):
        share = 1 - (B1 / B) ** 2 if B else 0.0
        sigma = eta * B1 * math.sqrt(share)
        found.append(Leg((A, B), A - A1, B - math.sqrt(B1**2 - sigma**2), sigma))
    return found


def diagonal(process: Process, times: Sequence[float]) -> list[Place]:
    """Places (A, B) = (b, s) of a process at the times of a grid."""
    return [(node.b, node.s) for node in nodes(process, times)]


def corner(process: Process, times: Sequence[float], first: str = "residual") -> list[Place]:
    """A path that takes out all of the residual and then the noise, or the noise first.

    Raises InputError for another word.
    """
    if first not in ("residual", "noise"):
        raise InputError(f"first is {first!r}; expected 'residual' or 'noise'")
    places = diagonal(process, times)
    (high_A, high_B), (low_A, low_B) = places[0], places[-1]
    if first == "residual":
        return [(A, high_B) for A, _ in places] + [(low_A, B) for _, B in places[1:]]
    return [(high_A, B) for _, B in places] + [(A, low_B) for A, _ in places[1:]]


def two_loops(
    process: Process, times: Sequence[float], clip: float | None = 1.0, eta: float = 0.0
) -> list[Leg]:
    """The published experiment: the grid twice, first for the residual, then for the noise.

    The network is told the diagonal both times, and each loop ends with what it says x0 is.
    """
    along = legs(diagonal(process, times), eta)
    last = along[-1]
    end = Leg(last.told, *last.told, clip=clip)
    first = [Leg(leg.told, leg.residual, 0.0, leg.sigma) for leg in along[:-1]]
    second = [Leg(leg.told, 0.0, leg.noise, leg.sigma) for leg in along[:-1]]
    return [*first, end, *second, end]


def run_legs(
    heads: Heads,
    x: Tensor,
    legs: Sequence[Leg],
    *,
    y: Tensor | None = None,
    draw: Draw | None = None,
    watch: Callable[[int, Tensor], None] | None = None,
) -> Tensor:
    """Carries the state x: (b, c, *space) along; heads(x, y, (A, B)) -> residual, noise.

    Draws are numbered as in `run_plan`. Raises InputError if noise is needed and there is none.
    """
    for number, leg in enumerate(legs):
        residual, noise = heads(x, y, leg.told)
        x = x - leg.residual * residual - leg.noise * noise
        if leg.sigma and draw is None:
            raise InputError("this path draws noise; pass draw, or choose eta = 0")
        if leg.sigma and draw is not None:
            x = x + leg.sigma * draw(number + 1).to(x)
        if leg.clip is not None:
            x = x.clamp(-leg.clip, leg.clip)
        if watch is not None:
            watch(number, x)
    return x
