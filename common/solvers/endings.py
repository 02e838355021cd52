"""How a run ends, around any solver.

Where the last time of a grid is not 0, the published samplers of I2SB and of Foellmer processes
return the mean of the last step: what it would add is noise below the one of the data. The sampler
of consecutive bridges calls its network once more on the result.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from undrift.common.processes.process import Process
from undrift.common.solvers.plan import Solver, Step


@dataclass(frozen=True)
class QuietEnd:
    """Another solver's plan, with sigma = 0 in its last step."""

    solver: Solver

    @property
    def order(self) -> int:
        """The one of the solver inside."""
        return self.solver.order

    def plan(self, process: Process, times: Sequence[float]) -> list[Step]:
        steps = self.solver.plan(process, times)
        return [*steps[:-1], dataclasses.replace(steps[-1], sigma=0.0)]


@dataclass(frozen=True)
class FinalCall:
    """Another solver's plan, and one more call at the last time, whose estimate is the result.

    At t = 0 the prediction must be x0: the state holds no noise that another could be read from.
    """

    solver: Solver

    @property
    def order(self) -> int:
        """The one of the solver inside."""
        return self.solver.order

    def plan(self, process: Process, times: Sequence[float]) -> list[Step]:
        return [*self.solver.plan(process, times), Step(float(times[-1]), (0.0,), (1.0,), 0.0)]
