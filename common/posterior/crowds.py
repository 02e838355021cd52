"""Samplers that carry many particles of one measurement at once; each sample is one of them."""

import torch
from torch import Tensor

from undrift.common.noise import Noise
from undrift.common.operators.noise_models import normal
from undrift.common.posterior.conditional import Conditional
from undrift.common.posterior.eki import kalman_inversion
from undrift.common.posterior.enkg import EnKG
from undrift.common.posterior.ensemble import ensemble_noise
from undrift.common.posterior.running import Run
from undrift.common.posterior.smc import TwistedSMC
from undrift.common.processes.process import start
from undrift.common.solvers.loop import run_plan

PARTS = (0.1, 0.2, 0.3, 0.4)  # of the likelihood, spent from the least to the most


def weighed(method: TwistedSMC, run: Run, particles: int) -> Tensor:
    """One of the particles, drawn by their weights."""
    crowd = _Crowd(run, particles)
    generator = torch.Generator().manual_seed(run.noise.key()[0])
    found = method.run(crowd.begin(), run.plan(), crowd.draw, generator, run.y, run.level)
    return found.resampled(generator)[:1]


def pushed(method: EnKG, run: Run, particles: int) -> Tensor:
    """One of the particles of ensemble Kalman guidance."""
    crowd = _Crowd(run, particles)
    return method.run(crowd.begin(), run.plan(), draw=crowd.draw, y=run.y, level=run.level)[:1]


def matched(method: Conditional, run: Run, particles: int) -> Tensor:
    """One of the particles of a conditional denoiser that needs many."""
    crowd = _Crowd(run, particles)
    return run_plan(
        method, crowd.begin(), run.plan(), draw=crowd.draw, y=run.y, level=run.level
    )[:1]  # fmt: skip


def inverted(method: Conditional, run: Run, particles: int) -> Tensor:
    """One of the draws of the prior that ensemble Kalman inversion moved onto the data."""
    crowd = _Crowd(run, particles)
    x = run_plan(
        method.denoise, crowd.begin(), run.plan(), draw=crowd.draw, y=run.y, level=run.level
    )

    def seen(number: int) -> Tensor:
        each = [_noise(run, f"{k}\0measurement") for k in range(particles)]
        return torch.cat([normal(method.measurement, one, number) for one in each])

    return kalman_inversion(x, method.operator, method.measurement, method.sigma, PARTS, seen)[:1]


class _Crowd:
    """Normals like the states of all particles."""

    def __init__(self, run: Run, count: int):
        self.run, self.count, self.like = run, count, run.draw(0)
        self.noise = _noise(run, "particles")

    def draw(self, number: int) -> Tensor:
        """(count, *shape) by number."""
        like = self.like
        return ensemble_noise(
            self.noise, self.count, like.shape[1:], number, like.dtype, like.device
        )

    def begin(self) -> Tensor:
        """The states at the start."""
        return start(self.run.problem.prior.process, self.run.y, self.draw(0))


def _noise(run: Run, name: str) -> Noise:
    return Noise(run.noise.seed, f"{run.noise.item}\0{name}", run.noise.sample)
