"""The default solver: second order, with the estimate taken as linear in cos(psi).

For Gaussian data of spread sigma the probability flow has, with psi = atan2(s, a sigma),

    E[x0 | x_t] = mean + sigma cos(psi) xi,     xi fixed along the flow,

so a step with D on a line in cos(psi) through two estimates is exact, however long; only the first
step, which has one estimate, is not. cos(psi) runs from 0 at pure noise to 1 at the clean end: a
start without signal counts, and the last step goes on to the end of the line instead of stopping
at the last estimate. Real data are narrow about several answers, which a sigma below their spread
serves better: `SHARE` of it, fitted together with the nodes of `grids.warped` to random mixtures
(docs/few_steps.md). eta = 1 is the same for the reverse SDE, whose samples of one given state
follow the posterior.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch

from undrift.common.processes.process import Process
from undrift.common.solvers.ddim import DDIM
from undrift.common.solvers.exponential import Exponential
from undrift.common.solvers.plan import Step

SHARE = 0.75


@dataclass(frozen=True)
class Auto:
    """eta: noise rate, exponential convention. sigma_d: spread of x0 about the centre."""

    eta: float = 0.0
    sigma_d: float = 0.3
    order: int = field(default=2, init=False)

    def plan(self, process: Process, times: Sequence[float]) -> list[Step]:
        if process.is_cold:
            return DDIM().plan(process, times)  # no noise, no angle: the straight line
        return Exponential(
            2, self.eta, rule="taylor", lower_final=False, extrapolate=True,
            variable="cosine", sigma_d=SHARE * self.sigma_d,
        ).plan(process, times)  # fmt: skip


def settled(steps: Sequence[Step], process: Process, with_y: bool = True) -> list[Step]:
    """The plan for a state drawn by `process.start`: after one call the start is put right.

    A drawn start holds a(t) y where a(t) x0 belongs (nothing, without y), an error that no exact
    integration takes away: large for processes that end early, as OUVE does at a = .22. The first
    estimate D is the mean of x0 there, so the first step begins at x + a (D - y) instead; in the
    mean that is the true start. Steps that forget their state (one call) are unchanged.
    """
    first = steps[0]
    gain = first.A[0] * float(process.a(torch.tensor(first.t, dtype=torch.float64)))
    changed = replace(
        first,
        B=(first.B[0] + gain, *first.B[1:]),
        C=first.C - gain if with_y else first.C,
    )
    return [changed, *steps[1:]]
