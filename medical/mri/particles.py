"""Particles on their way from noise to images, which choose what is measured next; see `acquiring`.

One pass: the first-order sampler with noise of its own, of all particles at once. At the steps that
`Plan` says the particles' k-space is compared, columns are chosen, and the denoiser is conditioned
on them as well from there on.
"""

import math
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.grids import by_log_snr
from undrift.common.noise import Noise
from undrift.common.operators.linear import LinearOperator
from undrift.common.posterior.conditional import Conditional
from undrift.common.posterior.moment_matching import MomentMatching
from undrift.common.posterior.priors import Prior
from undrift.common.posterior.stationary import Stationary
from undrift.common.posterior.warm import Warm
from undrift.common.processes.process import start
from undrift.common.solvers import build_solver
from undrift.common.wishes import counted
from undrift.medical.mri.models import cartesian
from undrift.medical.mri.pieces import Piece
from undrift.medical.mri.scores import best_columns, find_score

WINDOW = (0.1, 0.7)  # shares of the steps between which lines are chosen
_LOW = 0.02  # s/a of the last call


@dataclass(frozen=True)
class Plan:
    """lines: measured in all, of which `initial` around the centre come first. score, sigma: of
    `scores`. particles, steps: of the sampling. window: shares of the steps in which lines are
    chosen. Raises UsageError for unknown scores and numbers that cannot be."""

    lines: int
    initial: int = 4
    score: str = "gmm_entropy"
    sigma: float | None = None
    particles: int = 16
    steps: int = 30
    window: tuple[float, float] = WINDOW

    def __post_init__(self) -> None:
        find_score(self.score)
        for name in ("lines", "initial", "steps"):
            counted(name, getattr(self, name))
        counted("particles", self.particles, 2)
        low, high = self.window
        if self.initial > self.lines or not 0 <= low < high <= 1:
            raise InputError(
                f"{self.initial} lines first, {self.lines} in all, window {self.window}: expected "
                "no more first than in all, and two rising shares of the steps"
            )

    def after_step(self) -> list[int]:
        """How many lines are chosen at each step: as even as it goes, within the window."""
        first = min(self.steps - 1, math.floor(self.window[0] * self.steps))
        last = max(first + 1, math.floor(self.window[1] * self.steps))
        share = (self.lines - self.initial) / (last - first)
        due = [round(share * (min(max(k - first + 1, 0), last - first))) for k in range(self.steps)]
        return [now - before for before, now in zip([0, *due], due, strict=False)]


@dataclass
class Session:
    """Particles of one piece on their way. y: all of its k-space, of which `measured` is used."""

    plan: Plan
    prior: Prior
    piece: Piece
    noise: Noise
    measured: Tensor  # bool (columns,)
    maps: Tensor | None
    order: list[int] = field(default_factory=list)
    calls: int = 0

    def run(self) -> Tensor:
        """Samples (particles, 2, h, w) at the end; `order` then has the columns as chosen."""
        prior, process = self.prior, self.prior.process
        times = by_log_snr(process, self.plan.steps, prior.sigma_d, low=_LOW / prior.sigma_d)
        steps = build_solver("sde-1", prior.sigma_d).plan(process, times)
        x = start(process, None, self._draw(0))
        choices = iter(self.plan.after_step())
        conditional = self._conditional()
        for number, step in enumerate(steps, 1):
            found = [x]
            if step.calls:
                found = [conditional(x, step.t).x0]
                self.calls += len(x)
                if count := next(choices, 0):
                    self._choose(found[0], count)
                    conditional = self._conditional()
            x = step.advance([x], found if step.calls else (), None, lambda n=number: self._draw(n))
        return x

    def _choose(self, x0: Tensor, count: int) -> None:
        everywhere = self.operator_of(torch.ones_like(self.measured))
        kspace = everywhere(x0)
        chosen = best_columns(kspace, self.measured, count, self.plan.score, self.plan.sigma)
        self.order += chosen
        self.measured = self.measured.clone()
        self.measured[chosen] = True

    def operator_of(self, columns: Tensor) -> LinearOperator:
        """The forward model of some columns, bool (columns,)."""
        return cartesian(self.maps, columns.double(), tuple(self.piece.y.shape[2:]))

    def _conditional(self) -> Conditional:
        operator, y = self.operator_of(self.measured), self.piece.y * self.measured
        parts = (self.prior.denoise, self.prior.process, operator, y, self.piece.sigma)
        if self.prior.spectrum is None:
            return MomentMatching(*parts, self.prior.sigma_d, warm=Warm())
        spectrum = self.prior.spectrum
        return Stationary(*parts, self.prior.sigma_d, warm=Warm(), spectrum=spectrum)

    def _draw(self, number: int) -> Tensor:
        shape = (1, *self.piece.operator.shape_in)
        dtype = self.piece.y.dtype.to_real()
        kinds = [replace(self.noise, sample=k) for k in range(self.plan.particles)]
        return torch.cat([noise(shape, number, dtype=dtype) for noise in kinds])
