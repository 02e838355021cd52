"""The MR sampler, every variant, schedule and option of the stored runs."""

import functools
from collections.abc import Iterator

import numpy as np
import torch
from parity.case import REFERENCE, Case, load, relative, states, tensor, worst
from torch import Tensor

from undrift.common.external import External
from undrift.common.solvers import MRS
from undrift.common.solvers.loop import Denoise
from undrift.common.solvers.mrs import VARIANTS
from undrift.common.solvers.mrs_tables import MRSTables, mrs_tables, mrs_timesteps
from undrift.common.solvers.threshold import thresholded

FILES = [name for name in ("mrs_nfe5", "mrs_nfe10") if (REFERENCE / f"{name}.npz").exists()]
SOURCE = "mr-sampler 896764c MRSampler.sampling"
LEVEL = 50 / 255
UNREAD = {file: {"baseline_*": "that code's own baselines, which it gets wrong"} for file in FILES}
OPTIONS = (
    ("denoise_last", "ode-d-2"),
    ("fit_velocity", "ode-d-2"),
    ("fit_velocity", "ode-n-2"),
    ("fit_data", "ode-d-2"),
    ("fit_data", "ode-n-2"),
    ("threshold", "ode-d-2"),
)


@functools.cache
def _tables() -> MRSTables:
    return mrs_tables(LEVEL)


def _count(file: str) -> int:
    return int(file.removeprefix("mrs_nfe"))


def _network(x: Tensor, y: Tensor | None, t: float) -> Tensor:
    assert y is not None
    gap = x - y
    wave = 0.01 * np.sin(0.05 * 100 * t)
    return 5.1 * gap + 0.02 * torch.tanh(3 * gap) + wave + 0.005 * y


def _denoiser(option: str) -> Denoise:
    """The stand-in, its output taken for noise, data or their velocity."""
    if option == "fit_data":
        return External(_network, _tables(), "x0")
    if option == "fit_velocity":  # a level eps - (s / level)(x0 - y): -level times "balanced"
        return External(
            lambda x, y, t: -_network(x, y, t) / LEVEL, _tables(), "balanced", sigma_d=LEVEL
        )
    plain = External(_network, _tables(), "eps")
    return thresholded(plain) if option == "threshold" else plain


@functools.cache
def _run(file: str, schedule: str, variant: str, option: str = "") -> list[Tensor]:
    data = load(file)
    times = [t / 100 for t in mrs_timesteps(schedule, _tables(), _count(file))]
    solver = MRS(variant, denoise_last=option == "denoise_last")
    found, _ = states(
        _denoiser(option), _tables(), solver, times, tensor(data["xT"]), tensor(data["mu"]),
        tensor(data["noise"]),
    )  # fmt: skip
    return found


def _states_error(file: str, schedule: str, variant: str) -> float:
    data, found, count = load(file), _run(file, schedule, variant), _count(file)
    kept = [found[i][0] for i in (1, (count + 1) // 2, count)]
    theirs = data[f"{schedule}|{variant}|states"]
    final = data[f"{schedule}|{variant}|x0_clipped"]
    return max(worst(kept, theirs), worst(found[-1].clamp(0, 1), final))


def _option_error(file: str, option: str, variant: str) -> float:
    data, found = load(file), _run(file, "linspace", variant, option)
    key = f"linspace|{option}|{variant}"
    last = worst(found[-1], data[f"{key}|last_state"])
    return max(last, worst(found[-1].clamp(0, 1), data[f"{key}|x0_clipped"]))


def _steps_error(file: str, key: str, schedule: str) -> float:
    ours = mrs_timesteps(schedule, _tables(), _count(file))
    return worst(tensor(np.array(ours)), load(file)[key])


def _tables_error(file: str, schedule: str) -> float:
    """alpha, sigma and lambda at their time steps."""
    data, tables = load(file), _tables()
    times = tensor(data[f"{schedule}|timesteps"]) / 100
    lam = torch.tensor([tables.lam(t) for t in times.tolist()], dtype=torch.float64)
    pairs = (("alphas", tables.a(times)), ("sigmas", tables.s(times)), ("lambdas", lam))
    return max(relative(ours, data[f"{schedule}|{name}"]) for name, ours in pairs)


def cases() -> Iterator[Case]:
    """All cases of this file."""
    for file in FILES:
        calls = f"{_count(file)} calls"
        for schedule in ("linspace", "linear-lambda"):
            for variant in VARIANTS:
                error = functools.partial(_states_error, file, schedule, variant)
                yield Case(f"MRS {variant}, {schedule}, {calls}", SOURCE, 2e-5, error)
            error = functools.partial(_tables_error, file, schedule)
            yield Case(f"MRS tables, {schedule}, {calls}", SOURCE, 2e-5, error)
            key = f"{schedule}|timesteps"
            error = functools.partial(_steps_error, file, key, schedule)
            yield Case(f"MRS time steps {schedule}, {calls}", SOURCE, 2e-5, error)
        for schedule in ("leading", "trailing", "karras-n", "karras-t"):
            error = functools.partial(_steps_error, file, f"sched|{schedule}", schedule)
            yield Case(f"MRS time steps {schedule}, {calls}", SOURCE, 2e-5, error)
        for option, variant in OPTIONS:
            error = functools.partial(_option_error, file, option, variant)
            yield Case(f"MRS {option}, {variant}, {calls}", SOURCE, 2e-5, error)
