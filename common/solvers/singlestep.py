"""Single-step exponential integrators 2S and 3S: stages between the nodes, no history.

Order 2 calls at both ends of the first half of a step, order 3 at 0, 1/3 and 2/3 of it in lambda
(DPM-Solver-2 and -3, Lu et al. 2022, algorithms 1 and 2; here the integrals of `polynomial`). They
forget at every step: for networks that jump, and as exact starts of multistep solvers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from undrift.common.errors import UsageError
from undrift.common.processes.process import Process
from undrift.common.solvers.plan import Step, nodes
from undrift.common.solvers.polynomial import Rule
from undrift.common.solvers.recorder import Recorder
from undrift.common.solvers.stages import end_step, shares, single_step, stages


@dataclass(frozen=True)
class SingleStep:
    """order: 2 or 3, the number of calls in a step. form: "data" or "noise".

    A step over a singular end takes one call. Raises UsageError for other values.
    """

    order: int = 2
    form: str = "data"

    def __post_init__(self) -> None:
        if self.order not in (2, 3):
            raise UsageError(f"order is {self.order}; expected 2 or 3")
        Rule(self.form)

    def plan(self, process: Process, times: Sequence[float]) -> list[Step]:
        grid = nodes(process, times)
        run = Recorder(grid[0])
        between = stages(process, grid, shares(self.order))
        for k, new in enumerate(grid[1:]):
            if between[k]:
                single_step(run, Rule(self.form), process, between[k], new)
            else:
                old = run.node
                end_step(run, *run.call(), old, new)
        return run.steps
