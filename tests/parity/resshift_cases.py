"""ResShift: schedules, posteriors, losses and runs, step by step."""

import functools
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from parity.case import Case, load, relative, states, tensor, worst
from parity.standins import first_net
from torch import Tensor

from undrift.common.exact import number
from undrift.common.external import External
from undrift.common.predictions import target, weights
from undrift.common.processes.process import marginal, start
from undrift.common.processes.residual_shift import input_scale, published, respaced
from undrift.common.solvers import Step, ancestral

SOURCE = "ResShift journal 3ce1d81"
CONFIGS = {
    "s15": published(),
    "s4": published(4, 0.2),
    "s15k1": published(kappa=1.0),
    "s10k05p2": published(10, kappa=0.5, power=2.0, last=0.95),
    "s15r5": published(),
}
CALLS = {"s15": 15, "s4": 4, "s15k1": 15, "s10k05p2": 10, "s15r5": 5}
RUNS = {  # run: our prediction, bound of the estimate
    "s15.xstart": ("x0", None),
    "s15.xstart_clip": ("x0", 1.0),
    "s4.xstart": ("x0", None),
    "s15.residual": ("residual", None),
    "s15.epsilon_clip": ("eps", 1.0),
    "s15.epsilon_scale_clip": ("eps-scaled", 1.0),
    "s15r5.xstart": ("x0", None),
}
TARGETS = {
    "xstart": "x0",
    "residual": "residual",
    "epsilon": "eps",
    "epsilon_scale": "eps-scaled",
}
UNREAD = {"resshift": {"*.n_noise_used": "it counts a last draw that their mask throws away"}}


def _times(config: str) -> list[float]:
    return respaced(round(1 / CONFIGS[config].knee), CALLS[config])


def _steps(config: str) -> list[Step]:
    """Our ancestral steps in the order of their indices."""
    return ancestral().plan(CONFIGS[config], _times(config))[::-1]


def _schedule(config: str) -> float:
    data, process = load("resshift"), CONFIGS[config]
    times = tensor(np.array(_times(config)[-2::-1]))
    indices = times * round(1 / process.knee) - 1
    return max(
        relative(indices, data[f"{config}.timestep_map"]),
        relative(process.root_eta(times), data[f"{config}.sqrt_etas"]),
        relative(process.a(times), data[f"{config}.a"]),
        relative(process.b(times), data[f"{config}.b"]),
        relative(process.s(times), data[f"{config}.s"]),
        relative(number(process.kappa), data[f"{config}.kappa"]),
    )


def _posterior(config: str) -> float:
    data, steps = load("resshift"), _steps(config)

    def column(values: Sequence[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float64)

    variances = column([step.sigma**2 for step in steps])
    clipped = torch.cat([variances[1:2], variances[1:]])
    return max(
        relative(column([step.A[0] for step in steps]), data[f"{config}.post_coef_xt"]),
        relative(column([step.B[0] for step in steps]), data[f"{config}.post_coef_x0"]),
        relative(variances, data[f"{config}.post_var"]),
        relative(torch.log(clipped), data[f"{config}.post_logvar_clipped"]),
        max(abs(step.C) for step in steps),  # these steps never use y
    )


def _bound(config: str, prediction: str) -> Tensor:
    """Weights of the variational bound, B^2/(2 sigma^2) of the ancestral step, by index."""
    steps, process = _steps(config), CONFIGS[config]
    sigmas = [step.sigma for step in steps]
    sigmas[0] = sigmas[1]  # the last step draws none
    bound = tensor(np.array([(s.B[0] / v) ** 2 / 2 for s, v in zip(steps, sigmas, strict=True)]))
    times = tensor(np.array([step.t for step in steps]))
    gain = process.s(times) / process.a(times)  # of x0 from eps
    return bound * gain**2 if prediction.startswith("eps") else bound


def _weights(config: str) -> float:
    found = relative(_bound(config, "x0"), load("resshift")[f"{config}.weight_loss_mse_x0"])
    if config == "s15":
        eps = relative(_bound(config, "eps"), load("resshift")["s15.weight_loss_mse_eps"])
        return max(found, eps)
    return found


def _ends() -> tuple[Tensor, Tensor, Tensor]:
    data = load("resshift")
    return tensor(data["x0"]), tensor(data["y"]), tensor(data["eps"])


def _loss(official: str, weighting: str) -> float:
    process, (x0, y, eps) = CONFIGS["s15"], _ends()
    indices = torch.tensor([3, 11])
    t = (indices + 1).double() / 15
    x = marginal(process, x0, y, t, eps)
    scale, share = (v.reshape(-1, 1, 1, 1) for v in (input_scale(process, t), t - 1 / 15))
    out = torch.tanh(0.3 * x / scale + 0.5 * y) * (1 + 0.1 * share)
    aim = target(weights(TARGETS[official], process, t), x0, y, eps)
    loss = ((aim - out) ** 2).flatten(1).mean(1)
    if official == "epsilon_scale":
        loss = loss / process.s(t) ** 2
    if weighting == "weighted":
        loss = loss * _bound("s15", TARGETS[official])[indices]
    return relative(loss, load("resshift")[f"loss.{official}.{weighting}.f64"])


def _forward(config: str, kind: str, indices: Sequence[int]) -> float:
    """q_sample, _scale_input and q_posterior_mean_variance."""
    data, process, (x0, y, eps) = load("resshift"), CONFIGS[config], _ends()
    steps, errors = _steps(config), []
    for i in indices:
        t = number((i + 1) * process.knee)
        x = marginal(process, x0, y, t, eps)
        mean = steps[i].A[0] * x + steps[i].B[0] * x0
        errors += [
            worst(x, data[f"{config}.q_sample.t{i}.{kind}"]),
            worst(x / input_scale(process, t), data[f"{config}.scale_input_latent.t{i}.{kind}"]),
            worst(mean, data[f"{config}.posterior_mean.t{i}.{kind}"]),
        ]
    i = indices[1]
    pixel = x0 / input_scale(process, number((i + 1) * process.knee), "pixel")
    return max(*errors, worst(pixel, data[f"{config}.scale_input_pixel.t{i}.{kind}"]))


@functools.cache
def _run(run: str) -> tuple[list[Tensor], list[Tensor]]:
    data, (prediction, clip) = load("resshift"), RUNS[run]
    config = run.split(".")[0]
    process = CONFIGS[config]
    count = round(1 / process.knee)

    def network(x: Tensor, y: Tensor | None, t: float) -> Tensor:
        scaled = x / input_scale(process, number(t))
        return first_net(scaled, y, (round(t * count) - 1) / count)

    y, noise, times = tensor(data["y"]), tensor(data["noise"]), _times(config)
    x = start(process, y, noise[0], times[0])
    denoise = External(network, process, prediction, clip=clip)
    return states(denoise, process, ancestral(), times, x, y, noise[1:])


def _error(run: str, kind: str) -> float:
    data, (found, estimates) = load("resshift"), _run(run)
    begin = worst(found[0], data[f"{run}.start.{kind}"])
    if kind == "f64":
        begin = max(begin, worst(estimates, data[f"{run}.pred_x0.{kind}"]))
    return max(begin, worst(found[1:], data[f"{run}.traj.{kind}"]))


def cases() -> Iterator[Case]:
    """All cases of this file."""

    def case(name: str, function: str, tolerance: float, error: functools.partial[float]) -> Case:
        source = f"{SOURCE} {function}"
        return Case(f"ResShift {name}", source, tolerance, error, "residual-shift")

    for config in CONFIGS:
        parts = (("schedule", _schedule), ("posterior", _posterior), ("loss weights", _weights))
        for name, check in parts:
            yield case(f"{config} {name}", "__init__", 1e-9, functools.partial(check, config))
    for kind, tolerance in (("f64", 1e-9), ("f32", 2e-5)):
        for config, indices in (("s15", (0, 7, 14)), ("s4", (0, 2, 3))):
            error = functools.partial(_forward, config, kind, indices)
            yield case(f"{config} q_sample, posterior {kind}", "q_sample", tolerance, error)
        for run in RUNS:
            error = functools.partial(_error, run, kind)
            yield case(f"{run} {kind}", "p_sample_loop_progressive", tolerance, error)
    for official in TARGETS:
        for weighting in ("plain", "weighted"):
            error = functools.partial(_loss, official, weighting)
            yield case(f"loss {official} {weighting}", "training_losses", 1e-9, error)
