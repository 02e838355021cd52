"""UniPC (Zhao et al. 2023): a corrector of one order more, without extra calls, for any process.

The value at the predicted state enters a polynomial through old and new values alike (`polynomial`,
with the new node among the known ones), and the step before is done again with it:

    z_k <- z_k + sum_j (C_j - P_j) D_j + C_new D_k,    P_j the predictor's weights.

The same value then serves the next prediction. Their B(h) cancels wherever the order conditions are
solved; it remains in the two places where the authors fix a weight at one half, the predictor of
order 2 and the corrector of order 1: `variant` "bh1" (B = h) or "bh2" (B = e^h - 1).
`variant` "full" solves these too. There is no corrector after the last step.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from undrift.common.errors import UsageError
from undrift.common.processes.process import Process
from undrift.common.solvers.plan import Node, Step, nodes
from undrift.common.solvers.polynomial import Rule, weights
from undrift.common.solvers.recorder import Line, Recorder, noise_of
from undrift.common.solvers.stages import Known, end_step


@dataclass(frozen=True)
class UniPC:
    """steps: order 1 to 3 of the predictor. form: "data" or "noise". variant: full, bh1 or bh2.

    order: that of the whole; 2 for one, 3 for two and, because of the first step, also for three.
    lower_final: in runs of fewer than `few` steps lower the order in the last ones (diffusers does
    so in all runs). Raises UsageError for other values.
    """

    steps: int = 2
    form: str = "data"
    variant: str = "full"
    lower_final: bool = True
    few: int = 15

    def __post_init__(self) -> None:
        if self.steps not in (1, 2, 3) or self.variant not in ("full", "bh1", "bh2"):
            raise UsageError(
                f"steps {self.steps}, variant {self.variant!r}; expected 1, 2 or 3, full|bh1|bh2"
            )
        Rule(self.form)

    @property
    def order(self) -> int:
        """Order of convergence."""
        return min(self.steps + 1, 3)

    def plan(self, process: Process, times: Sequence[float]) -> list[Step]:
        grid = nodes(process, times)
        run, known = Recorder(grid[0]), Known()
        predicted: list[float] | None = None
        for k, new in enumerate(grid[1:]):
            old = grid[k]
            state, value = run.call()
            fine = value if self.form == "data" or old.s <= 0 else noise_of(state, value, old)
            if predicted is not None:
                state = self._corrected(process, state, (old, fine), known, grid[k - 1], predicted)
            known = [(old, fine), *known][: self.steps]
            known = known[: self._order(k, len(grid) - 1)]
            predicted = self._predict(run, process, state, value, known, new)
        return run.steps

    def _order(self, k: int, count: int) -> int:
        few = self.lower_final and count < self.few
        return min(self.steps, count - k) if few else self.steps

    def _predict(
        self, run: Recorder, process: Process, state: Line, value: Line, known: Known, new: Node
    ) -> list[float] | None:
        old, rule = run.node, Rule(self.form)
        if new.s <= 0 or not math.isfinite(old.lam):
            end_step(run, state, value, old, new)
            return None
        known = [(node, line) for node, line in known if rule.usable(node)]
        gains = self._weights(process, known, old, new, corrector=False)
        line = state * rule.keep(old, new)
        for gain, (_, fine) in zip(gains, known, strict=True):
            line += fine * gain
        run.move(line, new)
        return gains

    def _corrected(
        self, process: Process, state: Line, newest: tuple[Node, Line], known: Known, old: Node,
        predicted: list[float],
    ) -> Line:  # fmt: skip
        """The state after doing the last step again; `predicted`: the weights it was made with."""
        rule = Rule(self.form)
        past = [entry for entry in known if rule.usable(entry[0])]
        used = [newest, *past]
        gains = self._weights(process, used, old, newest[0], corrector=True)
        for gain, before, (_, fine) in zip(gains, [0.0, *predicted], used, strict=True):
            state += fine * (gain - before)
        return state

    def _weights(
        self, process: Process, known: Known, old: Node, new: Node, corrector: bool
    ) -> list[float]:
        def bend(moments: list[float]) -> list[float]:
            if self.variant == "full" or len(moments) != 2:
                return moments
            return [moments[0], self._scale(old, new) / 2]

        return weights(Rule(self.form), process, [node for node, _ in known], old, new, bend)

    def _scale(self, old: Node, new: Node) -> float:
        """a1 B(h), or -s1 B(h) in noise form; their data form has B of -h, with a minus."""
        h = new.lam - old.lam
        if self.form == "data":
            return new.a * (h if self.variant == "bh1" else -math.expm1(-h))
        return -new.s * (h if self.variant == "bh1" else math.expm1(h))
