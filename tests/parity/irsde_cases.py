"""IR-SDE: schedules, functions and whole runs, forward and back."""

import functools
from collections.abc import Callable, Iterator

import numpy as np
import torch
from parity.case import Case, load, states, tensor, worst
from torch import Tensor

from undrift.common.external import External
from undrift.common.predictions import target, weights
from undrift.common.processes import DenoisingSDE, MeanReverting
from undrift.common.processes.mean_reverting import theta_rates, theta_table
from undrift.common.processes.process import marginal, rates
from undrift.common.solvers import EulerMaruyama, Solver, ancestral
from undrift.common.solvers.mrs_tables import mrs_tables

IRSDE = "image-restoration-sde 2598d73"
MEAN_REVERTING = MeanReverting(50 / 255, 0.005, theta_table("cosine", 100))
IRSDE_RUNS = {
    "sde": EulerMaruyama(denoise_last=False),
    "ode": EulerMaruyama(0.0, denoise_last=False),
    "posterior": ancestral(),
}


def second_net(x: Tensor, y: Tensor | None, t: float) -> Tensor:
    """The stand-in of IR-SDE and its sampler; t = 1 is step 100."""
    y = torch.zeros_like(x) if y is None else y
    gap = x - y
    wave = 0.01 * np.sin(0.05 * 100 * t)
    return 5.1 * gap + 0.02 * torch.tanh(3 * gap) + wave + 0.005 * y


def _irsde_error(run: str) -> float:
    data = load("irsde_trajectories")
    # The authors subtract their noise in the reverse SDE and add it in the posterior.
    noise = tensor(data["reverse_noise"]) * (-1 if run == "sde" else 1)
    found, _ = states(
        External(second_net, MEAN_REVERTING, "eps"), MEAN_REVERTING, IRSDE_RUNS[run],
        [i / 100 for i in range(100, -1, -1)], tensor(data["xT"]), tensor(data["mu"]), noise,
    )  # fmt: skip
    kept = [found[101 - t][0] for t in (100, 91, 51, 11, 2, 1)]
    return worst(kept, data[f"{run}_states_after_t100_91_51_11_2_1"])


def _one_steps(solver: Solver, key: str, clean: bool) -> float:
    """Means of single steps t -> t - 1 from stored states."""
    data = load("irsde_functions")
    x0, mu = tensor(data["x0"]), tensor(data["mu"])
    denoise, found = External(second_net, MEAN_REVERTING, "eps"), []
    for x, t in zip(tensor(data["xt"]), data["ts"].tolist(), strict=True):
        (step,) = solver.plan(MEAN_REVERTING, [t / 100, (t - 1) / 100])
        estimate = x0 if clean else denoise(x[None], t / 100, mu, None).x0
        found.append((step.A[0] * x[None] + step.B[0] * estimate + step.C * mu)[0])
    return worst(found, data[key])


def _posterior_noise() -> float:
    plan = ancestral().plan(MEAN_REVERTING, [i / 100 for i in range(100, -1, -1)])[::-1]
    sigma = torch.tensor([step.sigma for step in plan], dtype=torch.float64)
    return worst(sigma, load("irsde_functions")["reverse_optimum_std"])


SCHEDULES = {
    f"{kind}_T{steps}_s{level}": (kind, steps, level / 255, 0.005)
    for kind in ("cosine", "linear", "constant")
    for steps, level in ((100, 10), (100, 50), (1000, 50))
} | {"denoisingsde_cosine_T100_s75": ("cosine", 100, 75 / 255, 0.04)}
UNREAD = {
    "irsde_functions": {"max_sigma": "a setting", "T": "a setting"},
    "irsde_schedules": {"*_max_sigma": "a setting"},
}


def _schedule(name: str) -> float:
    """Rates, their running sum, and the noise of both kinds."""
    data, (kind, steps, level, residue) = load("irsde_schedules"), SCHEDULES[name]
    clock = theta_table(kind, steps)
    denoising = name.startswith("denoising")
    process = (DenoisingSDE if denoising else MeanReverting)(level, residue, clock)
    times = torch.arange(steps + 1, dtype=torch.float64) / steps
    rates, dt = (
        torch.tensor(theta_rates(kind, steps), dtype=torch.float64),
        float(data[f"{name}_dt"]),
    )
    found = {
        "thetas": rates, "thetas_cumsum": process.theta(times) / dt,
        "sigmas": level * torch.sqrt(2 * rates), "sigma_bars": process.s(times),
    }  # fmt: skip
    sums = float(torch.tensor(theta_rates(kind, steps)[1:], dtype=torch.float64).sum())
    errors = [abs(-np.log(residue) / sums / dt - 1)]
    if denoising:
        best = data[f"{name}_t_opt_sigma_15_25_50"].tolist()
        ours = [process.time_of_noise(sigma / 255) * steps for sigma in (15, 25, 50)]  # type: ignore[union-attr]
        errors.append(float(np.abs(np.array(ours) - best).max()))
    return max(*errors, *(worst(value, data[f"{name}_{key}"]) for key, value in found.items()))


def _mrs_schedule() -> float:
    """The tables of the MRS code, whose running sum begins with theta_0."""
    data, name = load("irsde_schedules"), "MRS_cosine_T100_s50"
    tables, rates = mrs_tables(), torch.tensor(theta_rates(), dtype=torch.float64)
    times = torch.arange(101, dtype=torch.float64) / 100
    found = {
        "thetas": rates, "thetas_cumsum": rates.cumsum(0), "sigma_bars": tables.s(times),
        "sigmas": 50 / 255 * torch.sqrt(2 * rates),
    }  # fmt: skip
    dt = abs(-np.log(0.005) / float(rates.sum()) / float(data[f"{name}_dt"]) - 1)
    return max(dt, *(worst(value, data[f"{name}_{key}"]) for key, value in found.items()))


def _function(key: str) -> float:
    """One function of the authors' class at the stored states and steps."""
    data, process = load("irsde_functions"), MEAN_REVERTING
    x0, mu, x = (tensor(data[name]) for name in ("x0", "mu", "xt"))
    times = tensor(data["ts"]) / 100
    a, b, s = (f(times).reshape(-1, 1, 1, 1) for f in (process.a, process.b, process.s))
    f, k, g2 = (rate.reshape(-1, 1, 1, 1) / 100 for rate in rates(process, times))
    net = torch.cat([second_net(x[i : i + 1], mu, float(t)) for i, t in enumerate(times)])
    drift, real = f * x + k * mu, (x - a * x0 - b * mu) / s
    found: dict[str, Callable[[], Tensor]] = {
        "mu_bar": lambda: a * x0 + b * mu,
        "sigma_bar": lambda: process.s(times),
        "net_noise": lambda: net,
        "score": lambda: -net / s,
        "drift": lambda: drift,
        "sde_reverse_drift": lambda: drift + g2 * net / s,
        "ode_reverse_drift": lambda: drift + g2 / 2 * net / s,
        "init_state_from_noise": lambda: (x - b * mu - s * net) / a,
        "real_noise": lambda: real,
        "real_score": lambda: -real / s,
        "noise_minimising_ml_loss": lambda: target(
            weights("state-matching", process, times), x0.expand_as(real), mu, real
        ),
    }  # fmt: skip
    return worst(found[key](), data[key])


def _matching_loss() -> float:
    """Mean distance between the Euler mean of the network and the exact posterior mean."""
    data = load("irsde_functions")
    gap = tensor(data["reverse_sde_step_mean"]) - tensor(data["reverse_optimum_step"])
    ours = abs(float(gap.abs().mean()) / float(data["loss_l1_matching"]) - 1)
    return max(ours, _one_steps(IRSDE_RUNS["sde"], "reverse_sde_step_mean", False))


def _states() -> float:
    data = load("irsde_functions")
    x0, mu, eps = (tensor(data[name]) for name in ("x0", "mu", "eps"))
    times = tensor(data["ts"]) / 100
    return worst(marginal(MEAN_REVERTING, x0.expand_as(eps), mu, times, eps), data["xt"])


def _forward() -> float:
    """Euler steps of the forward equation, and the start of the way back."""
    data, process = load("irsde_trajectories"), MEAN_REVERTING
    x, mu, noise = tensor(data["x0"]), tensor(data["mu"]), tensor(data["forward_noise"])
    f, k, g2 = (r / 100 for r in rates(process, torch.arange(1, 101, dtype=torch.float64) / 100))
    kept = []
    for i in range(100):
        x = x + f[i] * x + k[i] * mu + torch.sqrt(g2[i]) * noise[i]
        if i + 1 in (1, 10, 50, 100):
            kept.append(x[0])
    begin = mu + process.level * tensor(data["init_noise"])
    return max(worst(kept, data["forward_states_t1_10_50_100"]), worst(begin, data["xT"]))


def cases() -> Iterator[Case]:
    """All cases of this file."""
    for run, tolerance in (("sde", 1e-5), ("ode", 1e-5), ("posterior", 2e-5)):
        error = functools.partial(_irsde_error, run)
        yield Case(f"IR-SDE {run}, 100 steps", f"{IRSDE} reverse_{run}", tolerance, error)
    steps: list[tuple[str, Solver, float]] = [
        ("reverse_sde_step_mean", IRSDE_RUNS["sde"], 1e-5),
        ("reverse_ode_step", IRSDE_RUNS["ode"], 1e-5),
        ("reverse_optimum_step", IRSDE_RUNS["posterior"], 2e-5),
    ]
    for key, solver, tolerance in steps:
        error = functools.partial(_one_steps, solver, key, key == "reverse_optimum_step")
        yield Case(f"IR-SDE {key}", f"{IRSDE} {key}", tolerance, error)
    keys = (
        "mu_bar", "sigma_bar", "net_noise", "score", "drift", "sde_reverse_drift",
        "ode_reverse_drift", "init_state_from_noise", "real_noise", "real_score",
    )  # fmt: skip
    for key in keys:
        error = functools.partial(_function, key)
        yield Case(f"IR-SDE {key}", f"{IRSDE} {key}", 2e-5, error)
    matched = functools.partial(_function, "noise_minimising_ml_loss")
    # Theirs subtracts nearly equal single-precision numbers in the first two steps.
    yield Case("IR-SDE state matching", f"{IRSDE} optimize_parameters", 4e-3, matched)
    yield Case("IR-SDE matching loss", f"{IRSDE} loss", 1e-5, _matching_loss)
    yield Case("IR-SDE states", f"{IRSDE} generate_random_states", 1e-6, _states)
    yield Case("IR-SDE forward", f"{IRSDE} forward_step", 1e-5, _forward)
    for name in SCHEDULES:
        kind = "DenoisingSDE" if name.startswith("denoising") else "IR-SDE"
        error = functools.partial(_schedule, name)
        yield Case(f"schedule {name}", f"{IRSDE} _initialize", 1e-5, error, kind)
    yield Case("schedule of MRS", "mr-sampler 896764c IRSDE", 1e-5, _mrs_schedule, "IR-SDE")
    yield Case("IR-SDE reverse_optimum_std", f"{IRSDE} reverse_optimum_std", 1e-6, _posterior_noise)
