"""The plan of a solver as a list of network calls, with all that a scheduler says of each."""

import math
from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from undrift.common.diffusers_bridge.schedule import Schedule
from undrift.common.errors import UsageError
from undrift.common.solvers import Solver


class Calls:
    """nodes: times of the grid. Raises UsageError if the plan begins with a step without a call."""

    def __init__(self, schedule: Schedule, solver: Solver, nodes: Sequence[float]):
        self.schedule, self.solver, self.nodes = schedule, solver, tuple(nodes)
        self.steps = solver.plan(schedule.process, nodes)
        if not self.steps[0].calls:
            raise UsageError("this solver moves the state before its first call; take another here")
        self.times = [step.t for step in self.steps if step.calls]
        self.parts = [schedule.to_clean(t) for t in self.times]
        self.scales = [schedule.input_scale(t) for t in self.times]

    @cached_property
    def timesteps(self) -> Tensor:
        """What the network is told at each call: integers if all are whole numbers."""
        told = [self.schedule.timestep(t) for t in self.times]
        whole = all(float(value).is_integer() for value in told)
        return torch.tensor(told, dtype=torch.int64 if whole else torch.float32)

    @property
    def sigmas(self) -> Tensor:
        """s/a at each call (t for flow matching) and 0 at the end."""
        if self.schedule.timestep_type == "time":
            return torch.tensor([*self.times, 0.0])
        ends = [self.schedule.at(t) for t in self.times]
        return torch.tensor([*(s / a if a > 0 else math.inf for a, _, s in ends), 0.0])

    def find(self, timestep: float | Tensor | None) -> int:
        """The first call of that timestep; raises UsageError if there is none."""
        value = 0.0 if timestep is None else float(timestep)
        told = self.timesteps.tolist()
        for place, other in enumerate(told):
            if math.isclose(value, other, rel_tol=1e-6):
                return place
        raise UsageError(f"timestep {value:g} is none of this run's {told}")

    def rest(self, index: int) -> "Calls":
        """What is left from a call on, as a run of its own: the solver has no history there.

        Raises UsageError if the call is not at a node or the solver would call elsewhere then.
        """
        if not 0 <= index < len(self.times) or self.times[index] not in self.nodes:
            raise UsageError(f"a run of {len(self.times)} calls cannot begin at call {index}")
        place = self.nodes.index(self.times[index])
        left = Calls(self.schedule, self.solver, self.nodes[place:])
        if left.times != self.times[index:]:
            raise UsageError(f"{self.solver} cannot begin at call {index}; take multistep-2")
        return left
