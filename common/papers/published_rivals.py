"""The samplers of the bridge papers on the exact problems, as their code runs them.

Each is this package's own implementation, checked against arrays of the official code by
tests/parity: the published grid, start and last step; not the published networks.
"""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import replace

from torch import Tensor

from undrift.common.grids import build_grid
from undrift.common.papers.diffusers_rivals import Run
from undrift.common.papers.exact_problems import Trial
from undrift.common.processes import (
    BrownianBridge,
    MeanReverting,
    Process,
    ResidualShift,
    brownian_bridge,
    i2sb,
    residual_shift,
)
from undrift.common.processes.i2sb import I2SB
from undrift.common.processes.mean_reverting import theta_table
from undrift.common.processes.process import start
from undrift.common.solvers import DDIM, MRS, EulerMaruyama, Exponential, Solver, ancestral
from undrift.common.solvers.auto import Auto, settled
from undrift.common.solvers.endings import QuietEnd
from undrift.common.solvers.loop import run_plan
from undrift.common.solvers.mrs import VARIANTS
from undrift.common.solvers.mrs_tables import TIMESTEPS, mrs_tables, mrs_timesteps

Rivals = Iterator[tuple[str, Run]]


def walked(
    process: Process, solver: Solver, times: Sequence[float], trial: Trial, *, quiet: bool = False
) -> Tensor:
    """Runs a plan from the drawn start of a process; quiet: from its mean, as BBDM and I2SB do."""
    noise = trial.draw(0)
    x = start(process, trial.y, 0 * noise if quiet else noise, times[0])
    steps = solver.plan(process, times)
    if isinstance(solver, Auto):
        steps = settled(steps, process)
    return run_plan(trial.denoiser(process), x, steps, y=trial.y, draw=trial.draw)


def on_grid(process: Process, solver: Solver, grid: str = "auto", *, quiet: bool = False) -> Run:
    """A solver on a named grid; told the spread of the problem if it asks for it."""

    def run(n: int, trial: Trial) -> Tensor:
        told = trial.problem.sigma_d
        used = replace(solver, sigma_d=told) if isinstance(solver, Auto) else solver
        times = build_grid(grid, process, n, told, order=used.order)
        return walked(process, used, times, trial, quiet=quiet)

    return run


def ours(process: Process) -> Rivals:
    """The default, and the one for several samples of one given state."""
    yield "ours", on_grid(process, Auto())
    yield "ours, with noise", on_grid(process, Auto(eta=1.0))


def mean_reverting(level: float = 50 / 255) -> Rivals:
    """IR-SDE's three samplers; at MRS's own level also all its variants on its time grids."""
    process = MeanReverting(level=level, clock=theta_table("cosine", 100))
    yield from ours(process)
    yield "IR-SDE reverse SDE", on_grid(process, EulerMaruyama(), "uniform")
    yield "IR-SDE reverse ODE", on_grid(process, EulerMaruyama(eta=0.0), "uniform")
    yield "IR-SDE posterior", on_grid(process, ancestral(), "uniform")
    for variant in VARIANTS if level == 50 / 255 else ():
        for kind in TIMESTEPS:
            if kind in ("linspace", "linear-lambda") or variant in ("sde-d-2", "ode-d-2"):
                yield f"MRS {variant}, {kind}", functools.partial(_mrs, level, variant, kind)


def _mrs(level: float, variant: str, kind: str, n: int, trial: Trial) -> Tensor:
    if kind == "leading" and n == 1:
        raise ValueError("its only step takes the state of t = 100 for one of t = 50")
    tables = mrs_tables(level)
    last = len(tables.alphas) - 1
    times = [step / last for step in mrs_timesteps(kind, tables, n)]
    x = start(tables, trial.y, trial.draw(0))
    steps = MRS(variant).plan(tables, times)
    return run_plan(trial.denoiser(tables), x, steps, y=trial.y, draw=trial.draw)


def residual_shifting() -> Rivals:
    """ResShift: its 15-step schedule respaced, and a schedule of its own for each step count."""
    process = residual_shift.published()
    yield from ours(process)
    yield "ResShift, 15 steps respaced", functools.partial(_respaced, process)
    yield "ResShift, own schedule", _own_schedule
    yield "ancestral, uniform t", on_grid(process, ancestral(), "uniform")
    yield "DDIM, uniform t", on_grid(process, DDIM(), "uniform")


def _respaced(process: ResidualShift, n: int, trial: Trial) -> Tensor:
    return walked(process, ancestral(), residual_shift.respaced(15, n), trial)


def _own_schedule(n: int, trial: Trial) -> Tensor:
    if n < 2:
        raise ValueError("its law needs two steps")
    process = residual_shift.published(n, 0.2 if n < 10 else 0.04)
    return walked(process, ancestral(), [1 - i / n for i in range(n + 1)], trial)


def bridges() -> Rivals:
    """BBDM with its own skipped grid (uniform where that has none) and its second schedule."""
    linear = brownian_bridge.published()
    yield from ours(linear)
    yield "BBDM", functools.partial(_bbdm, linear, 1.0)
    yield "BBDM, eta 0", functools.partial(_bbdm, linear, 0.0)
    yield (
        'BBDM, "sin" schedule',
        functools.partial(_bbdm, brownian_bridge.published(law="sin"), 1.0),
    )
    yield "DDIM, uniform t", on_grid(BrownianBridge(), DDIM(), "uniform")
    yield "ancestral, uniform t", on_grid(BrownianBridge(), ancestral(), "uniform")


def _bbdm(process: BrownianBridge, eta: float, n: int, trial: Trial) -> Tensor:
    if n < 3:
        times: Sequence[float] = [1 - i / n for i in range(n + 1)]
    else:
        times = brownian_bridge.skipped(n)
    return walked(process, DDIM(eta), times, trial, quiet=True)


def schroedinger_bridges() -> Rivals:
    """I2SB with its stochastic sampler and its `ot_ode`; both run from y itself."""
    process = I2SB()
    yield from ours(process)
    for label, used in (("sde", process), ("ot_ode", I2SB(cold=True))):
        yield f"I2SB {label}", functools.partial(_i2sb, used)
    yield "DDIM, uniform t", on_grid(process, DDIM(), "uniform")


def _i2sb(process: I2SB, n: int, trial: Trial) -> Tensor:
    return walked(process, QuietEnd(ancestral()), i2sb.times(n), trial, quiet=True)


def flow_matching(process: Process) -> Rivals:
    """Euler on the straight line, and second order on two plain grids."""
    yield from ours(process)
    yield "rectified flow: Euler, uniform t", on_grid(process, DDIM(), "uniform")
    yield "Euler, quadratic t", on_grid(process, DDIM(), "quadratic")
    yield "2M, uniform t", on_grid(process, Exponential(2), "uniform")
    yield "2M, quadratic t", on_grid(process, Exponential(2), "quadratic")
