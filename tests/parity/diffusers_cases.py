"""The schedulers of diffusers, state by state.

Most of them hand over their own float32 noise levels: the nodes of our process are then those, and
a case of its own checks how they were made. DDIM, PNDM and PLMS run on our float64 schedule.
"""

import functools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from parity.case import REFERENCE, Case, load, relative, states, tensor, worst
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.exact import abs_at
from undrift.common.processes import Process
from undrift.common.processes.clocks import tabulated
from undrift.common.processes.variance_preserving import discrete
from undrift.common.solvers import DDIM, Adams, Exponential, Heun, Solver, UniPC, deis, plms, pndm
from undrift.common.solvers.loop import Denoise

FILES = [name for name in ("diffusers_n5", "diffusers_n10") if (REFERENCE / f"{name}.npz").exists()]
DIFFUSION = discrete(np.linspace(1e-4, 2e-2, 1000).tolist())
ALWAYS = 10**6  # lower orders at the end in runs of any length
RUNS: dict[str, Solver] = {
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
    "deis_2": deis(2, "lambda"),
    "deis_3": deis(3, "lambda"),
    "unipc_2_bh2": UniPC(2, variant="bh2", few=ALWAYS),
    "unipc_3_bh2": UniPC(3, variant="bh2", few=ALWAYS),
    "unipc_2_bh1": UniPC(2, variant="bh1", few=ALWAYS),
    "unipc_2_eps": UniPC(2, "noise", "bh2", few=ALWAYS),
    "euler": DDIM(),
    "euler_ancestral": Exponential(1, 1.0),
    "heun": Heun(),
    "pndm": pndm("t"),
    "plms": plms(),
    "ipndm": Adams(4, lower_final=False),
    "edm_euler": DDIM(),
    "edm_dpmpp_2m": Exponential(2),
}
SCALED = ("euler", "euler_ancestral", "heun", "edm_euler", "edm_dpmpp_2m")  # their a is 1
SIGMA_DATA = 0.5


@dataclass(frozen=True)
class Listed(Process):
    """A process known at equal nodes only, from clean to noisy."""

    signal: tuple[float, ...]
    noise: tuple[float, ...]

    def a(self, t: Tensor) -> Tensor:
        return tabulated(self.signal, t)

    def b(self, t: Tensor) -> Tensor:
        return torch.zeros_like(t)

    def s(self, t: Tensor) -> Tensor:
        return tabulated(self.noise, t)

    def phi(self, t: Tensor) -> Tensor:
        return self.a(t)


def _listed(levels: np.ndarray, scaled: bool) -> Listed:
    """Nodes from noise levels s/a, noisy first; scaled: a = 1, else a^2 + s^2 = 1."""
    levels = levels.astype(float)[::-1]
    signal = np.ones_like(levels) if scaled else 1 / np.sqrt(1 + levels**2)
    return Listed(tuple(signal.tolist()), tuple((levels * signal).tolist()))


def _setting(file: str, name: str) -> tuple[Process, list[float]]:
    """The process a scheduler runs on and our grid for its steps."""
    data = load(file)
    told = data[f"{name}|timesteps"].tolist()
    if f"{name}|sigmas" in data:
        levels = data[f"{name}|sigmas"]
        levels = levels[np.r_[True, levels[1:] != levels[:-1]]]  # heun lists each one twice
        count = len(levels) - 1
        return _listed(levels, name in SCALED), [1 - i / count for i in range(count + 1)]
    if name == "ipndm":
        count = len(told)
        noise = np.sin(np.arange(count + 1) / count * np.pi / 2) ** 2
        process = Listed(tuple(np.sqrt(1 - noise**2).tolist()), tuple(noise.tolist()))
        return process, [1 - i / count for i in range(count + 1)]
    if name == "pndm":
        told = [*told[0:12:4], *told[12:]]
    elif name == "plms":
        told = [told[0], *told[2:]]
    # PNDM's last step goes from the cleanest level to itself: it is left out.
    last = [0.0] if name.startswith("ddim") else []
    return DIFFUSION, [(t + 1) / 1000 for t in told] + last


def _network(name: str, process: Process, told: list[float]) -> Denoise:
    """The stand-ins, as estimates of x0; the k-th call is told the k-th of their times."""
    remaining = iter(told)

    def denoise(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        a, _, s = abs_at(process, t)
        index = next(remaining)
        if name.startswith("edm"):
            scale = np.sqrt(s**2 + SIGMA_DATA**2)
            inner = x / scale
            out = 0.5 * torch.tanh(inner) + 0.02 * torch.sin(3 * inner) + 0.05 * np.cos(index)
            return Estimate((SIGMA_DATA / scale) ** 2 * x + s * SIGMA_DATA / scale * out)
        inner = x / np.sqrt(s**2 + 1) if name in SCALED else x
        wave = 0.02 * torch.sin(3 * inner) + 0.01 * np.cos(0.01 * index)
        out = inner * index / (index + 150) + wave
        if name == "ipndm":  # takes the output for a velocity; at a = 0 it divides 0 by 1e-8
            return Estimate(a * x - s * out if a > 0 else torch.zeros_like(x))
        return Estimate((x - s * out) / a)

    return denoise


@functools.cache
def _states(file: str, name: str) -> list[Tensor]:
    data = load(file)
    process, times = _setting(file, name)
    top = abs_at(process, 1.0)[2] if name in SCALED else 1.0
    if name.startswith("edm"):  # their start has the spread of the data added, taken for 1
        top = np.sqrt(top**2 + 1)
    denoise = _network(name, process, data[f"{name}|timesteps"].tolist())
    solver = RUNS[name]
    if name == "deis_3" and len(times) > 15:  # from 15 steps on ours would start at order 2
        solver = replace(deis(3, "lambda"), orders=(1, 2, 3))
    found, _ = states(
        denoise, process, solver, times, tensor(data["xT"]) * top, None, tensor(data["noise"])
    )
    return found


def _error(file: str, name: str) -> float:
    data = load(file)
    found, theirs = _states(file, name), data[f"{name}|states"]
    kept = data[f"{name}|keep"].tolist()
    ours = [found[min(i, len(found) - 1)][0] for i in kept]
    if name == "unipc_2_bh1":  # theirs ends in NaN; ours must not
        if not (np.isnan(theirs[-1]).all() and bool(ours[-1].isfinite().all())):
            raise ValueError("expected NaN in their last state and none in ours")
        ours, theirs = ours[:-1], theirs[:-1]
    return worst(ours, theirs)


def _level_error(file: str, name: str) -> float:
    """Their noise levels: a float32 schedule, linear in s/a between integer steps, or Karras'."""
    data = load(file)
    theirs = data[f"{name}|sigmas"]
    if name.startswith("edm"):
        count = len(theirs) - 1
        ramp = 80 ** (1 / 7) + np.arange(count) / (count - 1) * (0.002 ** (1 / 7) - 80 ** (1 / 7))
        return relative(tensor(np.append(ramp**7, 0.0)), theirs)
    share = torch.cumprod(1 - torch.linspace(1e-4, 2e-2, 1000), 0)  # single precision, as theirs
    table = torch.sqrt((1 - share) / share).numpy().astype(float)
    if name == "dpmpp_2m_karras":
        count = len(theirs) - 1
        ends = table[-1] ** (1 / 7), table[0] ** (1 / 7)
        ours = (ends[0] + np.arange(count) / (count - 1) * (ends[1] - ends[0])) ** 7
    else:
        ours = np.interp(data[f"{name}|timesteps"], np.arange(1000), table)
    last = table[0] if theirs[-1] > 0 else 0.0
    if name == "heun":  # each level twice, but the first
        ours = np.append(ours, 0.0)
        return relative(tensor(ours), theirs)
    return relative(tensor(np.append(ours, last)), theirs)


def _setup_error(file: str) -> float:
    """The settings of every run and the number of its draws, as the solvers here imply them."""
    data, wrong = load(file), []
    settings = json.loads(str(data["meta_json"]))
    for name, solver in RUNS.items():
        process, times = _setting(file, name)
        drawn = sum(step.sigma > 0 for step in solver.plan(process, times))
        used = int(data[f"{name}|noise_used"])
        betas = settings[name]["config"].get("beta_end", 0.02) == 0.02
        if not betas or used not in (drawn, drawn + 1 if drawn else 0):
            wrong.append(name)
    return float(len(wrong) + len(set(settings) ^ set(RUNS)))


def cases() -> Iterator[Case]:
    """All cases of this file."""
    source = "diffusers 0.42.1"
    kinds: list[tuple[str, Callable[[str, str], float]]] = [("", _error), (" levels", _level_error)]
    for file in FILES:
        for name in RUNS:
            for kind, error in kinds:
                if not kind or f"{name}|sigmas" in load(file):
                    bound = functools.partial(error, file, name)
                    yield Case(f"{file} {name}{kind}", source, 2e-5, bound)
        yield Case(f"{file} settings", source, 0.5, functools.partial(_setup_error, file))
