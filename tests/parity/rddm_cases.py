"""RDDM for restoration: clocks, posteriors, grids, losses and runs, step by step."""

import functools
import math
from collections.abc import Iterator

import numpy as np
import torch
from parity.case import Case, load, relative, states, tensor, worst
from parity.standins import first_net, second_net
from torch import Tensor

from undrift.common.exact import number
from undrift.common.external import Output, Outside
from undrift.common.processes.process import marginal
from undrift.common.processes.rddm import RDDM, skipped, start
from undrift.common.residual_heads import OBJECTIVES, ResidualHeads
from undrift.common.solvers import DDIM, Solver, ancestral

SOURCE = "RDDM e597481"
CLOCKS = {"T1000.ss1": RDDM(), "T20.ss1": RDDM(20), "T20.ss0.01": RDDM(20, 0.01)}
RUNS: dict[str, tuple[str, int, int, Solver]] = {  # run: objective, steps, calls, solver
    "T1000.S5.pred_res_noise": ("pred_res_noise", 1000, 5, DDIM()),
    "T1000.S5.pred_res": ("pred_res", 1000, 5, DDIM()),
    "T1000.S5.pred_noise": ("pred_noise", 1000, 5, DDIM()),
    "T1000.S5.pred_x0_noise": ("pred_x0_noise", 1000, 5, DDIM()),
    "T1000.S5.pred_res_add_noise": ("pred_res_add_noise", 1000, 5, DDIM()),
    "T1000.S10.pred_res.eta0.5": ("pred_res", 1000, 10, DDIM(math.sqrt(0.5))),
    "T1000.S10.pred_res.eta1.0": ("pred_res", 1000, 10, DDIM(1.0)),
    "T20.ancestral.pred_res_noise": ("pred_res_noise", 20, 20, ancestral()),
    "T20.ancestral.pred_res": ("pred_res", 20, 20, ancestral()),
}


def schedule(file: str, prefix: str, process: RDDM) -> float:
    """Both clocks and the coefficients of q_posterior, in the order of their indices.

    Their two increments of the first step are set by hand, and not used.
    """
    data, count = load(file), process.steps
    t = torch.arange(1, count + 1, dtype=torch.float64) / count
    plan = ancestral().plan(process, [i / count for i in range(count, -1, -1)])[::-1]
    A, B, C, sigma = (
        torch.tensor(column, dtype=torch.float64)
        for column in zip(*((s.A[0], s.B[0], s.C, s.sigma) for s in plan), strict=True)
    )
    errors = [
        relative(process.residual_clock(t), data[f"{prefix}.alphas_cumsum"]),
        relative(process.noise_clock(t), data[f"{prefix}.betas_cumsum"]),
        relative(process.noise_clock(t) ** 2, data[f"{prefix}.betas2_cumsum"]),
        relative(A, data[f"{prefix}.posterior_mean_coef1"]),
        worst(C, data[f"{prefix}.posterior_mean_coef2"]),  # a difference of nearly equal terms
        relative(B + C, data[f"{prefix}.posterior_mean_coef3"]),  # of x0; theirs has y = x0 + R
        relative(sigma**2, data[f"{prefix}.posterior_variance"]),
    ]
    return max(errors)


def _grids() -> float:
    data = load("rddm_restoration")
    keys = [key for key in data if key.startswith("times.")]
    return max(
        relative(tensor(np.array(skipped(int(key.split("S")[1])))) * 1000 - 1, data[key])
        for key in keys
    )


def _forward(kind: str) -> float:
    data, process = load("rddm_restoration"), CLOCKS["T1000.ss1"]
    x0, y, eps = (tensor(data[name]) for name in ("x0", "y", "eps"))
    return max(
        worst(
            marginal(process, x0, y, number((i + 1) / 1000), eps),
            data[f"T1000.q_sample.t{i}.{kind}"],
        )
        for i in (0, 199, 999)
    )


def heads(objective: str, steps: int) -> Outside:
    """The stand-in networks: one output or two, told the index of the step."""

    def network(x: Tensor, y: Tensor | None, t: float) -> Output:
        share = (round(t * steps) - 1) / steps
        first = first_net(x, y, share)
        two = len(OBJECTIVES[objective]) == 2
        return (first, second_net(x, y, share)) if two else first

    return network


@functools.cache
def _run(run: str) -> list[Tensor]:
    data, (objective, steps, calls, solver) = load("rddm_restoration"), RUNS[run]
    process, times = RDDM(steps), skipped(calls, steps)
    y, noise = tensor(data["y"]), tensor(data["noise"])
    direct = 1.0 if calls == steps else times[-2]
    denoise = ResidualHeads(heads(objective, steps), process, objective, clip=1.0, direct=direct)
    found, _ = states(denoise, process, solver, times, start(process, y, noise[0]), y, noise[1:])
    return found


def _error(run: str, kind: str) -> float:
    found = [(x + 1) / 2 for x in _run(run)]
    return worst(found, load("rddm_restoration")[f"{run}.traj01.{kind}"])


def _loss(objective: str, norm: str) -> float:
    """The sum over the heads of mean errors."""
    data, process = load("rddm_restoration"), RDDM()
    x0, y, eps = (tensor(data[name]) for name in ("x0", "y", "eps"))
    indices = torch.tensor([123.0, 777.0], dtype=torch.float64)
    x = marginal(process, x0, y, (indices + 1) / 1000, eps)
    names = {"residual": y - x0, "eps": eps, "x0": x0}
    names |= {"residual+eps": y - x0 + eps, "x0+eps": x0 + eps}
    total = torch.zeros((), dtype=torch.float64)
    share = (indices / 1000).reshape(-1, 1, 1, 1)
    outputs = (
        torch.tanh(0.3 * x + 0.5 * y) * (1 + 0.1 * share),
        torch.tanh(0.2 * x - 0.4 * y) * (1 - 0.05 * share),
    )
    for out, name in zip(outputs, OBJECTIVES[objective], strict=False):
        gap = (out - names[name]).abs()
        total = total + (gap if norm == "l1" else gap**2).mean()
    return relative(total, data[f"loss.{objective}.{norm}"])


def cases() -> Iterator[Case]:
    """All cases of this file."""

    def case(name: str, function: str, tolerance: float, error: functools.partial[float]) -> Case:
        return Case(f"RDDM {name}", f"{SOURCE} {function}", tolerance, error, "rddm")

    for name, process in CLOCKS.items():
        error = functools.partial(schedule, "rddm_restoration", name, process)
        yield case(f"{name} clocks and posterior", "__init__", 1e-9, error)
    yield case("grids", "ddim_sample", 1e-9, functools.partial(_grids))
    for kind, tolerance in (("f64", 1e-9), ("f32", 2e-5)):
        yield case(f"q_sample {kind}", "q_sample", tolerance, functools.partial(_forward, kind))
        for run in RUNS:
            function = "p_sample_loop" if "ancestral" in run else "ddim_sample"
            yield case(f"{run} {kind}", function, tolerance, functools.partial(_error, run, kind))
    for objective in OBJECTIVES:
        for norm in ("l1", "l2"):
            error = functools.partial(_loss, objective, norm)
            yield case(f"loss {objective} {norm}", "p_losses", 1e-9, error)
