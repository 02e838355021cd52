"""How samplers of each kind are run: what a plan, times and noise mean to them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.devices import autocast
from undrift.common.errors import UsageError, nearest
from undrift.common.grids import build_grid, by_log_snr
from undrift.common.noise import Noise
from undrift.common.operators.noise_models import Gaussian, normal
from undrift.common.posterior.conditional import Conditional
from undrift.common.posterior.daps import DAPS
from undrift.common.posterior.ddrm import DDRM
from undrift.common.posterior.half_quadratic import TOP, WEIGHT, HalfQuadratic
from undrift.common.posterior.half_quadratic import falling as falling_levels
from undrift.common.posterior.moved import Moved, read_moves
from undrift.common.posterior.problem import Problem
from undrift.common.posterior.red_diff import RedDiff
from undrift.common.posterior.redrawn import Redrawn
from undrift.common.posterior.scg import SCG
from undrift.common.posterior.shifted import Shifted
from undrift.common.posterior.split_gibbs import SplitGibbs, falling
from undrift.common.posterior.spread import estimated_spread
from undrift.common.posterior.stsl import STSL
from undrift.common.posterior.warm import Warm
from undrift.common.processes.process import start
from undrift.common.solvers import Step, build_solver
from undrift.common.solvers.auto import settled
from undrift.common.solvers.loop import Denoise, run_plan

LOW, LEAST = 0.02, 0.002  # s/a of the last call, at most and at least
SPREADS = ("prior", "measured")
BELOW = 0.4  # s/a of the last call over the noise: a jump to the mean from above it fits the noise


@dataclass
class Counted:
    """Wraps a denoiser; forward and backward: calls of the network for one item, so far.

    device, dtype: the network computes in dtype, and nothing else does.
    """

    denoise: Denoise
    device: str = "cpu"
    dtype: torch.dtype = torch.float32
    forward: int = field(default=0, init=False)
    backward: int = field(default=0, init=False)

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        self.forward += len(x)
        with autocast(self.device, self.dtype):
            found = self.denoise(x, t, y, level)
        if found.x0.requires_grad:
            found.x0.register_hook(self._pulled)
        return found

    def _pulled(self, gradient: Tensor) -> None:
        self.backward += len(gradient)


@dataclass(frozen=True)
class Run:
    """One sample: the problem with its counted prior, names of solver and grid, steps, noise.

    temperature: of the noise between the steps, for solvers that have one; 1 is the right spread.
    """

    problem: Problem
    counted: Counted
    solver: str
    grid: str
    steps: int
    noise: Noise
    options: Mapping[str, Any]
    temperature: float = 1.0

    def build(self, kind: type[Conditional], options: Mapping[str, Any]) -> Conditional:
        """The sampler with its options. Raises InputError for a problem that it cannot solve."""
        prior = self.problem.prior
        operator, measurement, sigma = self.problem.plain()
        if kind.latents:
            options = {**options, "latent": prior.latent}
        else:
            operator = self.problem.behind(operator)
        return kind(
            self.counted, prior.process, operator, measurement, sigma, prior.sigma_d,
            warm=Warm(), **options,
        )  # fmt: skip

    def draw(self, number: int) -> Tensor:
        """A normal like the state, by number."""
        like = torch.empty(
            self.problem.shape, dtype=self._real, device=self.problem.measurement.device
        )
        return normal(like, self.noise, number)

    def seen(self, number: int) -> Tensor:
        """A normal like the measurement, by number; independent of `draw`."""
        noise = Noise(self.noise.seed, f"{self.noise.item}\0measurement", self.noise.sample)
        return normal(self.problem.measurement, noise, number)

    @property
    def _real(self) -> torch.dtype:
        dtype = self.problem.measurement.dtype
        return dtype.to_real() if dtype.is_complex else dtype

    def times(self, order: int = 1) -> tuple[float, ...]:
        """The grid; that of log-snr ends below s/a = .02 and the noise: there is the estimate."""
        prior, noise = self.problem.prior, self.problem.noise
        if self.grid == "log-snr":
            last = LOW
            if isinstance(noise, Gaussian):
                last = min(LOW, max(LEAST, BELOW * float(torch.as_tensor(noise.sigma).min())))
            low = min(0.1, last / prior.sigma_d)
            return by_log_snr(prior.process, self.steps, prior.sigma_d, low=low)
        return build_grid(self.grid, prior.process, self.steps, prior.sigma_d, 1.0, order)

    def plan(self) -> list[Step]:
        """The steps of the solver on the grid."""
        prior = self.problem.prior
        cool = {} if self.temperature == 1 else {"temperature": self.temperature}
        solver = build_solver(self.solver, prior.sigma_d, cool)
        steps = solver.plan(prior.process, self.times(solver.order))
        if self.solver in ("auto", "auto-sde"):
            return settled(steps, prior.process, self.problem.degraded is not None)
        return steps

    def begin(self) -> Tensor:
        """The state at the start, drawn."""
        return start(self.problem.prior.process, self.problem.degraded, self.draw(0))

    @property
    def y(self) -> Tensor | None:
        """The degraded signal of a bridge."""
        return self.problem.degraded

    @property
    def level(self) -> Tensor | None:
        """What the network is told of the degradation."""
        return self.problem.level


def conditional(method: Conditional, run: Run) -> Tensor:
    """Any solver around a conditional denoiser."""
    return run_plan(method, run.begin(), run.plan(), draw=run.draw, y=run.y, level=run.level)


def spread_out(method: Conditional, run: Run, spread: str = "prior") -> Tensor:
    """The same; spread: "prior" or "measured", where the variance of the signals comes from."""
    if spread not in SPREADS:
        raise UsageError(
            f"spread {spread!r} is not one of {', '.join(SPREADS)}{nearest(spread, SPREADS)}"
        )
    if spread == "measured":
        centre = 0.5 if run.problem.prior.latent is None else 0.0
        found = estimated_spread(method.operator, method.measurement, method.sigma, centre)
        method = replace(method, sigma_d=found)
    return conditional(method, run)


def shifted(method: Shifted, run: Run) -> Tensor:
    """Steps of first order that are pushed."""
    return method.run(run.begin(), run.plan(), draw=run.draw, y=run.y, level=run.level)


def redrawn(method: Shifted, run: Run) -> Tensor:
    """The same with DDNM's own share of noise redrawn at every step, eta = .85."""
    plan = Redrawn(0.85**2).plan(method.process, run.times())
    return method.run(run.begin(), plan, draw=run.draw, y=run.y, level=run.level)


def spectral(method: DDRM, run: Run) -> Tensor:
    """Samplers in the coordinates of the decomposition, whose normals are turned signals."""
    operator = run.problem.operator.at(run.problem.measurement)
    svd = operator.svd()  # type: ignore[attr-defined] - `build` has refused non-linear ones

    def draw(number: int) -> Tensor:
        return svd.vh(run.draw(number))

    return method.run(run.times()[:-1], draw, run.problem.level)


def annealed(method: DAPS, run: Run) -> Tensor:
    """Levels drawn afresh from clean signals."""
    return method.run(run.times(), run.begin(), run.draw, seen=run.seen, y=run.y, level=run.level)


def in_turns(method: SplitGibbs, run: Run) -> Tensor:
    """Likelihood and prior in turns, over widths that fall from the process's noisy end to .02."""
    a, s = method.ends_at(1.0)
    top = min(10.0, 0.9 * s / a if a > 0 else 10.0)
    decay = (LOW / top) ** (1 / max(1, 0.8 * run.steps))
    widths = falling(run.steps, top, LOW, decay)
    return method.run(
        widths, torch.zeros_like(run.begin()), run.draw, seen=run.seen, y=run.y, level=run.level
    )


def descent(method: RedDiff, run: Run) -> Tensor:
    """Stochastic optimisation from the linear estimate."""
    return method.run(run.times()[:-1], _linear(method, run), run.draw, run.y, run.level)


def climbing(method: STSL, run: Run) -> Tensor:
    """Gradient steps on the state at each time; probes have draws of their own."""

    def directions(step: int, inner: int) -> Tensor:
        noise = Noise(run.noise.seed, f"{run.noise.item}\0probes", run.noise.sample)
        first = (step * method.inner + inner) * method.probes
        like = run.draw(0)
        return torch.stack([normal(like, noise, first + k) for k in range(method.probes)])

    return method.run(
        run.begin(), run.plan(), directions=directions, y=run.y, level=run.level, draw=run.draw
    )


def selected(method: SCG, run: Run) -> Tensor:
    """The best of several next states."""
    return method.run(run.begin(), run.plan(), run.draw, run.y, run.level)


def split(
    method: Conditional,
    run: Run,
    weight: float = WEIGHT,
    top: float = TOP,
    bottom: float | None = None,
    start: Tensor | None = None,
    stir: float = 0.0,
    iterations: int = 500,
    moves: str = "",
) -> Tensor:
    """Half-quadratic splitting over levels from `top` to `bottom`, by default that of the noise.

    start: like the signal, by default the linear estimate. moves: of `moved`, joined by +.
    """
    denoise, names = method.denoise, read_moves(moves)
    if names:
        cells = int(getattr(run.problem.prior.network, "multiple", 1))
        denoise = Moved(denoise, names, run.noise, cells)
    solver = HalfQuadratic(
        denoise, method.process, method.operator, method.sigma, method.sigma_d, weight,
        stir=stir, iterations=iterations,
    )  # fmt: skip
    last = max(LEAST, method.sigma) if bottom is None else bottom
    begin = _linear(method, run) if start is None else start.to(run.draw(0)).expand_as(run.draw(0))
    return solver(method.measurement, begin, falling_levels(run.steps, top, last), run.draw)


def _linear(method: Conditional, run: Run) -> Tensor:
    """The linear estimate of uncorrelated signals about 1/2, of latents about 0."""
    middle = torch.full_like(run.draw(0), 0.5 if run.problem.prior.latent is None else 0.0)
    operator, left = method.linearised(middle)
    return middle + operator.gain(left, method.sigma_d**2, max(method.sigma, 0.1) ** 2)
