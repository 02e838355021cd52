"""Consecutive Brownian bridges: both sides of three frames, step by step."""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from parity.case import Case, load, relative, tensor, worst
from parity.standins import first_net
from torch import Tensor

from undrift.common.exact import number
from undrift.common.middle_frame import sample_middle
from undrift.common.predictions import target, weights
from undrift.common.processes import ConsecutiveBridge, Process
from undrift.common.processes.brownian_bridge import skipped
from undrift.common.processes.consecutive_bridge import loss_weight, network_time, plain
from undrift.common.processes.process import marginal
from undrift.common.solvers import Step, ancestral
from undrift.common.solvers.endings import FinalCall
from undrift.common.solvers.loop import Watch

SOURCE = "ConsecutiveBrownianBridge fa4747c"
FILE = "consecutive_bb"
TARGETS = {"grad": "displacement", "noise": "eps", "ysubx": "residual", "BB": "displacement"}
UNREAD = {FILE: {"*.n_noise_used": "a count of draws: ours are as many, one a step but the last"}}


def _frames() -> tuple[Tensor, Tensor, Tensor]:
    data = load(FILE)
    return tensor(data["x_mid"]), tensor(data["y_prev"]), tensor(data["z_next"])


def _net(x: Tensor, previous: Tensor, following: Tensor, time: float) -> Tensor:
    return first_net(x, 0.5 * (previous + following), time / 1000)


def _schedule() -> float:
    data, process = load(FILE), ConsecutiveBridge()
    t = torch.arange(1, 1001, dtype=torch.float64) / 1000
    grids = [
        relative(tensor(np.array(skipped(calls)[:-1])) * 1000 - 1, data[f"steps.S{calls}"])
        for calls in (10, 50)
    ]
    return max(
        *grids,
        relative(process.m(t), data["m_t"]),
        relative(process.s(t) ** 2, data["variance_t"]),
        relative(loss_weight(process, t), data["loss_weight"]),
    )


def _forward(kind: str) -> float:
    data, process, (middle, _, following) = load(FILE), ConsecutiveBridge(), _frames()
    eps, errors = tensor(data["eps"]), []
    for i in (0, 500, 999):
        t = number((i + 1) / 1000)
        x = marginal(process, middle, following, t, eps)
        errors.append(worst(x, data[f"q_sample.xz.t{i}.{kind}"]))
        for official, ours in TARGETS.items():
            aim = target(weights(ours, process, t), middle, following, eps)
            errors.append(worst(aim, data[f"objective.{official}.t{i}.{kind}"]))
    return max(errors)


@dataclass(frozen=True)
class Single(FinalCall):
    """The steps of "BB" with the float32 numbers that their code divides indices into.

    Raises ValueError if those are not ours but for the rounding.
    """

    def plan(self, process: Process, times: Sequence[float]) -> list[Step]:
        steps = super().plan(process, times)
        t = torch.tensor([round(t * 1000) for t in times]) / 1000  # float32
        share, sigma = (t[:-1] - t[1:]) / t[:-1], torch.sqrt(t[1:] - t[1:].pow(2.0) / t[:-1])
        ours = [(step.A[0], step.B[0], step.sigma) for step in steps[:-1]]
        pairs = zip(share.tolist(), sigma.tolist(), strict=True)
        theirs = [(1 - take, take, noise) for take, noise in pairs]
        if not np.allclose(ours, theirs, rtol=0, atol=2e-7):
            raise ValueError("these are not the steps of BB")
        rounded = [
            Step(step.t, (keep,), (take,), 0.0, noise)
            for step, (keep, take, noise) in zip(steps, theirs, strict=False)
        ]
        return [*rounded, steps[-1]]


@functools.cache
def _run(objective: str, sides: tuple[str, ...]) -> tuple[dict[str, list[Tensor]], list[int]]:
    """States by side, and the times that the network saw."""
    (_, previous, following), noise = _frames(), tensor(load(FILE)["noise"])
    process, solver, times = ConsecutiveBridge(), ancestral(), skipped(10)
    if objective == "BB":  # its steps count time as index/T, and the last call is at 0
        process, solver = plain(), Single(ancestral())
        times = [(round(t * 1000) - 1) / 1000 for t in times[:-1]]
    found = {"next": [following], "previous": [previous]}
    told: dict[str, list[int]] = {"next": [], "previous": []}

    def network(x: Tensor, previous: Tensor, following: Tensor, time: int) -> Tensor:
        told["next" if time > 1000 else "previous"].append(time)
        out = _net(x, previous, following, time)
        return x - out if objective == "BB" else out

    def watch(side: str) -> Watch:
        return lambda number, x, estimate: found[side].append(x)

    sample_middle(
        network, previous, following, process=process, solver=solver, times=times,
        prediction="x0" if objective == "BB" else TARGETS[objective], sides=sides,
        first=float(objective != "BB"), draw=lambda k: noise[k - 1], watch=watch,
    )  # fmt: skip
    order = [time for row in zip(*(told[side] for side in sides), strict=True) for time in row]
    return found, order


def _error(objective: str, kind: str) -> float:
    data = load(FILE)
    both, both_times = _run(objective, ("next", "previous"))
    one, one_times = _run(objective, ("next",))
    return max(
        worst(both["next"], data[f"bi.{objective}.next.{kind}"]),
        worst(both["previous"], data[f"bi.{objective}.prev.{kind}"]),
        worst(one["next"], data[f"latent.{objective}.next.{kind}"]),
        relative(tensor(np.array(both_times)), data[f"bi.{objective}.net_times"]),
        relative(tensor(np.array(one_times)), data[f"latent.{objective}.net_times"]),
    )


def _loss(draw: str, side: str) -> float:
    """Absolute error of x_t - x0, weighted; the official draw chooses the side of the batch."""
    data, process, (middle, previous, following) = load(FILE), ConsecutiveBridge(), _frames()
    end = following if side == "next" else previous
    times = [network_time(index, side) for index in (100, 900)]
    t = torch.tensor([0.101, 0.901], dtype=torch.float64)
    x = marginal(process, middle, end, t, tensor(data["eps"]))
    told = data[f"loss.grad.l1.rand{draw}.net_times"]  # of the first item only
    out = torch.stack([_net(x[k], previous[k], following[k], times[k]) for k in range(2)])
    aim = target(weights("displacement", process, t), middle, end, tensor(data["eps"]))
    loss = ((aim - out).abs() * loss_weight(process, t).reshape(-1, 1, 1, 1)).mean()
    shown = relative(tensor(np.array(times[: len(told)])), told)
    return max(relative(loss, data[f"loss.grad.l1.rand{draw}"]), shown)


def cases() -> Iterator[Case]:
    """All cases of this file."""

    def case(name: str, function: str, tolerance: float, error: functools.partial[float]) -> Case:
        source = f"{SOURCE} {function}"
        return Case(f"consecutive {name}", source, tolerance, error, "consecutive-bridge")

    yield case("schedule and grids", "register_schedule", 1e-9, functools.partial(_schedule))
    for kind, tolerance in (("f64", 1e-9), ("f32", 2e-5)):
        error = functools.partial(_forward, kind)
        yield case(f"q_sample and targets {kind}", "q_sample", tolerance, error)
        for objective in TARGETS:
            error = functools.partial(_error, objective, kind)
            yield case(f"{objective} by sides {kind}", "bi_p_sample_loop", tolerance, error)
    for draw, side in (("0.9", "next"), ("0.1", "previous")):
        error = functools.partial(_loss, draw, side)
        yield case(f"loss, {side} side", "bi_p_losses", 1e-9, error)
