"""IR-SDE, its MR sampler and diffusers, step by step."""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from parity.case import Case, load, states, tensor, worst, wrap
from torch import Tensor

from undrift.common.grids import time_of_ratio
from undrift.common.processes import MeanReverting, Process
from undrift.common.processes.clocks import tabulated
from undrift.common.processes.mean_reverting import theta_table
from undrift.common.processes.process import rates
from undrift.common.processes.variance_preserving import discrete
from undrift.common.solvers import DDIM, EulerMaruyama, Exponential, Heun, Solver, ancestral

IRSDE = "image-restoration-sde 2598d73"
MRS = "mr-sampler 896764c"
DIFFUSERS = "diffusers 0.42.1"
MEAN_REVERTING = MeanReverting(50 / 255, 0.005, theta_table("cosine", 100))
IRSDE_RUNS = {
    "sde": EulerMaruyama(denoise_last=False),
    "ode": EulerMaruyama(0.0, denoise_last=False),
    "posterior": ancestral(),
}


def second_net(x: Tensor, y: Tensor, t: float) -> Tensor:
    """The stand-in of IR-SDE and its sampler; t = 1 is step 100."""
    gap = x - y
    wave = 0.01 * np.sin(0.05 * 100 * t)
    return 5.1 * gap + 0.02 * torch.tanh(3 * gap) + wave + 0.005 * y


def _irsde_error(run: str) -> float:
    data = load("irsde_trajectories")
    # The authors subtract their noise in the reverse SDE and add it in the posterior.
    noise = tensor(data["reverse_noise"]) * (-1 if run == "sde" else 1)
    found, _ = states(
        wrap(MEAN_REVERTING, "eps", second_net), MEAN_REVERTING, IRSDE_RUNS[run],
        [i / 100 for i in range(100, -1, -1)], tensor(data["xT"]), tensor(data["mu"]), noise,
    )  # fmt: skip
    kept = [found[101 - t][0] for t in (100, 91, 51, 11, 2, 1)]
    return worst(kept, data[f"{run}_states_after_t100_91_51_11_2_1"])


def _one_steps(solver: Solver, key: str, clean: bool) -> float:
    """Means of single steps t -> t - 1 from stored states."""
    data = load("irsde_functions")
    x0, mu = tensor(data["x0"]), tensor(data["mu"])
    denoise, found = wrap(MEAN_REVERTING, "eps", second_net), []
    for x, t in zip(tensor(data["xt"]), data["ts"].tolist(), strict=True):
        (step,) = solver.plan(MEAN_REVERTING, [t / 100, (t - 1) / 100])
        estimate = x0 if clean else denoise(x[None], t / 100, mu, None).x0
        found.append((step.A[0] * x[None] + step.B[0] * estimate + step.C * mu)[0])
    return worst(found, data[key])


def _one_drifts() -> float:
    data = load("irsde_functions")
    f, k, _ = rates(MEAN_REVERTING, tensor(data["ts"]) / 100)
    shape = (-1, 1, 1, 1)
    drift = f.reshape(shape) * tensor(data["xt"]) + k.reshape(shape) * tensor(data["mu"])
    return worst(drift / 100, data["drift"])


def _posterior_noise() -> float:
    plan = ancestral().plan(MEAN_REVERTING, [i / 100 for i in range(100, -1, -1)])[::-1]
    sigma = torch.tensor([step.sigma for step in plan], dtype=torch.float64)
    return worst(sigma, load("irsde_functions")["reverse_optimum_std"])


@dataclass(frozen=True)
class Listed(Process):
    """A process known at equal nodes only: the sampler's own tables, whose last s is not 0."""

    signal: tuple[float, ...]
    noise: tuple[float, ...]

    def a(self, t: Tensor) -> Tensor:
        return tabulated(self.signal, t)

    def b(self, t: Tensor) -> Tensor:
        return 1 - self.a(t)

    def s(self, t: Tensor) -> Tensor:
        return tabulated(self.noise, t)

    def phi(self, t: Tensor) -> Tensor:
        return self.a(t)


def mrs_solver(variant: str) -> Solver:
    """Ours for "sde-d-2" and the like: equation, prediction, order."""
    equation, letter, order = variant.split("-")
    form, eta = {"d": "data", "n": "noise"}[letter], {"ode": 0.0, "sde": 1.0}[equation]
    theirs = {"rule": "taylor", "lower_final": False, "published_third": True}
    return Exponential(int(order), eta, form, **theirs)  # type: ignore[arg-type]


def _mrs_error(variant: str) -> float:
    data = load("mrs_nfe10")
    lists = [data[f"linspace|{name}"].astype(float)[::-1].tolist() for name in ("alphas", "sigmas")]
    process = Listed(*(tuple(values) for values in lists))
    noise = tensor(data["noise"])
    found, _ = states(
        wrap(process, "eps", second_net), process, mrs_solver(variant),
        [i / 10 for i in range(10, -1, -1)], tensor(data["xT"]), tensor(data["mu"]), noise,
    )  # fmt: skip
    kept = [found[i][0] for i in (1, 5, 10)]
    return worst(kept, data[f"linspace|{variant}|states"])


DIFFUSION = discrete(np.linspace(1e-4, 2e-2, 1000).tolist())
DIFFUSERS_RUNS: dict[str, Solver] = {
    "ddim_eta0": DDIM(),
    "ddim_trailing": DDIM(),
    "dpmpp_2m_mid": Exponential(2),
    "dpmpp_2m_heun": Exponential(2, rule="taylor"),
    "dpmpp_2m_nolower": Exponential(2, lower_final=False),
    "dpmpp_2m_karras": Exponential(2),
    "dpmpp_3m": Exponential(3, published_third=True),
    "sde_dpmpp_2m_mid": Exponential(2, 1.0),
    "sde_dpmpp_2m_heun": Exponential(2, 1.0, rule="taylor"),
    "sde_dpmpp_1": Exponential(1, 1.0),
    "euler": DDIM(),
    "euler_ancestral": ancestral(),
    "heun": Heun(),
}
SCALED = ("euler", "euler_ancestral", "heun")  # their state is x / a


def _diffusers_times(data: dict[str, np.ndarray], name: str) -> tuple[list[float], list[float]]:
    """Our grid, and what their network was told at each call."""
    told = data[f"{name}|timesteps"].tolist()
    if name == "dpmpp_2m_karras":  # nodes between the integer steps
        ratios = data[f"{name}|sigmas"][:-1].tolist()
        return [*(time_of_ratio(DIFFUSION, ratio, 1.0) for ratio in ratios), 0.0], told
    last = 1e-3 if name == "dpmpp_2m_nolower" else 0.0
    nodes = [told[0], *told[1::2]] if name == "heun" else told  # heun calls twice a node
    return [*((t + 1) / 1000 for t in nodes), last], told


def _diffusers_error(name: str) -> float:
    data = load("diffusers_n5")
    times, told = _diffusers_times(data, name)
    remaining = iter(told)

    def network(x: Tensor, y: Tensor, t: float) -> Tensor:
        index = next(remaining)
        wave = 0.02 * torch.sin(3 * x) + 0.01 * np.cos(0.01 * index)
        return x * index / (index + 150) + wave

    solver, noise = DIFFUSERS_RUNS[name], tensor(data["noise"])
    x = tensor(data["xT"])
    found, _ = states(wrap(DIFFUSION, "eps", network), DIFFUSION, solver, times, x, None, noise)
    if name in SCALED:
        found = [x / scale for x, scale in zip(found, _scales(solver, times), strict=True)]
    kept = [found[i][0] for i in data[f"{name}|keep"].tolist()]
    return worst(kept, data[f"{name}|states"])


def _scales(solver: Solver, times: Sequence[float]) -> list[float]:
    """a at the time of each state."""
    plan = solver.plan(DIFFUSION, times)
    places = torch.tensor([step.t for step in plan[1:]] + [times[-1]], dtype=torch.float64)
    first = torch.tensor([times[0]], dtype=torch.float64)
    return DIFFUSION.a(torch.cat([first, places])).tolist()


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
    yield Case("IR-SDE drift", f"{IRSDE} drift", 1e-6, _one_drifts)
    yield Case("IR-SDE reverse_optimum_std", f"{IRSDE} reverse_optimum_std", 1e-6, _posterior_noise)
    for equation, orders in (("ode", (1, 2, 3)), ("sde", (1, 2))):
        for form in "dn":
            for order in orders:
                variant = f"{equation}-{form}-{order}"
                error = functools.partial(_mrs_error, variant)
                yield Case(f"MRS {variant}, 10 calls", f"{MRS} MRSampler.sampling", 1e-5, error)
    for name in DIFFUSERS_RUNS:
        error = functools.partial(_diffusers_error, name)
        tolerance = 4e-5 if name in SCALED else 1e-5  # 1/a of a float32 table at the noisy end
        yield Case(f"diffusers {name}, 5 steps", DIFFUSERS, tolerance, error)
