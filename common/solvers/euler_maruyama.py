"""Euler-Maruyama on the reverse SDE in t: the plainest solver, here as a yardstick.

    x1 = x0 - dt [f x + k y - (1 + eta^2)/2 g^2 score] + eta g sqrt(dt) xi,
    score = -(z - a D)/s^2,   f = a'/a,  k = b' - f b,  g^2 = -2 s^2 dlambda/dt

(Song et al. 2021, Eq. (6)); eta = 1 is IR-SDE's `reverse_sde`, eta = 0 its `reverse_ode`.
With `free` = eps the noise is a constant of its own, g^2 eta^2 = 2 eps at all times (the
interpolants' SDE, Albergo et al. 2023, Eq. (2.33), with dt for time from the data). A step from a
singular start is of first order in closed form.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from undrift.common.errors import InputError
from undrift.common.processes.process import Process, chain_noise, rates
from undrift.common.solvers.plan import Node, Step, first_order, nodes


@dataclass(frozen=True)
class EulerMaruyama:
    """eta: noise, 1 for the reverse SDE. denoise_last: end with the estimate of x0 itself.

    free: eps in place of eta (squared units of the data); 0 is the probability flow.
    chain: the noise of the process's own chain, g^2 = s^2 d/dt ln(s^2/phi^2), where phi is not a
    (IR-SDE's denoiser: its `reverse_sde`).
    temperature: scales the noise that is drawn, not the mean.
    """

    eta: float = 1.0
    denoise_last: bool = True
    free: float | None = None
    temperature: float = 1.0
    chain: bool = False
    order: int = field(default=1, init=False)

    def plan(self, process: Process, times: Sequence[float]) -> list[Step]:
        grid = nodes(process, times)
        t = torch.tensor(times, dtype=torch.float64)
        own = chain_noise(process, t) if self.chain else rates(process, t)[2]
        slopes = torch.stack([*rates(process, t), own]).T.tolist()
        steps = []
        for (old, new), slope in zip(itertools.pairwise(grid), slopes, strict=False):
            if math.isinf(old.lam) or (new.s <= 0 and self.denoise_last):
                fresh = new.s if (self.eta if self.free is None else self.free) else 0.0
                steps.append(first_order(old, new, new.s - fresh, self.temperature * fresh))
            else:
                steps.append(self._step(old, new, slope))
        return steps

    def _step(self, old: Node, new: Node, slope: Sequence[float]) -> Step:
        f, k, g2, own = slope
        dt = old.t - new.t
        noise = self.eta**2 * own if self.free is None else 2 * self.free
        if noise < -1e-9:
            raise InputError(
                f"signal to noise falls towards x0 at t = {old.t:.3g} on this path, so that it has "
                "no reverse SDE of its own; take DDIM, or give a noise by EulerMaruyama(free=...)"
            )
        noise = max(0.0, noise)
        pull = (g2 + noise) / 2 * dt / old.s**2
        A, B = 1 - f * dt - pull, pull * old.a
        C = -k * dt + pull * old.b
        return Step(old.t, (A,), (B,), C, self.temperature * math.sqrt(noise * dt))
