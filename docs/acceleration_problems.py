"""Degraded crops of photographs, ready to be restored by hand: for `docs/acceleration.py`.

The protocols are those of `undrift benchmark`; the crop keeps the middle 128 x 128 pixels. What
task functions hide (state, time, levels, noise) is spelt out, so that a denoiser can be wrapped.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from undrift.common.denoisers import Denoiser
from undrift.common.grids import build_grid, time_of_ratio
from undrift.common.noise import Noise
from undrift.common.processes.process import start
from undrift.common.solvers import Step, build_solver
from undrift.common.solvers.loop import Denoise, run_plan
from undrift.common.weights.model import load_model
from undrift.restoration.channels import GreyAsColour
from undrift.restoration.degrade import back_project, upscale
from undrift.restoration.metrics import score
from undrift.restoration.photos import centre_crop, load_photos
from undrift.restoration.protocols import conditions

SIDE = 128
SCALE = 4


@dataclass(frozen=True)
class Problem:
    """clean: (1, c, h, w); x: the start; given: what the degraded picture is, (1, c, h, w)."""

    name: str
    clean: Tensor
    given: Tensor
    denoiser: Denoiser
    steps: list[Step]
    x: Tensor
    y: Tensor | None
    level: Tensor | None
    planned: Callable[[int], list[Step]]
    sample: int = 0

    def again(self, sample: int) -> "Problem":
        """The same with other noise, also at the start where that is drawn around y."""
        other = replace(self, sample=sample)
        if self.y is None:
            return other
        return replace(other, x=start(self.denoiser.process, self.y, other.draw(0)))

    def with_calls(self, count: int) -> "Problem":
        """The same with another number of calls."""
        return replace(self, steps=self.planned(count))

    def draw(self, number: int) -> Tensor:
        """Noise of the sampler."""
        return Noise(0, self.name, self.sample)(tuple(self.x.shape), number)

    def run(self, denoise: Denoise) -> Tensor:
        """Samples with a denoiser in place of the plain one."""
        return run_plan(denoise, self.x, self.steps, y=self.y, level=self.level, draw=self.draw)

    def scores(self, x: Tensor) -> dict[str, float]:
        """psnr and ssim after what the task does to a result."""
        border = 0
        if self.y is not None:
            x, border = back_project(x, self.given, SCALE), SCALE
        found, clean = (np.clip(v[0].numpy(), 0, 1) for v in (x, self.clean))
        return score(found, clean, ("psnr", "ssim"), border)


def like(denoiser: Denoiser, channels: int) -> Denoiser:
    """The denoiser for pictures of so many channels."""
    if channels == 3:
        return denoiser
    return GreyAsColour(denoiser.network, denoiser.process, denoiser.prediction, denoiser.scaling)


def plan(model: Denoiser, solver: str, count: int, time: float) -> list[Step]:
    """The steps that a task would take."""
    made = build_solver(solver)
    sigma_d = model.scaling.sigma_d
    return made.plan(
        model.process, build_grid("auto", model.process, count, sigma_d, time, made.order)
    )


def problems(card: str, task: str, solver: str, count: int, sigma: float = 25) -> Iterator[Problem]:
    """The crops of a data card with a plan of so many calls."""
    model = load_model({"denoise": "leaves-denoise", "sr": "leaves-sr"}[task]).denoiser
    [condition] = conditions(task, scale=SCALE, sigmas=(sigma,))
    time = 1.0
    if task == "denoise":
        time = time_of_ratio(model.process, sigma / 255, model.scaling.sigma_d)
    for name, photo in load_photos(card):
        clean = condition.clean(np.ascontiguousarray(centre_crop(photo, SIDE)))
        given = torch.from_numpy(condition.degrade(clean, seed=0, item=name))[None]
        y = level = None
        if task == "denoise":
            x = float(model.process.a(torch.tensor(time, dtype=torch.float64))) * given
        else:
            y, level = upscale(given, SCALE), torch.ones(1, 1)
            x = start(model.process, y, Noise(0, name)(tuple(y.shape)))
        denoiser = like(model, len(clean))
        steps = plan(model, solver, count, time)
        made = partial(plan, model, solver, time=time)
        yield Problem(
            name, torch.from_numpy(clean)[None], given, denoiser, steps, x, y, level, made
        )
