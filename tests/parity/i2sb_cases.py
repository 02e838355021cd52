"""I2SB: schedules, grids, labels and runs with and without noise, step by step."""

import functools
from collections.abc import Iterator

import numpy as np
import torch
from parity.case import Case, load, relative, tensor, worst
from parity.standins import second_net
from torch import Tensor

from undrift.common.exact import number
from undrift.common.external import External
from undrift.common.predictions import target, weights
from undrift.common.processes import I2SB
from undrift.common.processes.i2sb import indices, network_times, times
from undrift.common.processes.process import marginal
from undrift.common.solvers import ancestral
from undrift.common.solvers.endings import QuietEnd
from undrift.common.solvers.known_pixels import KnownPixels
from undrift.common.solvers.loop import run_plan

SOURCE = "I2SB 1ffdfaa"
RATES = (0.3, 1.0)


def _schedule(rate: float) -> float:
    """Marginals of the training code at every step."""
    data, process, key = load("i2sb"), I2SB(rate, trained=True), f"bmax{rate}"
    t = torch.arange(1, 1001, dtype=torch.float64) / 1000
    forward = process.forward_variance(t)
    betas = torch.diff(forward, prepend=torch.zeros(1, dtype=torch.float64))
    backward = process.s(t) ** 2 / process.b(t)
    return max(
        relative(betas[:500], data[f"{key}.betas"]),
        relative(process.forward_std(t), data[f"{key}.std_fwd"]),
        relative(process.s(t), data[f"{key}.std_sb"]),
        relative(process.a(t), data[f"{key}.mu_x0"]),
        relative(process.b(t)[:500], data[f"{key}.mu_x1.first500"]),
        relative(torch.sqrt(backward)[:500], data[f"{key}.std_bwd.first500"]),
    )


def _grids() -> float:
    data = load("i2sb")
    gaps = [
        float(np.abs(np.array(indices(int(key[9:]))[::-1]) - np.sort(data[key])).max())
        for key in data
        if key.startswith("steps.nfe")
    ]
    t = (tensor(data["noise_levels.idx"]) + 1) / 1000
    return max(*gaps, relative(network_times(t), data["noise_levels.f32"]))


def _forward(rate: float, kind: str) -> float:
    data, key, errors = load("i2sb"), f"bmax{rate}", []
    x0, y, eps = (tensor(data[name]) for name in ("x0", "y", "eps"))
    process = I2SB(rate, trained=True)
    for i in (0, 250, 500, 999):
        t = number((i + 1) / 1000)
        label = target(weights("displacement-scaled", process, t), x0, y, eps)
        errors += [
            worst(marginal(process, x0, y, t, eps), data[f"{key}.q_sample.t{i}.{kind}"]),
            worst(label, data[f"{key}.label.t{i}.{kind}"]),
        ]
    cold = marginal(I2SB(rate, trained=True, cold=True), x0, y, number(0.501), eps)
    return max(*errors, worst(cold, data[f"{key}.q_sample_ot.t500.{kind}"]))


@functools.cache
def _run(rate: float, calls: int, mode: str, masked: bool) -> tuple[list[Tensor], int]:
    """The states after each step, and how many draws they took."""
    data, process = load("i2sb"), I2SB(rate, cold=mode == "ode")
    y, noise, seen, drawn = tensor(data["y"]), tensor(data["noise"]), [], []

    def network(x: Tensor, y: Tensor | None, t: float) -> Tensor:
        seen.append(x)
        return second_net(x, y, float(network_times(number(t))) / 1000)

    def draw(count: int) -> Tensor:
        drawn.append(count)
        return noise[len(drawn) - 1]

    solver = QuietEnd(ancestral())
    if masked:  # theirs draws the known part from the marginals of the training code
        trained = I2SB(rate, trained=True, cold=mode == "ode")
        solver = KnownPixels(solver, tensor(data["mask"]), y, trained)
    denoise = External(network, process, "displacement-scaled")
    last = run_plan(denoise, y, solver.plan(process, times(calls)), y=y, draw=draw)
    return [*seen[1:], last], len(drawn)


def _error(rate: float, run: str, kind: str) -> float:
    """The official list has the final state first."""
    name, *middle, mode = run.split(".")
    data, (found, draws) = load("i2sb"), _run(rate, int(name[3:]), mode, bool(middle))
    missed = 0 if middle else abs(draws - int(data[f"bmax{rate}.{run}.n_noise_used"]))
    ours = torch.stack(found[::-1], dim=1)
    return missed + worst(ours, data[f"bmax{rate}.{run}.traj.{kind}"])


def cases() -> Iterator[Case]:
    """All cases of this file."""

    def case(name: str, function: str, tolerance: float, error: functools.partial[float]) -> Case:
        return Case(f"I2SB {name}", f"{SOURCE} {function}", tolerance, error, "i2sb")

    yield case("grids and network times", "space_indices", 2e-5, functools.partial(_grids))
    for rate in RATES:
        error = functools.partial(_schedule, rate)
        yield case(f"schedule, beta_max {rate}", "Diffusion", 1e-9, error)
        runs = [f"nfe{calls}.{mode}" for calls in (2, 10) for mode in ("sde", "ode")]
        runs += ["nfe5.mask.sde", "nfe5.mask.ode"] if rate == 1.0 else []
        for kind, tolerance in (("f64", 1e-9), ("f32", 2e-5)):
            error = functools.partial(_forward, rate, kind)
            yield case(f"q_sample, label, {rate} {kind}", "q_sample", tolerance, error)
            for run in runs:
                error = functools.partial(_error, rate, run, kind)
                yield case(f"{run}, {rate} {kind}", "ddpm_sampling", tolerance, error)
