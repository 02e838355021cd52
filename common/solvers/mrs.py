"""MRS, the sampler of mean reverting SDEs (Li et al. 2025) as published; a preset of `Exponential`.

On z = x - b y its updates are DPM-Solver++ (data) and DPM-Solver (noise), ODE or SDE with eta = 1,
with Taylor weights and a third order without the factor 2. Of its own are the time grids and the
orders: rising from 1; with fewer than ten steps falling again towards the last but one; full order
in the last. Its tables (`mrs_tables`) interpolate a, s and lambda separately; there, and only
there, the y-weight of sde-d is theirs, 1 - (a1/a0) e^{-2h} - a1 (1 - e^{-2h}).
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from undrift.common.errors import UsageError, nearest
from undrift.common.processes.process import Process
from undrift.common.solvers.exponential import Exponential
from undrift.common.solvers.mrs_tables import MRSTables
from undrift.common.solvers.plan import Node, Step, nodes

VARIANTS = tuple(
    f"{equation}-{form}-{order}"
    for equation, orders in (("ode", (1, 2, 3)), ("sde", (1, 2)))
    for form in "dn"
    for order in orders
)
_MANY = 10  # steps from which on all orders are full


@dataclass(frozen=True)
class MRS:
    """variant: "ode-d-1" to "ode-n-3", "sde-d-1" to "sde-n-2": equation, prediction, order.

    temperature scales the noise of the SDE. denoise_last: the last step returns the estimate even
    where the tables end with some noise. Raises UsageError for another variant.
    """

    variant: str = "sde-d-2"
    temperature: float = 1.0
    denoise_last: bool = False

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            known = ", ".join(VARIANTS)
            hint = nearest(self.variant, VARIANTS)
            raise UsageError(f"variant {self.variant!r} is not one of {known}{hint}")

    @property
    def order(self) -> int:
        """Order of convergence: at most 2, also of their third order."""
        return min(int(self.variant[-1]), 2)

    def plan(self, process: Process, times: Sequence[float]) -> list[Step]:
        grid = nodes(process, times)
        if isinstance(process, MRSTables):
            grid = [replace(node, lam=process.lam(node.t)) for node in grid]
        if self.denoise_last:
            grid[-1] = replace(grid[-1], a=1.0, b=0.0, s=0.0, lam=math.inf)
        equation, letter, order = self.variant.split("-")
        solver = Exponential(
            int(order),
            eta=1.0 if equation == "sde" else 0.0,
            form="data" if letter == "d" else "noise",
            rule="taylor",
            lower_final=False,
            published_third=True,
            orders=published_orders(int(order), len(grid) - 1),
            temperature=self.temperature,
        )
        steps = solver.over(process, grid)
        if isinstance(process, MRSTables) and self.variant.startswith("sde-d"):
            pairs = zip(steps, itertools.pairwise(grid), strict=True)
            return [_their_weight(step, *ends) for step, ends in pairs]
        return steps


def published_orders(order: int, count: int) -> tuple[int, ...]:
    """The order of each of `count` steps in their loop."""
    rising = [min(k + 1, order) for k in range(count)]
    if count < _MANY:
        rising = [
            min(full, count - 1 - k) if order - 1 <= k < count - 1 else full
            for k, full in enumerate(rising)
        ]
    return tuple(rising)


def _their_weight(step: Step, old: Node, new: Node) -> Step:
    if new.s <= 0:
        return step
    fade = math.exp(-2 * (new.lam - old.lam))
    return replace(step, C=1 - new.a / old.a * fade - new.a * (1 - fade))
