"""Resfusion: schedules with their cut, targets and runs, step by step."""

import functools
from collections.abc import Iterator

import numpy as np
import torch
from parity.case import Case, load, relative, states, tensor, worst
from parity.standins import first_net, second_net
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.exact import number
from undrift.common.external import External
from undrift.common.predictions import target, weights
from undrift.common.processes import Resfusion
from undrift.common.processes.process import marginal, start
from undrift.common.solvers import ancestral

SOURCE = "Resfusion c84d5d7"
NAMES = {"LinearPro": "linear", "CosinePro": "cosine"}
RUNS = {"epsilon": ("resnoise", None), "sample": ("x0", 1.0), "residual": ("residual", 1.0)}
PLACES = {"LinearPro": (0, 2, 4), "CosinePro": (0, 2, 7)}
UNREAD = {"resfusion": {"*.n_noise_used": "it counts a last draw that the code sets to 0"}}


def _times(process: Resfusion) -> list[float]:
    return [i / process.calls for i in range(process.calls, -1, -1)]


def _schedule(name: str, steps: int) -> float:
    """r^2 is their alphas_hat; the first previous one is a copy, which only a masked draw sees."""
    data, process = load("resfusion"), Resfusion(steps, NAMES[name])
    key, count = f"{name}.T{steps}", process.calls
    t = torch.arange(1, count + 1, dtype=torch.float64) / count
    whole, alpha = process.root(t) ** 2, process.last_multiplier(t) ** 2
    before = torch.cat([whole[:1], whole[:-1]])
    sigmas = [step.sigma for step in ancestral().plan(process, _times(process))[-2::-1]]
    spread = torch.cat([(1 - alpha)[:1], tensor(np.array(sigmas)) ** 2])
    return max(
        abs(count - int(data[f"{key}.T_acc"])),
        relative(whole, data[f"{key}.alphas_hat"]),
        relative(alpha, data[f"{key}.alphas"]),
        relative(1 - alpha, data[f"{key}.betas"]),
        relative(spread, data[f"{key}.betas_hat"]),
        relative(before, data[f"{key}.alphas_hat_t_minus_1"]),
        worst(process.a(t), data[f"{key}.a"]),  # goes to 0
        relative(process.b(t), data[f"{key}.b"]),
        relative(process.s(t), data[f"{key}.s"]),
    )


def _table(name: str) -> float:
    """T' and the last root for every T of the table, and a refusal where theirs are not numbers."""
    gaps = [0.0]
    for steps, calls, _, root, broken, _ in load("resfusion")[f"table.{name}"].tolist():
        try:
            process = Resfusion(int(steps), NAMES[name])
        except InputError:
            gaps.append(0.0 if broken else 1.0)
            continue
        last = float(process.root(number(1.0)))
        gaps += [float(broken), abs(process.calls - calls), abs(last - root)]
    return max(gaps)


def _forward(name: str, kind: str) -> float:
    data, process = load("resfusion"), Resfusion(12, NAMES[name])
    x0, y, eps = (tensor(data[key]) for key in ("x0", "y", "eps"))
    errors = []
    for i in PLACES[name]:
        t = number((i + 1) / process.calls)
        aim = target(weights("resnoise", process, t), x0, y, eps)
        errors += [
            worst(marginal(process, x0, y, t, eps), data[f"{name}.T12.x_t.t{i}.{kind}"]),
            worst(aim, data[f"{name}.T12.resnoise.t{i}.{kind}"]),
        ]
    return max(errors)


@functools.cache
def _run(name: str, mode: str) -> list[Tensor]:
    data, process = load("resfusion"), Resfusion(12, NAMES[name])
    net = second_net if mode == "epsilon" else first_net

    def network(x: Tensor, y: Tensor | None, t: float) -> Tensor:
        return net(x, y, (round(t * process.calls) - 1) / 12)

    prediction, clip = RUNS[mode]
    y, noise = tensor(data["y"]), tensor(data["noise"])
    # Where r is not quite 1/2, theirs starts at r y, and so does ours: (a + b) y.
    denoise = External(network, process, prediction, clip=clip)
    x = start(process, y, noise[0])
    return states(denoise, process, ancestral(), _times(process), x, y, noise[1:])[0]


def _error(name: str, mode: str, kind: str) -> float:
    return worst(_run(name, mode), load("resfusion")[f"{name}.T12.{mode}.traj.{kind}"])


def cases() -> Iterator[Case]:
    """All cases of this file."""

    def case(name: str, function: str, tolerance: float, error: functools.partial[float]) -> Case:
        return Case(f"Resfusion {name}", f"{SOURCE} {function}", tolerance, error, "resfusion")

    for name in NAMES:
        for steps in (12, 50, 273) if name == "LinearPro" else (12, 50):
            error = functools.partial(_schedule, name, steps)
            yield case(f"{name} schedule, T {steps}", f"{name}Scheduler", 1e-9, error)
        error = functools.partial(_table, name)
        yield case(f"{name} cut, 129 lengths", "get_acc_point", 2e-5, error)
        for kind, tolerance in (("f64", 1e-9), ("f32", 2e-5)):
            error = functools.partial(_forward, name, kind)
            yield case(f"{name} x_t and resnoise {kind}", "training_step", tolerance, error)
            for mode in RUNS:
                error = functools.partial(_error, name, mode, kind)
                yield case(f"{name} {mode} {kind}", "generate", tolerance, error)
