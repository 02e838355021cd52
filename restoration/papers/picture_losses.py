"""What papers on picture restoration train: process, integer times and loss, each as published.

    ResShift   |x0' - x0|^2                                      T = 15 or 4
    IR-SDE     |Euler step with eps' - most likely state|        T = 100: Eqs. (14) to (17)
    RDDM       |residual' - (y - x0)| + |eps' - eps|             T = 1000: Eq. (11), L1
    Resfusion  |resnoise' - (eps + k (y - x0))|^2                T' = 5 of 12: Eqs. (9), (10)

Each is a mean over pixels with weight 1 and times drawn uniformly among i/T, i = 1..T. IR-SDE has
pictures in [0, 1], the others in [-1, 1]. Outputs come from networks of (x, y, t).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from undrift.common.predictions import target, weights
from undrift.common.processes import RDDM, MeanReverting, Resfusion
from undrift.common.processes.mean_reverting import theta_table
from undrift.common.processes.process import Process, marginal, over
from undrift.common.processes.residual_shift import input_scale, published
from undrift.common.solvers import ancestral


@dataclass(frozen=True)
class Drawn:
    """Ends, time, noise and state of a batch; t: (b,) float64, the rest (b, 3, h, w)."""

    x0: Tensor
    y: Tensor
    t: Tensor
    noise: Tensor
    x: Tensor


Loss = Callable[[Process, Sequence[Tensor], Drawn], Tensor]


@dataclass(frozen=True)
class Lesson:
    """process, steps: t = i/steps. heads: names of the outputs. unit: pictures are in [0, 1]."""

    process: Process
    steps: int
    heads: tuple[str, ...]
    loss: Loss
    unit: bool = False

    def draw(self, x0: Tensor, y: Tensor, u: Tensor, noise: Tensor) -> Drawn:
        """A batch of pictures in [0, 1] in the paper's range, at times from u in [0, 1)."""
        if not self.unit:
            x0, y = 2 * x0 - 1, 2 * y - 1
        t = (torch.floor(u.double() * self.steps) + 1) / self.steps
        return Drawn(x0, y, t, noise, marginal(self.process, x0, y, t, noise).to(x0.dtype))

    def inputs(self, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        """What the network sees, (b, 6, h, w): the state as the paper scales it, beside y.

        IR-SDE's x - y is given in units of its noise, which a small network needs.
        """
        if isinstance(self.process, MeanReverting):
            x = (x - y) / self.process.level
        if self.heads == ("x0",):
            x = x / over(input_scale(self.process, t, "pixel").to(x.dtype), x)  # type: ignore[arg-type]
        return torch.cat([x, y], 1)


def of_x0(process: Process, outputs: Sequence[Tensor], drawn: Drawn) -> Tensor:
    """ResShift: the squared error of x0."""
    return ((outputs[0] - drawn.x0) ** 2).mean()


def of_state(process: Process, outputs: Sequence[Tensor], drawn: Drawn) -> Tensor:
    """IR-SDE: the absolute distance of a reverse Euler step from the most likely state.

    The step is x + q (x - y) - 2 level^2 q eps'/s with q = theta dt; that state is the mean of the
    previous one given x and x0.
    """
    process = cast(MeanReverting, process)
    x, y, s = drawn.x, drawn.y, process.s(drawn.t)
    q = -torch.log(process.last_multiplier(drawn.t))
    level = 2 * process.level**2
    euler = x + over(q, x) * (x - y) - over(level * q / s, x) * outputs[0]
    a, b, c = (over(value, x) for value in _previous(process, drawn.t))
    return (euler - (a * x + b * drawn.x0 + c * y)).abs().mean()


def of_both(process: Process, outputs: Sequence[Tensor], drawn: Drawn) -> Tensor:
    """RDDM: the absolute errors of residual and noise, added."""
    residual, noise = outputs
    return (residual - (drawn.y - drawn.x0)).abs().mean() + (noise - drawn.noise).abs().mean()


def of_resnoise(process: Process, outputs: Sequence[Tensor], drawn: Drawn) -> Tensor:
    """Resfusion: the squared error of the weighted residual and noise."""
    pqr = weights("resnoise", process, drawn.t)
    return ((outputs[0] - target(pqr, drawn.x0, drawn.y, drawn.noise)) ** 2).mean()


def resshift(steps: int = 15) -> Lesson:
    """kappa 2; the least noise is .04 with 15 steps (NeurIPS) and .2 with 4 (TPAMI)."""
    return Lesson(published(steps, 0.04 if steps == 15 else 0.2), steps, ("x0",), of_x0)


def ir_sde(level: float) -> Lesson:
    """level: deviation at the end, 10 for rain and blur, 30 for enlarging and filling (of 255)."""
    clock = theta_table("cosine", 100)
    return Lesson(MeanReverting(level / 255, 0.005, clock), 100, ("eps",), of_state, unit=True)


def rddm(sum_scale: float = 1.0) -> Lesson:
    """sum_scale: 1 for drops, .01 for low light."""
    return Lesson(RDDM(1000, sum_scale), 1000, ("residual", "eps"), of_both)


def resfusion() -> Lesson:
    """Twelve linear steps, of which five are left after the cut at a = 0."""
    process = Resfusion(12)
    return Lesson(process, process.calls, ("resnoise",), of_resnoise)


def _previous(process: Process, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Weights of x, x0 and y in the mean of the chain's previous state."""
    process = cast(MeanReverting, process)
    steps = len(process.clock) - 1
    before = ((t * steps).round() - 1) / steps
    found = []
    for now, then in zip(t.tolist(), before.tolist(), strict=True):
        [step] = ancestral().plan(process, [now, then])
        found.append((step.A[0], step.B[0], step.C))
    a, b, c = torch.tensor(found, dtype=t.dtype).to(t.device).unbind(1)
    return a, b, c
