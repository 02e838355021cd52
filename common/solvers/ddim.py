"""First order: DDIM and ancestral sampling, for any process.

The estimate of x0 is frozen over the step and the noise partly redrawn (Song, Meng and Ermon 2021,
Eq. (12), for general paths):

    sigma^2 = eta^2 s1^2 (1 - (c s1/s0)^2),  c = phi0/phi1,   keep = sqrt(s1^2 - sigma^2)

eta = 0 is the exact probability flow of a frozen x0; eta = 1 is the exact posterior of the
process's own Markov chain: the samplers of ResShift, BBDM, IR-SDE ("posterior") and DDPM.
`Exponential` has another eta, the constant noise rate of an SDE; they agree at 0, and at 1 where
phi = a. `temperature` multiplies sigma without touching the mean (BBDM's "eta").
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from undrift.common.processes.process import Process
from undrift.common.solvers.plan import Step, first_order, nodes


@dataclass(frozen=True)
class DDIM:
    """eta in [0, 1]: share of redrawn noise, DDIM's convention.

    quiet: a start without noise (a bridge pinned to y) gets none on the first step either, so that
    the states of eta = 0 lie between x0 and y: the flow of Jukic et al. 2024.
    """

    eta: float = 0.0
    temperature: float = 1.0
    quiet: bool = False
    order: int = field(default=1, init=False)

    def plan(self, process: Process, times: Sequence[float]) -> list[Step]:
        grid = nodes(process, times)
        steps = []
        for old, new in itertools.pairwise(grid):
            share = 0.0
            if old.s > 0 and new.phi > 0:
                share = max(0.0, 1 - (old.phi / new.phi * new.s / old.s) ** 2)
            sigma = self.eta * new.s * math.sqrt(share)
            keep = math.sqrt(max(0.0, new.s**2 - sigma**2))
            if self.quiet and old.s == 0:
                steps.append(replace(first_order(old, new, 0.0, 0.0), sigma=0.0))
            else:
                steps.append(first_order(old, new, keep, self.temperature * sigma))
        return steps


def ancestral(temperature: float = 1.0) -> DDIM:
    """The posterior sampler of the process's own chain: DDIM with eta = 1."""
    return DDIM(1.0, temperature)
