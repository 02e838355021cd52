"""The Schroedinger bridge for speech (SB-VE of SGMSE): schedules, and its samplers as coded."""

import functools
import math
from collections.abc import Callable, Iterator

import torch
from oracles import number
from parity.case import Case, load, tensor, worst
from parity.speech_cases import META, SETTINGS, SGMSE, distance, estimate, spectrogram
from torch import Tensor

from undrift.common.asked_later import AskedLater
from undrift.common.external import External
from undrift.common.processes import SchroedingerBridge
from undrift.common.processes.process import marginal
from undrift.common.solvers import Step
from undrift.common.solvers.coded_bridge import CodedBridge
from undrift.common.solvers.loop import run_plan

UNREAD = {
    "speech_sbve": {
        **META, "k_c_eps": SETTINGS, "sigma_bar_t": "guarded root, part of w_x and std",
        "alpha_*": "one everywhere",
    },
    "speech_sbve_sampler": {**META, "*_reported_nfe": "always 50, a defect"},
}  # fmt: skip


def _bridge_process(key: str) -> float:
    data, process = load("speech_sbve"), SchroedingerBridge()
    times = tensor(data["t"])
    x0, y = spectrogram(data["x0"]), spectrogram(data["y"])
    inside = slice(0, -1) if key == "std_float64" else slice(None)  # theirs is NaN at the end
    growth, end = 2 * math.log(process.k) * times, float(process.variance(number(1.0)))
    so_far = process.variance(times)
    guarded = torch.sqrt(so_far * (end - so_far + 1e-8))  # so their bridge is not quite pinned
    found: dict[str, Callable[[], Tensor]] = {
        "w_x": lambda: process.a(times) + 0j,
        "w_y": lambda: process.b(times) + 0j,
        "std": lambda: guarded / math.sqrt(end) + 0j,
        "std_float64": lambda: process.s(times) + 0j,
        "sigma_t": lambda: process.variance(times).sqrt() + 0j,
        "sigma_T": lambda: process.variance(number(1.0)).sqrt() + 0j,
        "diffusion": lambda: torch.sqrt(process.c * torch.exp(growth)) + 0j,
        "mean_at_t_i": lambda: torch.stack([marginal(process, x0, y, t, 0 * y) for t in times]),
    }
    ours, theirs = found[key](), data[key]
    return distance(ours, theirs) if theirs.ndim == 0 else distance(ours[inside], theirs[inside])


def _coded_bridge(run: str) -> float:
    data, process = load("speech_sbve_sampler"), SchroedingerBridge()
    times = [float(t) for t in data[f"{run}_times"]]
    # In the precision of the program: two terms of 5000 y cancel in its first step.
    y, solver = torch.from_numpy(data["y"]), CodedBridge(run.startswith("sde"))
    noise = torch.from_numpy(data[f"{run}_noise"]) if solver.stochastic else None
    seen: list[Tensor] = []

    def network(x: Tensor, y: Tensor | None, t: float) -> Tensor:
        seen.append(x)
        return estimate(x, y, t)

    denoise = AskedLater(External(network, process, "x0"), times)
    plan = solver.plan(process, times)
    x = run_plan(denoise, y, plan, y=y, draw=None if noise is None else lambda k: noise[k - 1])
    inputs = distance(torch.stack(seen).to(torch.complex128), data[f"{run}_model_inputs"])
    return max(inputs, distance(x.to(torch.complex128), data[f"{run}_result"]))


def _coded_weights(run: str) -> float:
    """The state with y = 1 and estimate 0, and the other way round."""
    data, process = load("speech_sbve_sampler"), SchroedingerBridge()
    times = [float(t) for t in data[f"{run}_times"]]
    plan: list[Step] = CodedBridge(run.startswith("sde")).plan(process, times)
    errors = []
    for y, clean in ((1.0, 0.0), (0.0, 1.0)):
        states = [y]
        for step in plan:
            states.append(step.A[0] * states[-1] + step.B[0] * clean + step.C * y)
        key = f"{run}_states_with_y{y:.0f}_estimate{clean:.0f}"
        errors.append(worst(torch.tensor(states, dtype=torch.float64), data[key]))
    return max(errors)


def cases() -> Iterator[Case]:
    """All cases of this file."""
    keys = ("w_x", "w_y", "std", "std_float64", "sigma_t", "sigma_T", "diffusion", "mean_at_t_i")
    for key in keys:
        error = functools.partial(_bridge_process, key)
        yield Case(f"SB-VE {key}", f"{SGMSE} sdes.SBVESDE", 2e-5, error, "SB-VE")
    for run in ("ode_n50", "ode_n5", "ode_n1", "sde_n50", "sde_n5"):
        error = functools.partial(_coded_bridge, run)
        yield Case(f"SB-VE sampler {run}", f"{SGMSE} get_sb_sampler", 2e-5, error, "SB-VE")
    for run in ("ode_n50", "ode_n5", "sde_n50", "sde_n5"):
        error = functools.partial(_coded_weights, run)
        yield Case(f"SB-VE weights {run}", f"{SGMSE} get_sb_sampler", 2e-5, error, "SB-VE")
