"""Time travel with a known region (RePaint, Lugmayr et al. 2022; LeFusion, Zhang et al. 2024).

Outside a mask the signal is known. At every visit of a time the known part is put in from its own
path, then one ancestral step goes down. Every `jump` steps the state is carried back up by the
forward chain, x <- (a'/a) z + sqrt(s'^2 - (a'/a)^2 s^2) xi, and down again, `times` - 1 times, so
that the new part and the known one come to agree. Published programs end with the network's own
estimate everywhere; here the known values are put back, unless `composite` is off.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

from undrift.common.errors import UsageError
from undrift.common.processes.process import Process
from undrift.common.solvers.ddim import ancestral
from undrift.common.solvers.known_pixels import Replacement
from undrift.common.solvers.plan import Node, Step, nodes


def visits(steps: int, jump: int = 10, times: int = 10) -> list[int]:
    """Indices steps - 1 .. 0 in the order of visits, and -1 at the end (RePaint, algorithm 1).

    From every multiple of `jump` below steps - jump the walk goes up again, `times` - 1 times.
    Raises UsageError unless all are positive.
    """
    if min(steps, jump, times) < 1:
        raise UsageError(f"steps {steps}, jump {jump}, times {times}: expected numbers from 1")
    left = dict.fromkeys(range(0, steps - jump, jump), times - 1)
    place, walk = steps, []
    while place > 0:
        place -= 1
        walk.append(place)
        if left.get(place, 0):
            left[place] -= 1
            walk.extend(range(place + 1, place + jump + 1))
            place += jump
    return [*walk, -1]


@dataclass(frozen=True)
class TimeTravel:
    """unknown: 1 where the signal is to be made, 0 where `known` holds; (b, c, *space) or less."""

    unknown: Tensor
    known: Tensor
    jump: int = 10
    times: int = 10
    composite: bool = True
    order: int = field(default=1, init=False)

    def plan(self, process: Process, times: Sequence[float]) -> list[Step]:
        grid = nodes(process, times)
        down = ancestral().plan(process, times)
        last = len(down) - 1
        steps: list[Step] = []
        for now, later in itertools.pairwise(visits(len(down), self.jump, self.times)):
            if later < now:
                steps += [self._put_back(grid[last - now]), down[last - now]]
            else:
                steps.append(_up(grid[last - now], grid[last - later]))
        if self.composite:
            steps.append(self._put_back(grid[-1]))
        return steps

    def _put_back(self, node: Node) -> Replacement:
        return Replacement(
            node.t, (1.0,), (), 0.0, node.s,
            unknown=self.unknown, known=self.known, share=node.a + node.b,
        )  # fmt: skip


def _up(old: Node, new: Node) -> Step:
    """From a cleaner time to a noisier one, no call."""
    keep = new.a / old.a
    sigma = math.sqrt(max(0.0, new.s**2 - (keep * old.s) ** 2))
    return Step(old.t, (keep,), (), new.b - keep * old.b, sigma)
