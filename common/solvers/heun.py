"""Heun's method in rho = s/a (EDM, Karras et al. 2022, algorithm 1), for any process.

With v = z/a the probability flow is dv/drho = eps, so

    v^ = v0 + (rho1 - rho0) eps0,     v1 = v0 + (rho1 - rho0)(eps0 + eps1)/2.

The correction is a second linear step that still knows the state before the prediction, so a step
costs two calls; the last step, to rho = 0, and a step from a singular start are of first order.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from undrift.common.processes.process import Process
from undrift.common.solvers.plan import Node, Step, first_order, nodes


@dataclass(frozen=True)
class Heun:
    """Deterministic; 2 n - 1 calls for n steps to a clean end."""

    order: int = field(default=2, init=False)

    def plan(self, process: Process, times: Sequence[float]) -> list[Step]:
        grid = nodes(process, times)
        steps = []
        for old, new in itertools.pairwise(grid):
            steps.append(first_order(old, new, new.s, 0.0))
            if new.s > 0 and math.isfinite(old.lam):
                steps.append(_correction(old, new))
        return steps


def _correction(old: Node, new: Node) -> Step:
    half = new.a * (new.s / new.a - old.s / old.a) / 2
    A = (half / new.s, new.a / old.a + half / old.s)  # the predicted state, the state before it
    B = (-half * new.a / new.s, -half * old.a / old.s)
    return Step(new.t, A, B, new.b - A[0] * new.b - A[1] * old.b)
