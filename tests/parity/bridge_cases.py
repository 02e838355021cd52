"""ResShift and BBDM, step by step."""

import functools
import math
from collections.abc import Iterator

import numpy as np
import torch
from oracles import number
from parity.case import Case, load, states, tensor, worst, wrap
from torch import Tensor

from undrift.common.predictions import target, weights
from undrift.common.processes import BrownianBridge, Process, ResidualShift
from undrift.common.processes.brownian_bridge import published as bbdm
from undrift.common.processes.process import marginal, start
from undrift.common.processes.residual_shift import published as resshift
from undrift.common.solvers import ancestral

Run = tuple[list[Tensor], list[Tensor]]  # states, estimates
RESSHIFT = "ResShift journal 3ce1d81"
BBDM = "BBDM 02c3b13"
SHIFTS = {
    "s15": resshift(),
    "s4": resshift(4, 0.2),
    "s15k1": resshift(kappa=1.0),
    "s10k05p2": resshift(10, kappa=0.5, power=2.0, last=0.95),
    "s15r5": resshift(),
}
SHIFT_RUNS = {  # run: our prediction, bound of the estimate
    "s15.xstart": ("x0", None),
    "s15.xstart_clip": ("x0", 1.0),
    "s4.xstart": ("x0", None),
    "s15.residual": ("residual", None),
    "s15.epsilon_clip": ("eps", 1.0),
    "s15.epsilon_scale_clip": ("eps-scaled", 1.0),
    "s15r5.xstart": ("x0", None),
}
BRIDGE_RUNS = {  # run: our prediction, temperature
    "grad.S10.eta1.0": ("displacement", 1.0),
    "grad.S10.eta0.5": ("displacement", 0.5),
    "grad.S10.eta0.0": ("displacement", 0.0),
    "noise.S10.eta1.0": ("eps", 1.0),
    "ysubx.S10.eta1.0": ("residual", 1.0),
}


def first_net(x: Tensor, y: Tensor, share: float) -> Tensor:
    """The stand-in of the bridge runs; share = time over the number of training steps."""
    return torch.tanh(0.3 * x + 0.5 * y) * (1 + 0.1 * share)


def _shift_net(process: ResidualShift, x: Tensor, y: Tensor, t: float) -> Tensor:
    steps = round(1 / process.knee)
    scale = math.sqrt(float(process.s(number(t))) ** 2 + 1)
    return first_net(x / scale, y, (round(t * steps) - 1) / steps)


@functools.cache
def _shift_run(run: str) -> Run:
    data, (prediction, clip) = load("resshift"), SHIFT_RUNS[run]
    name = run.split(".")[0]
    process = SHIFTS[name]
    indices = data[f"{name}.timestep_map"][::-1]
    times = [*((indices + 1) * process.knee).tolist(), 0.0]
    y, noise = tensor(data["y"]), tensor(data["noise"])
    x = start(process, y, noise[0], times[0])
    denoise = wrap(process, prediction, functools.partial(_shift_net, process), clip)
    return states(denoise, process, ancestral(), times, x, y, noise[1:])


def _shift_error(run: str, kind: str) -> float:
    data, (found, estimates) = load("resshift"), _shift_run(run)
    if kind == "pred_x0.f64":
        return worst(estimates, data[f"{run}.{kind}"])
    begin = worst(found[0], data[f"{run}.start.{kind.split('.')[1]}"])
    return max(begin, worst(found[1:], data[f"{run}.{kind}"]))


def _shift_posterior(name: str) -> float:
    """Coefficients of every ancestral step against q_posterior_mean_variance."""
    data, process = load("resshift"), SHIFTS[name]
    count = len(data[f"{name}.a"])
    plan = ancestral().plan(process, [i * process.knee for i in range(count, 0, -1)] + [0.0])[::-1]
    errors = [
        np.array([step.A[0] for step in plan]) - data[f"{name}.post_coef_xt"],
        np.array([step.B[0] for step in plan]) - data[f"{name}.post_coef_x0"],
        np.array([step.sigma**2 for step in plan]) - data[f"{name}.post_var"],
        np.array([step.C for step in plan]),  # these steps never use y
    ]
    return max(float(np.abs(error).max()) for error in errors)


def _marginal_error(file: str, process: Process, prefix: str, times: dict[int, float]) -> float:
    data = load(file)
    x0, y, eps = (tensor(data[name]) for name in ("x0", "y", "eps"))
    return max(
        worst(
            marginal(process, x0, y, number(t), eps),
            data[f"{prefix}q_sample.t{index}.f64"],
        )
        for index, t in times.items()
    )


@functools.cache
def _bridge_run(prediction: str, temperature: float, steps: int) -> Run:
    data, process = load("bbdm"), bbdm(steps)
    indices = data["steps.T1000.S10"] if steps == 1000 else np.arange(steps - 1, -1, -1)
    times = [*((indices + 1) / steps).tolist(), 0.0]
    y = tensor(data["y"])

    def network(x: Tensor, y: Tensor, t: float) -> Tensor:
        return first_net(x, y, (round(t * steps) - 1) / steps)

    denoise = wrap(process, prediction, network)
    return states(denoise, process, ancestral(temperature), times, y, y, tensor(data["noise"]))


def _bridge_error(run: str, kind: str) -> float:
    prediction, temperature = BRIDGE_RUNS[run]
    found, estimates = _bridge_run(prediction, temperature, 1000)
    if kind == "x0_recon":
        # The array named grad.S10.eta1.0 holds the run with eta 0 (it was written over).
        key = run.replace("grad.S10.eta0.0", "grad.S10.eta1.0")
        return worst(estimates, load("bbdm")[f"x0_recon.{key}.f64"])
    return worst(found, load("bbdm")[f"traj.{run}.{kind}"])


def _every_bridge_step() -> float:
    found, _ = _bridge_run("eps", 1.0, 12)
    return worst(found, load("bbdm")["traj_noskip_T12.noise.eta1.0.f64"])


def _bridge_targets(official: str, ours: str) -> float:
    data, process = load("bbdm"), BrownianBridge(inset=0.001, knee=1e-3)
    x0, y, eps = (tensor(data[name]) for name in ("x0", "y", "eps"))
    return max(
        worst(
            target(weights(ours, process, number((i + 1) / 1000)), x0, y, eps),
            data[f"objective.{official}.t{i}.f64"],
        )
        for i in (0, 500, 999)
    )


def cases() -> Iterator[Case]:
    """All cases of this file."""
    step = "p_sample_loop_progressive"
    for run in SHIFT_RUNS:
        for kind, tolerance in (("traj.f64", 1e-9), ("traj.f32", 2e-5), ("pred_x0.f64", 1e-9)):
            error = functools.partial(_shift_error, run, kind)
            yield Case(f"ResShift {run}.{kind}", f"{RESSHIFT} {step}", tolerance, error)
    for name in ("s15", "s4", "s15k1", "s10k05p2"):
        error = functools.partial(_shift_posterior, name)
        yield Case(f"ResShift {name} posterior", f"{RESSHIFT} q_posterior", 1e-12, error)
    for name, indices in (("s15", (0, 7, 14)), ("s4", (0, 2, 3))):
        times = {i: (i + 1) * SHIFTS[name].knee for i in indices}
        error = functools.partial(_marginal_error, "resshift", SHIFTS[name], f"{name}.", times)
        yield Case(f"ResShift {name} q_sample", f"{RESSHIFT} q_sample", 1e-9, error)
    for run in BRIDGE_RUNS:
        kinds = [("f64", 1e-9), ("f32", 2e-5)]
        kinds += [] if run in ("grad.S10.eta1.0", "grad.S10.eta0.5") else [("x0_recon", 1e-9)]
        for kind, tolerance in kinds:
            error = functools.partial(_bridge_error, run, kind)
            yield Case(f"BBDM {run}.{kind}", f"{BBDM} p_sample_loop", tolerance, error)
    yield Case("BBDM noise, all 12 of 12 steps", f"{BBDM} p_sample_loop", 1e-9, _every_bridge_step)
    times = {i: (i + 1) / 1000 for i in (0, 500, 999)}
    error = functools.partial(_marginal_error, "bbdm", bbdm(), "", times)
    yield Case("BBDM q_sample", f"{BBDM} q_sample", 1e-9, error)
    for official, ours in (("grad", "displacement"), ("noise", "eps"), ("ysubx", "residual")):
        error = functools.partial(_bridge_targets, official, ours)
        yield Case(f"BBDM target {official}", f"{BBDM} q_sample", 1e-9, error)
