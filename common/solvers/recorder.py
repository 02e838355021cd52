"""Writes a solver down as formulas: lines in past states and estimates become the steps of a plan.

A solver calls at a node and gets two symbols, the centred state z and the estimate D there. What it
computes from them, with all symbols of earlier calls, is a `Line`: one weight for each. Moving to a
line is a `Step`; y comes back by centring, C = b1 - sum_j A_j b_j. So a corrector, a Runge-Kutta
stage or a velocity of momentum needs no code in the sampling loop.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from undrift.common.solvers.plan import Node, Step

_NEGLIGIBLE = 1e-17  # of the largest weight


@dataclass(frozen=True)
class Line:
    """Weights of centred states and of estimates; keys count the calls."""

    states: Mapping[int, float] = field(default_factory=dict)
    values: Mapping[int, float] = field(default_factory=dict)

    def __add__(self, other: "Line") -> "Line":
        return Line(_sum(self.states, other.states), _sum(self.values, other.values))

    def __sub__(self, other: "Line") -> "Line":
        return self + other * -1.0

    def __mul__(self, factor: float) -> "Line":
        def scaled(weights: Mapping[int, float]) -> dict[int, float]:
            return {k: factor * w for k, w in weights.items()} if factor else {}

        return Line(scaled(self.states), scaled(self.values))

    __rmul__ = __mul__


def _sum(left: Mapping[int, float], right: Mapping[int, float]) -> dict[int, float]:
    total = dict(left)
    for key, weight in right.items():
        total[key] = total.get(key, 0.0) + weight
    return total


class Recorder:
    """Collects the steps of a plan; `node` is where the state now is."""

    def __init__(self, start: Node):
        self.node = start
        self.steps: list[Step] = []
        self._at: list[Node] = []

    def call(self) -> tuple[Line, Line]:
        """Calls the denoiser here; returns the centred state and its estimate."""
        self._at.append(self.node)
        key = len(self._at) - 1
        return Line(states={key: 1.0}), Line(values={key: 1.0})

    def move(self, line: Line, new: Node, sigma: float = 0.0) -> None:
        """Ends the step begun by the last call: z1 = line + sigma xi at the node `new`."""
        last = len(self._at) - 1
        A, B = (_newest_first(part, last) for part in (line.states, line.values))
        C = new.b - sum(w * self._at[last - j].b for j, w in enumerate(A))
        self.steps.append(Step(self._at[last].t, A or (0.0,), B or (0.0,), C, sigma))
        self.node = new

    def stir(self, new: Node, sigma: float) -> None:
        """Puts noise back without a call: z1 = (a1/a0) z + sigma xi."""
        A = new.a / self.node.a
        C = new.b - A * self.node.b
        self.steps.append(Step(self.node.t, (A,), (), C, sigma))
        self.node = new


def noise_of(state: Line, value: Line, node: Node) -> Line:
    """eps = (z - a D)/s at a node with s > 0."""
    return (state - node.a * value) * (1 / node.s)


def _newest_first(weights: Mapping[int, float], last: int) -> tuple[float, ...]:
    largest = max((abs(w) for w in weights.values()), default=0.0)
    kept = {k: w for k, w in weights.items() if abs(w) > _NEGLIGIBLE * largest}
    if not kept:
        return ()
    return tuple(kept.get(last - j, 0.0) for j in range(last - min(kept) + 1))
