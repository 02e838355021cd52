"""PNDM, PLMS, iPNDM and GHVB: fixed Adams-Bashforth mixes of past noises.

    z1 = (a1/a0) z0 + a1 (rho1 - rho0) e,   e = (55 e0 - 59 e1 + 37 e2 - 9 e3)/24  (order 4)

(Liu et al. 2022, Eqs. (11) and (12)). The mixes are those of equal steps in rho = s/a, which grids
hardly ever have: elsewhere every one of them is of order 2. Momentum (GHVB, Wizadwongsa et al.
2023, Eq. (13)) replaces e_k by a velocity v_k = (1 - beta) v_{k-1} + beta e_k and bends the mix so
that the order stays; the velocity is linear in all past noises and is cut where it is negligible.
The start: lower orders (iPNDM), a doubled first step (PLMS), three Runge-Kutta steps (PNDM).
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from undrift.common.errors import UsageError
from undrift.common.processes.process import Process, time_of_angle
from undrift.common.solvers.plan import Node, Step, nodes
from undrift.common.solvers.recorder import Line, Recorder, noise_of
from undrift.common.solvers.stages import end_step

_STARTS = ("low", "double", "runge-kutta")


@dataclass(frozen=True)
class Adams:
    """steps: 1 to 4, past noises in the mix. start: "low", "double" or "runge-kutta".

    beta in (0, 1]: momentum; 1 is none. GHVB of order r has steps = ceil(r), beta = r - steps + 1.
    lower_final: a last step to a clean end returns the estimate instead of going on with the mix.
    middle: where the stages of Runge-Kutta lie, halfway in "rho" or in "t" (as published).
    Raises UsageError for other values.
    """

    steps: int = 4
    start: str = "low"
    beta: float = 1.0
    lower_final: bool = True
    middle: str = "rho"
    order: int = field(default=2, init=False)

    def __post_init__(self) -> None:
        if self.steps not in (1, 2, 3, 4) or not 0 < self.beta <= 1:
            raise UsageError(f"steps {self.steps}, beta {self.beta}; expected 1 to 4, in (0, 1]")
        if self.start not in _STARTS or self.middle not in ("rho", "t"):
            raise UsageError(
                f"start {self.start!r}, middle {self.middle!r}; expected {'|'.join(_STARTS)}, rho|t"
            )
        object.__setattr__(self, "order", min(self.steps, 2))

    def plan(self, process: Process, times: Sequence[float]) -> list[Step]:
        grid = nodes(process, times)
        run = Recorder(grid[0])
        past: list[Line] = []  # velocities, newest first
        for k, (old, new) in enumerate(itertools.pairwise(grid)):
            state, value = run.call()
            if old.s > 0:
                noise = noise_of(state, value, old)
                if past and self.beta < 1:
                    noise = (1 - self.beta) * past[0] + self.beta * noise
                past = [noise, *past][: self.steps]
            if old.a <= 0 or old.s <= 0 or (new.s <= 0 and self.lower_final):
                end_step(run, state, value, old, new)
            elif k == 0 and self.start == "double":
                _double(run, state, past[0], new)
            elif k < 3 and self.start == "runge-kutta" and new.s > 0:
                _runge_kutta(run, state, past[0], new, _middle(process, old, new, self.middle))
            else:
                run.move(_over(state, _mixed(past, self.beta), old, new), new)
        return run.steps


def _over(state: Line, noise: Line, old: Node, new: Node) -> Line:
    """The step with a frozen noise."""
    keep = new.a / old.a
    return keep * state + (new.s - keep * old.s) * noise


def _mixed(past: Sequence[Line], beta: float) -> Line:
    """Adams-Bashforth of equal steps, bent by the momentum."""
    b = beta
    table = {
        1: (b,),
        2: ((2 + b) / 2, -(2 - b) / 2),
        3: ((18 + 5 * b) / 12, (-24 + 8 * b) / 12, (6 - b) / 12),
        4: ((46 + 9 * b) / 24, (-78 + 19 * b) / 24, (42 - 5 * b) / 24, (-10 + b) / 24),
    }[len(past)]
    line = Line()
    for weight, noise in zip(table, past, strict=True):
        line += noise * (weight / b)
    return line


def _double(run: Recorder, state: Line, noise: Line, new: Node) -> None:
    """Improved Euler: to the new node, and again with the mean of both noises."""
    old = run.node
    run.move(_over(state, noise, old, new), new)
    if new.s > 0:
        second = noise_of(*run.call(), new)
        run.move(_over(state, 0.5 * (noise + second), old, new), new)


def _runge_kutta(run: Recorder, state: Line, noise: Line, new: Node, middle: Node) -> None:
    """Classical Runge-Kutta of order 4 in rho, two of its calls at the middle node."""
    old, total = run.node, noise * (1 / 6)
    for node, weight in ((middle, 1 / 3), (middle, 1 / 3), (new, 1 / 6)):
        run.move(_over(state, noise, old, node), node)
        noise = noise_of(*run.call(), node)
        total += noise * weight
    run.move(_over(state, total, old, new), new)


def _middle(process: Process, old: Node, new: Node, kind: str) -> Node:
    time = (old.t + new.t) / 2
    if kind == "rho":
        psi = math.atan((old.s / old.a + new.s / new.a) / 2)
        time = float(time_of_angle(process, torch.tensor(psi, dtype=torch.float64), 1.0))
    return nodes(process, [time, new.t])[0]


def plms(steps: int = 4) -> Adams:
    """PLMS as Stable Diffusion has it: lower orders after a doubled first step."""
    return Adams(steps, start="double")


def pndm(middle: str = "rho") -> Adams:
    """PNDM (F-PNDM in the paper): three Runge-Kutta steps, then order 4."""
    return Adams(4, start="runge-kutta", middle=middle)


def ipndm(steps: int = 4) -> Adams:
    """iPNDM (Zhang and Chen 2023, appendix): lower orders at the start, no extra calls."""
    return Adams(steps)


def ghvb(order: float = 1.8) -> Adams:
    """Generalised heavy ball of real order in (0, 4]."""
    steps = math.ceil(order)
    return Adams(steps, beta=order - steps + 1)
