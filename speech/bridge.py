"""Sampling of Schroedinger bridges with data prediction (Jukic et al. 2024), after NeMo and SGMSE.

    times   evenly from 1 to `least`, then that last one moved to 0: t_0 = 1 > ... > t_N = 0
    "ode"   x_s = a_s D + b_s y + (s_s/s_t)(x_t - a_t D - b_t y)              deterministic
    "sde"   x_s = q x_t + (1 - q) D + sqrt(v_s (1 - q)) z,  q = v_s/v_t       the bridge's own chain

with D the network's estimate of x0. The run begins at y itself, so the first step of "ode" has the
ratio 0: the exact bridge. SGMSE's program guards it by 1e-8 in every denominator, which changes
the result by up to 1 %; published scores hold that, and compat "sgmse" repeats it. It also asks the
network at the time a step goes to, with the state of the time it comes from ("current" in NeMo's
words, whose own default is "previous": the state's time).
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor

from undrift.common.asked_later import AskedLater
from undrift.common.errors import UsageError, nearest
from undrift.common.processes.process import Process
from undrift.common.processes.schroedinger_bridge import SchroedingerBridge
from undrift.common.solvers.coded_bridge import CodedBridge
from undrift.common.solvers.ddim import DDIM
from undrift.common.solvers.loop import Denoise, Draw, run_plan
from undrift.common.solvers.plan import Step

CHOICES = {
    "kind": ("ode", "sde"),
    "estimator_time": ("previous", "current"),
    "compat": ("", "sgmse"),
}


@dataclass(frozen=True)
class BridgeSampler:
    """kind: "ode" or "sde". least: the smallest time the network is asked at.

    estimator_time: "previous" asks at the state's time, "current" at the one a step goes to; the
    latter is for networks that give x0 itself. compat: "sgmse" takes the weights of its program, in
    two real channels, and ends at `least`. Raises UsageError for unknown names.
    """

    kind: Literal["ode", "sde"] = "ode"
    steps: int = 50
    least: float = 1e-4
    estimator_time: Literal["previous", "current"] = "previous"
    compat: Literal["", "sgmse"] = ""

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            given = getattr(self, name)
            if given not in known:
                names = ", ".join(repr(k) for k in known)
                raise UsageError(f"{name} {given!r} is not one of {names}{nearest(given, known)}")
        if self.steps < 1 or not 0 < self.least < 1:
            raise UsageError(
                f"steps {self.steps}, least {self.least:g}: expected one step or more and a least "
                "time between 0 and 1"
            )

    def asked(self) -> tuple[float, ...]:
        """steps + 1 times from 1 to `least`."""
        stride = (1 - self.least) / self.steps
        return (*(1 - k * stride for k in range(self.steps)), self.least)

    def times(self) -> tuple[float, ...]:
        """The times of the states; the last one is clean but for compat."""
        return self.asked() if self.compat else (*self.asked()[:-1], 0.0)

    def plan(self, process: Process) -> list[Step]:
        """The steps; raises UsageError for compat with another process than SB-VE."""
        if not self.compat:
            flow = self.kind == "ode"
            return DDIM(0.0 if flow else 1.0, quiet=flow).plan(process, self.times())
        if not isinstance(process, SchroedingerBridge):
            raise UsageError(f"compat 'sgmse' is for the Schroedinger bridge 've', got {process}")
        # Its guard means complex noise of total variance 1: twice the variance of a real channel.
        whole = replace(process, c=2 * process.c)
        steps = CodedBridge(self.kind == "sde").plan(whole, self.times())
        return [replace(step, sigma=step.sigma / math.sqrt(2)) for step in steps]

    def planned_calls(self, process: Process) -> int:
        """Network calls."""
        return self.steps

    def __call__(self, denoise: Denoise, process: Process, y: Tensor, draw: Draw) -> Tensor:
        """An estimate of x0, as y: (b, 2, bins, frames); see `ScoreSampler.__call__`."""
        if self.estimator_time == "current":
            denoise = AskedLater(denoise, self.asked())
        return run_plan(denoise, y, self.plan(process), y=y, draw=draw)


SB_VE = BridgeSampler()
SB_VE_PUBLISHED = BridgeSampler(estimator_time="current", compat="sgmse")
