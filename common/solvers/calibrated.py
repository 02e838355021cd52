"""The multistep solver of DPM-Solver-v3 (Zheng et al. 2023, Eq. (12)) on measured statistics.

With L, S the integrals of l and s, B that of e^{-S} b, all from lambda0 on, and g = e^{-S} f - B,
which changes slowly if the statistics fit,

    v1 = e^{-L1} v0 - sum_j W_j g_j - int e^{L - L1 + S} B dlambda,   W_j = int e^{L - L1 + S} l_j

with l_j the Lagrange polynomials in lambda. For l = 1, s = b = 0 these are the weights of
`polynomial` in data form. b adds a constant to the state, hence a step of its own.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from torch import Tensor

from undrift.common.errors import UsageError
from undrift.common.processes.process import Process
from undrift.common.solvers.plan import Node, Noise, Step, nodes
from undrift.common.solvers.polynomial import lagrange
from undrift.common.solvers.recorder import Line, Recorder
from undrift.common.solvers.stages import end_step
from undrift.common.solvers.statistics import Statistics, plain

_FEW = 15


@dataclass(frozen=True)
class OffsetStep(Step):
    """A step that adds a constant to every value."""

    offset: float = 0.0

    def advance(
        self, states: Sequence[Tensor], values: Sequence[Tensor], y: Tensor | None, noise: Noise
    ) -> Tensor:
        """The next state."""
        return super().advance(states, values, y, noise).add_(self.offset)


@dataclass(frozen=True)
class Empirical:
    """order: 1 to 3. statistics: measured by `statistics.measure`; the default is data prediction.

    lower_final: in runs of fewer than 15 steps lower the order in the last ones. Raises UsageError
    for another order. The third order starts at order 1 and so is of order 2 overall.
    """

    steps: int = 2
    statistics: Statistics = field(default_factory=plain)
    lower_final: bool = True

    def __post_init__(self) -> None:
        if self.steps not in (1, 2, 3):
            raise UsageError(f"steps is {self.steps}; expected 1, 2 or 3")

    @property
    def order(self) -> int:
        """Order of convergence."""
        return min(self.steps, 2)

    def plan(self, process: Process, times: Sequence[float]) -> list[Step]:
        grid = nodes(process, times)
        run = Recorder(grid[0])
        past: list[tuple[Node, Line]] = []  # f, newest first
        offsets = []
        for k, new in enumerate(grid[1:]):
            old = grid[k]
            state, value = run.call()
            regular = math.isfinite(old.lam)
            if regular:
                gain = float(self.statistics.at("l", old.lam))
                past = [(old, state * ((1 - gain) / old.a) - value), *past][: self.steps]
            if new.s <= 0 or not regular:
                end_step(run, state, value, old, new)
                offsets.append(0.0)
                continue
            left = len(grid) - 1 - k
            few = self.lower_final and len(grid) - 1 < _FEW
            used = past[: min(self.steps, left) if few else self.steps]
            offsets.append(self._advance(run, state, used, old, new))
        pairs = zip(run.steps, offsets, strict=True)
        return [OffsetStep(s.t, s.A, s.B, s.C, s.sigma, c) if c else replace(s) for s, c in pairs]

    def _advance(
        self, run: Recorder, state: Line, used: list[tuple[Node, Line]], old: Node, new: Node
    ) -> float:
        """Moves the state and returns the constant that is added to it."""
        weights, drifts, rest = self._integrals([node.lam for node, _ in used], old.lam, new.lam)
        table = self.statistics
        kept = math.exp(table.integral("l", old.lam) - table.integral("l", new.lam))
        line = state * (kept * new.a / old.a)
        offset = -rest
        for weight, drift, (node, f) in zip(weights, drifts, used, strict=True):
            change = table.integral("s", old.lam) - table.integral("s", node.lam)
            line += f * (-new.a * weight * math.exp(change))
            offset += weight * drift
        run.move(line, new)
        return new.a * offset

    def _integrals(
        self, places: list[float], low: float, high: float
    ) -> tuple[list[float], list[float], float]:
        """W_j, B at the places, and the integral of e^{L - L1 + S} B."""
        table = self.statistics
        lam, share = _panels(table, low, high)
        power = table.integral("l", lam) - table.integral("l", high)
        growth = np.exp(power + table.integral("s", lam) - table.integral("s", low)) * share
        x, known = (lam - low) / (high - low), [(p - low) / (high - low) for p in places]
        found = [
            float(growth @ np.polynomial.polynomial.polyval(x, row)) for row in lagrange(known)
        ]
        if not any(table.b):
            return found, [0.0] * len(places), 0.0
        drifts = _drifts(table, low, np.concatenate([lam, places]))
        return found, drifts[len(lam) :].tolist(), float(growth @ drifts[: len(lam)])


def _panels(table: Statistics, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre between the entries of the table, where everything is smooth."""
    inner = [p for p in table.lambdas if low < p < high]
    count = max(1, math.ceil((high - low) / 4)) if not inner else 1
    edges = np.unique(np.concatenate([np.linspace(low, high, count + 1), inner]))
    lam, share = _gauss(edges)
    return lam.ravel(), share.ravel()


def _gauss(edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights on each panel, (panels, 16)."""
    node, share = np.polynomial.legendre.leggauss(16)
    width = np.diff(edges)[:, None]
    return edges[:-1, None] + width * (node + 1) / 2, width * share / 2


def _drifts(table: Statistics, low: float, places: np.ndarray) -> np.ndarray:
    """B = int e^{-(S - S0)} b from `low` to each place, which may lie below it."""
    first, last = min(low, places.min()), max(low, places.max())
    inner = [p for p in table.lambdas if first < p < last]
    edges = np.unique(np.concatenate([[low], places, inner]))
    lam, share = _gauss(edges)
    rates = np.exp(table.integral("s", low) - table.integral("s", lam)) * table.at("b", lam)
    total = np.concatenate([[0.0], np.cumsum((rates * share).sum(1))])
    return total[np.searchsorted(edges, places)] - total[np.searchsorted(edges, low)]
