"""What a network trained with diffusers expects: its process, its target, what it is told of t.

Our t in [0, 1] becomes the network's own time value by `timestep_type`:

    "index"  T t - 1           integer steps 0 .. T-1 of a discrete schedule, step i at t = (i+1)/T
    "time"   T t               flow matching, and processes of our own
    "edm"    ln(s/a) / 4       Karras et al. 2022, Table 1
    "sigma"  s / a             score networks of variance exploding processes

diffusers' v_prediction is v = a eps - s x0 (Salimans and Ho 2022); with a spread sigma_d of the
data it is minus our "balanced", and EDM's network output is plus it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from undrift.common.blending import blend
from undrift.common.diffusers_bridge.betas import read_discrete
from undrift.common.errors import InputError, nearest
from undrift.common.grids import time_of_ratio
from undrift.common.predictions import PREDICTIONS, to_x0, weights
from undrift.common.processes import Process, build_process

# diffusers' name -> (our prediction, its sign)
THEIRS = {
    "epsilon": ("eps", 1.0),
    "sample": ("x0", 1.0),
    "v_prediction": ("balanced", -1.0),
    "flow_prediction": ("velocity", 1.0),
}
Parts = tuple[float, float, float]  # weights of the network output, the state and y in x0
TIMESTEP_TYPES = ("index", "time", "edm", "sigma")


@dataclass(frozen=True)
class Schedule:
    """process, prediction and sign: the network gives sign times our target. steps: T.

    scaled: the network sees x / sqrt(a^2 sigma_d^2 + s^2). clip: bound of |x0|, or None.
    """

    process: Process
    prediction: str
    sign: float = 1.0
    sigma_d: float = 1.0
    steps: int = 1000
    timestep_type: str = "index"
    scaled: bool = False
    clip: float | None = None

    def at(self, t: float) -> tuple[float, float, float]:
        """a, b and s at t."""
        time = torch.tensor(t, dtype=torch.float64)
        return tuple(float(f(time)) for f in (self.process.a, self.process.b, self.process.s))  # type: ignore[return-value]

    def timestep(self, t: float) -> float:
        """What the network is told at t: a whole number of steps where t is one."""
        if self.timestep_type in ("index", "time"):
            place = self.steps * t - (self.timestep_type == "index")
            return round(place) if abs(place - round(place)) < 1e-6 else max(place, 0.0)
        a, _, s = self.at(t)
        return s / a if self.timestep_type == "sigma" else math.log(s / a) / 4

    def time(self, timestep: float) -> float:
        """The inverse of `timestep`; raises InputError outside the schedule."""
        if self.timestep_type in ("index", "time"):
            t = (timestep + (self.timestep_type == "index")) / self.steps
            if not -1e-6 <= t <= 1 + 1e-6:
                raise InputError(f"timestep {timestep:g} is outside 0 .. {self.timestep(1.0):g}")
            return min(max(t, 0.0), 1.0)
        return self.time_of_ratio(
            timestep if self.timestep_type == "sigma" else math.exp(4 * timestep)
        )

    def time_of_ratio(self, ratio: float) -> float:
        """The time at which s/a has this value; raises InputError beyond the noisy end."""
        a, _, s = self.at(1.0)
        if abs(ratio * a - s) < 1e-6 * s:  # the end itself, but for rounding
            return 1.0
        return time_of_ratio(self.process, ratio, self.sigma_d)

    def input_scale(self, t: float) -> float:
        """The factor between the state and what the network sees."""
        a, _, s = self.at(t)
        return 1 / math.hypot(a * self.sigma_d, s) if self.scaled else 1.0

    def to_clean(self, t: float) -> Parts:
        """The weights of the network output, the state and y in the estimate of x0."""
        time = torch.tensor(t, dtype=torch.float64)
        pqr = weights(self.prediction, self.process, time, self.sigma_d)
        abs_ = tuple(torch.tensor(v, dtype=torch.float64) for v in self.at(t))
        output, state, degraded = torch.eye(3, dtype=torch.float64)
        mixed = to_x0(pqr, abs_, output, state, degraded)  # type: ignore[arg-type]
        w, v, u = mixed.tolist()
        return self.sign * w, v, u

    def clean(self, parts: Parts, output: Tensor, x: Tensor, y: Tensor | None) -> Tensor:
        """x0 from the network output at the state x with the weights of `to_clean`, clipped."""
        of_output, of_state, of_y = parts
        x0 = blend(x, of_state, output, of_output, y, 0.0 if y is None else of_y)
        return x0 if self.clip is None else x0.clamp_(-self.clip, self.clip)


def build_schedule(settings: Mapping[str, Any]) -> Schedule:
    """A schedule from the configuration of an `UndriftScheduler`.

    Raises InputError for an unknown process, prediction or timestep type.
    """
    kind = settings["timestep_type"]
    if kind not in TIMESTEP_TYPES:
        raise InputError(f"timestep_type {kind!r} is not one of {', '.join(TIMESTEP_TYPES)}")
    name = settings["prediction_type"]
    if name not in THEIRS and name not in PREDICTIONS:
        known = [*THEIRS, *PREDICTIONS]
        raise InputError(
            f"prediction_type {name!r} is not one of {', '.join(known)}{nearest(name, known)}"
        )
    prediction, sign = THEIRS.get(name, (name, 1.0))
    return Schedule(
        _process(settings),
        prediction,
        sign,
        settings["sigma_d"],
        settings["num_train_timesteps"],
        kind,
        settings["scale_input"],
        settings["clip_sample_range"] if settings["clip_sample"] else None,
    )


def _process(settings: Mapping[str, Any]) -> Process:
    if settings["process"] is None:
        return read_discrete(settings)
    return build_process(settings["process"], settings["process_params"] or {})
