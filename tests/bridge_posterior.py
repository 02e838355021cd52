"""Bridges with a second measurement: y at the degraded end, m = A x0 + noise on top of it.

tests/reference/problems/gaussian_bridge.npz: 8 x 8 pixels, y a blurred and noisy signal, m means of
2 x 2 pixels. Given both the posterior is Gaussian and known; without m a bridge is at W2 = .69.
"""

from gaussian_posterior import SIZE, SPREAD, Law, arrays, law_of_plan, prior
from oracles import abs_at

from undrift.common.grids import Grid, by_log_snr
from undrift.common.operators.matrix import Matrix
from undrift.common.posterior.moment_matching import MomentMatching
from undrift.common.processes import BrownianBridge, MeanReverting, Process, ResidualShift
from undrift.common.solvers import Solver
from undrift.common.solvers.loop import Denoise

BRIDGES: dict[str, Process] = {
    "Brownian": BrownianBridge(),
    "mean reverting": MeanReverting(0.5),
    "residual shift": ResidualShift(),
}


def untold(process: Process) -> Denoise:
    """The prior given y."""
    p = arrays("gaussian_bridge")
    return prior(p["mean_given_yd"], p["cov_given_yd"], process)


def told(process: Process) -> MomentMatching:
    """Moment matching on the bridge, solved to the end."""
    p = arrays("gaussian_bridge")
    return MomentMatching(
        untold(process), process, Matrix(p["A"], (SIZE,)), p["y_obs"][None],
        float(p["sigma_obs"]), SPREAD, iterations=64, tol=1e-12,
    )  # fmt: skip


def grid(process: Process, calls: int) -> Grid:
    """Equal steps in ln(s/a) down to s/a = .01, then clean."""
    times = by_log_snr(process, calls, SPREAD, low=0.02)
    a, _, s = abs_at(process, times[-2])
    if s / a > 0.02:
        raise ValueError(f"the last level {s / a} is not small")
    return times


def found(name: str, denoise: Denoise, solver: Solver, calls: int) -> Law:
    """The law of a run."""
    process, y = BRIDGES[name], arrays("gaussian_bridge")["y_degraded"][None]
    return law_of_plan(denoise, solver.plan(process, grid(process, calls)), process, y)


def truth() -> Law:
    """The posterior given y and m."""
    p = arrays("gaussian_bridge")
    return p["post_mean"], p["post_cov"]
