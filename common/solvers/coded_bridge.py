"""The samplers of the published SB-VE speech models as they are coded (SGMSE, after NeMo).

They are DDIM and the ancestral step of the bridge, but with a guard of 1e-8 in every denominator
and under the root of sigma_bar. At the start sigma_bar is 1e-4 in place of 0, which leaves a wrong
multiple of y in the state (.67 for .63 after the first of five steps) and up to 1 % in the result.
There two numbers of 5000 cancel, so even the float32 of the program shows in the fourth digit: the
coefficients are computed in float32 here too. Published scores were made so; for anything else take
`DDIM`, which is exact.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from undrift.common.errors import UsageError
from undrift.common.processes.process import Process
from undrift.common.processes.schroedinger_bridge import SchroedingerBridge
from undrift.common.solvers.plan import Step

Pair = tuple[Tensor, Tensor]  # sigma and sigma_bar at a time, float32


@dataclass(frozen=True)
class CodedBridge:
    """stochastic: the SDE sampler; otherwise the ODE one. For `SchroedingerBridge` "ve" only."""

    stochastic: bool = False
    guard: float = 1e-8
    order: int = field(default=1, init=False)

    def plan(self, process: Process, times: Sequence[float]) -> list[Step]:
        """Raises UsageError for another process."""
        if not isinstance(process, SchroedingerBridge) or process.kind != "ve":
            raise UsageError(
                f"this sampler is for the Schroedinger bridge 've', got {process}; use ddim"
            )
        end = _sigma(process, 1.0)
        sigmas = [_sigma(process, t) for t in times]
        rows = [(sigma, torch.sqrt(end**2 - sigma**2 + self.guard)) for sigma in sigmas]
        steps = []
        for t, (old, new) in zip(times, itertools.pairwise(rows), strict=False):
            coded = self._sde(old, new) if self.stochastic else self._ode(old, new, end)
            state, estimate, degraded, sigma = (float(v) for v in coded)
            steps.append(Step(t, (state,), (estimate,), degraded, sigma))
        if self.stochastic:  # the last step draws nothing
            steps[-1] = Step(steps[-1].t, steps[-1].A, steps[-1].B, steps[-1].C)
        return steps

    def _ode(self, old: Pair, new: Pair, end: Tensor) -> Sequence[Tensor | float]:
        (s0, r0), (s1, r1), g = old, new, self.guard
        share = 1 / (end**2 + g)
        estimate = share * (r1**2 - r0 * s1 * r1 / (s0 + g))
        degraded = share * (s1**2 - s0 * s1 * r1 / (r0 + g))
        return s1 * r1 / (s0 * r0 + g), estimate, degraded, 0.0

    def _sde(self, old: Pair, new: Pair) -> Sequence[Tensor | float]:
        s0, s1 = old[0], new[0]
        kept = 1 - s1**2 / (s0**2 + self.guard)
        return s1**2 / (s0**2 + self.guard), kept, 0.0, s1 * torch.sqrt(kept)


def _sigma(process: SchroedingerBridge, t: float) -> Tensor:
    """The root of the variance of the reference diffusion, in float32."""
    k = torch.tensor(process.k, dtype=torch.float32)
    grown = k ** (2 * torch.tensor(t, dtype=torch.float32)) - 1
    return torch.sqrt((process.c * grown) / (2 * torch.log(k)))
