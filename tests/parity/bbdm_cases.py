"""BBDM: schedules, skip grids, targets, losses and runs, step by step."""

import functools
from collections.abc import Iterator

import numpy as np
import torch
from parity.case import Case, load, relative, states, tensor, worst
from parity.standins import first_net
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.exact import number
from undrift.common.external import External
from undrift.common.predictions import target, weights
from undrift.common.processes.brownian_bridge import published, skipped
from undrift.common.processes.process import marginal
from undrift.common.solvers import ancestral

SOURCE = "BBDM 02c3b13"
TARGETS = {"grad": "displacement", "noise": "eps", "ysubx": "residual"}
RUNS = {  # array: our prediction, temperature, law, bound of the estimate, calls, steps
    "traj.grad.S10.eta1.0": ("displacement", 1.0, "linear", None, 10, 1000),
    "traj.grad.S10.eta0.5": ("displacement", 0.5, "linear", None, 10, 1000),
    "traj.grad.S10.eta0.0": ("displacement", 0.0, "linear", None, 10, 1000),
    "traj.noise.S10.eta1.0": ("eps", 1.0, "linear", None, 10, 1000),
    "traj.ysubx.S10.eta1.0": ("residual", 1.0, "linear", None, 10, 1000),
    "traj_sin_clip.grad.S10.eta1.0": ("displacement", 1.0, "sin", 1.0, 10, 1000),
    "traj_noskip_T12.noise.eta1.0": ("eps", 1.0, "linear", None, 12, 12),
}
ESTIMATES = {  # run: array; the one of eta 0 was written over that of eta 1
    "traj.grad.S10.eta0.0": "x0_recon.grad.S10.eta1.0.f64",
    "traj.noise.S10.eta1.0": "x0_recon.noise.S10.eta1.0.f64",
    "traj.ysubx.S10.eta1.0": "x0_recon.ysubx.S10.eta1.0.f64",
}
UNREAD = {"bbdm": {"*.n_noise_used": "they draw for each step but one, with eta 0 too"}}


def _schedule(name: str, law: str, spread: float) -> float:
    data, process = load("bbdm"), published(spread=spread, law=law)
    t = torch.arange(1, 1001, dtype=torch.float64) / 1000
    error = relative(process.s(t) ** 2, data[f"{name}.variance_t"])
    if spread == 1:
        error = max(error, relative(process.m(t), data[f"{name}.m_t"]))
    if law == "linear":
        plan = ancestral().plan(process, skipped(1000))[::-1]
        sigmas = torch.tensor([step.sigma for step in plan], dtype=torch.float64)
        error = max(error, relative(sigmas**2, data[f"{name}.posterior_variance_t"]))
    return error


def _grids() -> float:
    """Every published grid, and a refusal of every one that names an index twice.

    With as many calls as steps ours is the run without skipping; theirs names index 1 twice.
    """
    data, worst_gap = load("bbdm"), 0.0
    twice = bool((np.diff(data["steps.T1000.S1000"]) >= 0).any())
    for key in [key for key in data if key.startswith("steps.") and "irregular" not in key]:
        steps, calls = (int(word[1:]) for word in key.split(".")[1:])
        if calls == steps:
            continue
        indices = np.array(skipped(calls, steps)[:-1]) * steps - 1
        worst_gap = max(worst_gap, float(np.abs(indices - data[key]).max()))
    refused = [calls for calls in range(3, 1000) if not _accepted(calls)]
    official = [row[0] for row in data["steps.T1000.irregular"].tolist()]
    return max(worst_gap, float(not twice or {*refused, 1000} != set(official)))


def _accepted(calls: int) -> bool:
    try:
        return len(skipped(calls)) == calls + 1
    except InputError:
        return False


def _forward(kind: str) -> float:
    data, process = load("bbdm"), published()
    x0, y, eps = (tensor(data[name]) for name in ("x0", "y", "eps"))
    errors = []
    for i in (0, 500, 999):
        t = number((i + 1) / 1000)
        errors.append(worst(marginal(process, x0, y, t, eps), data[f"q_sample.t{i}.{kind}"]))
        for official, ours in TARGETS.items():
            aim = target(weights(ours, process, t), x0, y, eps)
            errors.append(worst(aim, data[f"objective.{official}.t{i}.{kind}"]))
    return max(errors)


def _loss(official: str, norm: str) -> float:
    data, process = load("bbdm"), published()
    x0, y, eps = (tensor(data[name]) for name in ("x0", "y", "eps"))
    indices = torch.tensor([100.0, 900.0], dtype=torch.float64)
    t = (indices + 1) / 1000
    x = marginal(process, x0, y, t, eps)
    out = torch.stack([first_net(x[k], y[k], float(indices[k]) / 1000) for k in range(2)])
    aim = target(weights(TARGETS[official], process, t), x0, y, eps)
    difference = (aim - out).abs() if norm == "l1" else (aim - out) ** 2
    return relative(difference.mean(), data[f"loss.{official}.{norm}"])


@functools.cache
def _run(run: str) -> tuple[list[Tensor], list[Tensor]]:
    data = load("bbdm")
    prediction, temperature, law, clip, calls, steps = RUNS[run]
    process, y = published(steps, law=law), tensor(data["y"])

    def network(x: Tensor, y: Tensor | None, t: float) -> Tensor:
        return first_net(x, y, (round(t * steps) - 1) / steps)

    denoise, solver = External(network, process, prediction, clip=clip), ancestral(temperature)
    return states(denoise, process, solver, skipped(calls, steps), y, y, tensor(data["noise"]))


def _error(run: str, kind: str) -> float:
    data, (found, estimates) = load("bbdm"), _run(run)
    error = worst(found, data[f"{run}.{kind}"])
    if kind == "f64" and run in ESTIMATES:
        return max(error, worst(estimates, data[ESTIMATES[run]]))
    return error


def cases() -> Iterator[Case]:
    """All cases of this file."""

    def case(name: str, function: str, tolerance: float, error: functools.partial[float]) -> Case:
        return Case(f"BBDM {name}", f"{SOURCE} {function}", tolerance, error, "brownian-bridge")

    laws = (("linear", "linear", 1.0), ("sin", "sin", 1.0), ("linear_v0.5", "linear", 0.5))
    for name, law, spread in laws:
        error = functools.partial(_schedule, name, law, spread)
        yield case(f"{name} schedule", "register_schedule", 1e-9, error)
    yield case("skip grids", "steps", 1e-9, functools.partial(_grids))
    for kind, tolerance in (("f64", 1e-9), ("f32", 2e-5)):
        error = functools.partial(_forward, kind)
        yield case(f"q_sample and targets {kind}", "q_sample", tolerance, error)
        for run in RUNS:
            error = functools.partial(_error, run, kind)
            yield case(f"{run} {kind}", "p_sample_loop", tolerance, error)
    for official in TARGETS:
        for norm in ("l1", "l2"):
            error = functools.partial(_loss, official, norm)
            yield case(f"loss {official} {norm}", "p_losses", 1e-9, error)
