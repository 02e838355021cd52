"""The smoke runs of papers on posterior sampling: a known field, and one picture.

The field's posterior is a formula (`known_field`). The picture is synthetic, of a seed that nothing
was trained on, with a prior that ships; sampling begins where the noise is twice the range, which
every shipped denoiser was trained for, from the noised pseudo-inverse.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from undrift.common.metrics.fidelity import psnr
from undrift.common.noise import Noise
from undrift.common.operators.coarse import Average
from undrift.common.operators.diagonal import Mask
from undrift.common.operators.linear import LinearOperator
from undrift.common.posterior.dps_shift import DPSShift
from undrift.common.posterior.gdp import GDP
from undrift.common.posterior.priors import Prior, read_prior
from undrift.common.posterior.red_diff import RedDiff
from undrift.common.posterior.shifted import Shifted
from undrift.common.posterior.stsl import STSL
from undrift.common.processes.process import time_of_angle
from undrift.common.reproduce.paper import Measured, Task
from undrift.common.solvers import DDIM, ancestral
from undrift.restoration.papers import known_field

SAMPLES = 600
SIDE, SIGMA = 64, 0.025  # .05 of [-1, 1], the noise of the papers
TASKS = ("super-resolution x4", "half the pixels")
_TOP, _END = 2.0, 0.02  # noise-to-signal ratios of the picture's levels
_PRIORS = ("leaves-prior", "leaves-denoise")


def on_field(kind: type[Any], steps: int, **options: object) -> tuple[float, float]:
    """Distance to the exact posterior and ratio of deviations of a sampler with its own loop."""
    method = kind(
        known_field.denoise, known_field.PROCESS, known_field.OPERATOR, known_field.measurement(),
        known_field.NOISE, known_field.SPREAD, **options,
    )  # fmt: skip
    times, draw = known_field.whole_times(steps), known_field.draws(SAMPLES)
    if isinstance(method, Shifted):
        plan = ancestral().plan(known_field.PROCESS, [*times, 0.0])
        return known_field.distance(method.run(draw(0), plan, draw=draw))
    if isinstance(method, STSL):
        plan = DDIM().plan(known_field.PROCESS, [*times, 0.0])
        return known_field.distance(method.run(draw(0), plan))
    begin = known_field.OPERATOR.pinv(known_field.measurement())
    return known_field.distance(method.run(times, begin.expand(SAMPLES, -1, -1, -1), draw))


@dataclass(frozen=True)
class Pair:
    """A picture x0 and its measurement y with a prior; start: the pseudo-inverse."""

    task: str
    x0: Tensor
    operator: LinearOperator
    prior: Prior
    y: Tensor = field(init=False)

    def __post_init__(self) -> None:
        noise = Noise(0, self.task)((1, *self.operator.shape_out), device=self.x0.device)
        object.__setattr__(self, "y", self.operator(self.x0) + SIGMA * noise)

    @property
    def start(self) -> Tensor:
        """A^+ y, with the mean of what was measured where nothing was."""
        filled = self.operator.pinv(self.y)
        if isinstance(self.operator, Mask):
            seen = self.operator(torch.ones_like(self.x0))
            filled = filled + (1 - seen) * (self.y.sum() / seen.sum())
        return filled

    def scores(self, x: Tensor) -> tuple[float, float]:
        """PSNR above that of the start in dB, and chi: the residual in units of the noise."""
        gain = self._psnr(x) - self._psnr(self.start)
        left = self.y - self.operator(x)
        if isinstance(self.operator, Mask):
            left = left[self.operator(torch.ones_like(x)) > 0]
        return gain, math.sqrt(float((left**2).mean())) / SIGMA

    def _psnr(self, x: Tensor) -> float:
        return float(psnr(x[0].cpu().clamp(0, 1), self.x0[0].cpu(), data_range=1.0))


def pairs(folder: Path, device: str) -> list[Pair]:
    """The picture with each of the `TASKS`."""
    from undrift.restoration.leaves import make_bank

    picture = np.load(make_bank(1, SIDE, 2, folder)).transpose(0, 3, 1, 2) / np.float32(255)
    x0 = torch.from_numpy(picture).float().to(device)
    shape = (3, SIDE, SIDE)
    keep = Noise(1, "mask")((1, 1, SIDE, SIDE)) > 0
    prior = shipped_prior(device).for_signals(shape)
    operators = (Average(shape, 4), Mask(keep, shape))
    return [
        Pair(task, x0, operator.to(device), prior)
        for task, operator in zip(TASKS, operators, strict=True)
    ]


def shipped_prior(device: str) -> Prior:
    """The prior for known operators, or the denoiser where that is not shipped."""
    from undrift.common.model_cards import model_card_paths

    found = {name: path.with_suffix(".safetensors") for name, path in model_card_paths().items()}
    known = (name for name in _PRIORS if name in found and found[name].is_file())
    return read_prior(next(known), device)


def levels(prior: Prior, steps: int) -> list[float]:
    """Falling times at equal steps of the logarithm of s/a, from 2 to .02."""
    ratios = torch.logspace(math.log10(_TOP), math.log10(_END), steps, dtype=torch.float64)
    return time_of_angle(prior.process, torch.atan(ratios), 1.0).tolist()


def on_picture(pair: Pair, kind: type[Any], steps: int, **options: object) -> tuple[float, float]:
    """`Pair.scores` of a sampler."""
    prior, times = pair.prior, levels(pair.prior, steps)
    method = kind(
        prior.denoise, prior.process, pair.operator, pair.y, SIGMA, prior.sigma_d, **options
    )
    noise = Noise(0, f"smoke {pair.task}")

    def draw(number: int) -> Tensor:
        return noise((1, 3, SIDE, SIDE), number, device=pair.x0.device)

    begin = pair.start
    if isinstance(method, RedDiff):
        return pair.scores(method.run(times, begin, draw))
    a, s = method.ends_at(times[0])
    if isinstance(method, STSL):
        plan = DDIM().plan(prior.process, [*times, 0.0])

        def directions(number: int, inner: int) -> Tensor:
            return draw(1 + number * method.inner + inner)[None]

        return pair.scores(method.run(a * begin + s * draw(0), plan, directions=directions))
    plan = ancestral().plan(prior.process, [*times, 0.0])
    return pair.scores(method.run(a * begin + s * draw(0), plan, draw=draw))


Fields = dict[str, tuple[int, dict[str, object]]]


def _measure(
    task: Task, kind: type[Any], fields: Fields, steps: int, options: Callable[[Pair], dict]
) -> Iterator[Measured]:
    for row, (count, chosen) in fields.items():
        task.say(f"{kind.__name__}: field, {row}")
        distance, ratio = on_field(kind, count, **chosen)
        yield Measured("smoke", row, "distance", distance)
        yield Measured("smoke", row, "deviation ratio", ratio)
    for pair in pairs(task.folder, task.device):
        task.say(f"{kind.__name__}: picture, {pair.task}")
        gain, chi = on_picture(pair, kind, steps, **options(pair))
        yield Measured("smoke", pair.task, "dB above A^+ y", gain)
        yield Measured("smoke", pair.task, "chi", chi)


def red_diff(task: Task) -> Iterator[Measured]:
    """The smoke table of RED-Diff; every number of the field with the code's own balance."""
    fields: Fields = {
        f"field, {n} steps": (n, {"rate": 0.1, "weight": 0.25, "official": True}) for n in (20, 100)
    }
    yield from _measure(task, RedDiff, fields, 100, lambda pair: {"rate": 0.02})


def _step_length(steps: int) -> float:
    """zeta = .3 of a thousand steps in [-1, 1], for so many in [0, 1]: half the same way."""
    return 0.3 / 2 * 1000 / steps


def dps(task: Task) -> Iterator[Measured]:
    """The smoke table of DPS."""
    fields: Fields = {
        "field, 20 steps, zeta .3": (20, {"weight": 0.3}),
        "field, 100 steps, zeta .3": (100, {"weight": 0.3}),
    }
    yield from _measure(task, DPSShift, fields, 100, lambda pair: {"weight": _step_length(100)})


def gdp(task: Task) -> Iterator[Measured]:
    """The smoke table of GDP."""
    fields: Fields = {
        f"field, {n} steps, weight .1": (n, {"weight": 0.1}) for n in (20, 100)
    }  # fmt: skip

    def options(pair: Pair) -> dict[str, object]:
        return {"weight": 1.0 if isinstance(pair.operator, Mask) else 8.0}

    yield from _measure(task, GDP, fields, 100, options)


def stsl(task: Task) -> Iterator[Measured]:
    """The smoke table of STSL."""
    fields: Fields = {"field, 50 steps of 5, zeta .3": (50, {"weight": 0.3, "bend": 0.0})}
    yield from _measure(task, STSL, fields, 50, lambda pair: {"weight": _step_length(250)})
