"""Multistep exponential integrators: DPM-Solver++, its SDE form and DEIS, for any process.

The past values of D or eps are joined by a polynomial and integrated exactly (`polynomial`). In
lambda, with h = lambda1 - lambda0, H = (1 + eta) h, that is

    data:  z1 = (s1/s0) e^{-eta h} z0 + a1 (E0 D + E1 D' + E2 D'') + s1 sqrt(1 - e^{-2 eta h}) xi
    noise: z1 = (a1/a0) z0 - (1 + eta) s1 (N0 e + N1 e' + N2 e'') + s1 sqrt(eta (e^{2h} - 1)) xi

E0 = 1 - e^{-H}, E1 = 1 - E0/H, E2 = 1/2 - E1/H; N0 = e^h - 1, N1 = N0/h - 1, N2 = N1/h - 1/2
(Lu et al. 2022; k-diffusion's eta: a constant noise rate in lambda). The published third order
lacks a factor 2 in D'' and is of order 2; `published_third` keeps it so, for comparison.
A start of order 1 would spoil order 3 and 4: their first step is a single-step one, with the extra
calls that takes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from undrift.common.errors import UsageError
from undrift.common.processes.process import Process
from undrift.common.solvers.plan import Node, Step, nodes
from undrift.common.solvers.polynomial import Rule, weights
from undrift.common.solvers.recorder import Line, Recorder, noise_of
from undrift.common.solvers.stages import end_step, shares, single_step, stages

_FEW = 15  # with fewer steps than this the order is lowered towards the end
Known = list[tuple[Node, Line]]  # past values, newest first


@dataclass(frozen=True)
class Exponential:
    """order: 1 to 4. eta: noise rate, exponential convention. form: "data" or "noise".

    rule: "midpoint" or "taylor", how order 2 uses the slope in lambda. lower_final: in runs of
    fewer than 15 steps, lower the order in the last steps and start at order 1 without extra calls.
    orders: one order a step (the last one repeats), at most `order`, in place of lower_final.
    variable: of the polynomial, see `polynomial.VARIABLES`; all but t make the same of every
    process. extrapolate: let the last step, to a clean end, go to the end of the polynomial instead
    of returning the estimate; needs t, rho, angle or cosine. temperature: scales the noise.
    Raises UsageError for other values.
    """

    order: int = 2
    eta: float = 0.0
    form: str = "data"
    rule: str = "midpoint"
    lower_final: bool = True
    published_third: bool = False
    orders: tuple[int, ...] = ()
    variable: str = "lambda"
    extrapolate: bool = False
    temperature: float = 1.0
    sigma_d: float = 0.3

    def __post_init__(self) -> None:
        if self.order not in (1, 2, 3, 4) or any(not 1 <= k <= self.order for k in self.orders):
            raise UsageError(
                f"order is {self.order}, orders {self.orders}; expected 1, 2, 3 or 4, none above it"
            )
        if self.rule not in ("midpoint", "taylor"):
            raise UsageError(f"rule is {self.rule!r}; expected midpoint|taylor")
        if self.extrapolate and self.variable in ("lambda", "w"):
            raise UsageError(f"variable {self.variable!r} is infinite at a clean end: no end there")
        self._integral()

    def plan(self, process: Process, times: Sequence[float]) -> list[Step]:
        return self.over(process, nodes(process, times))

    def over(self, process: Process, grid: Sequence[Node]) -> list[Step]:
        """The plan on given nodes."""
        run, known = Recorder(grid[0]), Known()
        extra = self._starts(grid)
        for k, new in enumerate(grid[1:]):
            old = grid[k]
            if k == 0 and extra:
                between = stages(process, grid[:2], shares(self.order - 1))[0]
                known = single_step(run, self._integral(), process, between, new)
                continue
            state, value = run.call()
            known.insert(0, (old, value if self.form == "data" or old.s <= 0 else
                             noise_of(state, value, old)))  # fmt: skip
            self._advance(run, process, state, value, known[: self._order(k, grid)], new)
            del known[self.order :]
        return run.steps

    def _integral(self) -> Rule:
        return Rule(self.form, self.variable, self.eta, self.sigma_d)

    def _starts(self, grid: Sequence[Node]) -> bool:
        """Whether the first step takes extra calls for the sake of the order."""
        few = self.lower_final and len(grid) - 1 < _FEW
        wanted = self.order > 2 and not (few or self.orders or self.eta or self.published_third)
        return wanted and math.isfinite(grid[1].lam - grid[0].lam)

    def _order(self, k: int, grid: Sequence[Node]) -> int:
        if self.orders:
            return self.orders[min(k, len(self.orders) - 1)]
        left = len(grid) - 1 - k
        return min(self.order, left) if self.lower_final and len(grid) - 1 < _FEW else self.order

    def _advance(
        self, run: Recorder, process: Process, state: Line, value: Line, known: Known, new: Node
    ) -> None:
        old, rule = run.node, self._integral()
        known = [(node, line) for node, line in known if rule.usable(node)]
        to_end = new.s <= 0 and not (self.extrapolate and known)
        if to_end or not math.isfinite(old.lam):
            end_step(run, state, value, old, new, fresh=self.eta > 0, scale=self.temperature)
            return
        found = weights(rule, process, [node for node, _ in known], old, new, self._bend)
        line = state * rule.keep(old, new)
        for gain, (_, known_value) in zip(found, known, strict=True):
            line += known_value * gain
        run.move(line, new, self.temperature * rule.sigma(old, new) if new.s > 0 else 0.0)

    def _bend(self, moments: list[float]) -> list[float]:
        """Published rules as changes of the moments."""
        if self.variable == "lambda" and len(moments) == 2 and self.rule == "midpoint":
            return [moments[0], moments[0] / 2]
        if self.variable == "lambda" and len(moments) == 3 and self.published_third:
            return [*moments[:2], moments[2] / 2]
        return moments
