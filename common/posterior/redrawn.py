"""Steps that redraw a fixed share of the noise, however short the step is: DDNM's, DiffPIR's.

    x' = a' D + s' (sqrt(1 - share) eps_hat + sqrt(share) n),      eps_hat = (x - a D) / s

share = eta^2 of DDNM and DDRM (.85^2), zeta of DiffPIR (.1 to 1). With more steps more noise is
redrawn in all: DDIM's eta and `Exponential`'s redraw a share that shrinks with the step.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from undrift.common.errors import UsageError
from undrift.common.processes.process import Process
from undrift.common.solvers.plan import Step, first_order, nodes


@dataclass(frozen=True)
class Redrawn:
    """A solver of first order. share: in [0, 1]; UsageError otherwise."""

    share: float = 0.1
    order: int = field(default=1, init=False)

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise UsageError(f"share is {self.share:g}; expected the part of the noise, 0 to 1")

    def plan(self, process: Process, times: Sequence[float]) -> list[Step]:
        keep, draw = math.sqrt(1 - self.share), math.sqrt(self.share)
        pairs = itertools.pairwise(nodes(process, times))
        return [first_order(old, new, keep * new.s, draw * new.s) for old, new in pairs]
