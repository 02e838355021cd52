"""Samplers that push the state after a step of the prior, and TMPD, step by step."""

import functools
from collections.abc import Iterator

import torch
from parity.case import Arrays, Case, load, tensor, worst
from parity.posterior_files import (
    Seen,
    excused,
    last_noise,
    names,
    numbered,
    times,
)
from parity.posterior_standins import Learned, operator, prior
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.external import External
from undrift.common.operators.coarse import Average
from undrift.common.operators.matrix import Matrix
from undrift.common.operators.operator import Operator
from undrift.common.operators.phase import phase_retrieval
from undrift.common.posterior.dps_shift import DPSShift
from undrift.common.posterior.flowchef import FlowChef
from undrift.common.posterior.gdp import of_scale
from undrift.common.posterior.pigdm_shift import DiagonalPiGDMShift, PiGDMShift
from undrift.common.posterior.tmpd import TMPD
from undrift.common.processes.flow import Flow
from undrift.common.solvers.ddim import DDIM
from undrift.common.solvers.loop import run_plan

RED_DIFF = "RED-diff 66482f2 algos"
SHIFTS = names("reddiffrepo_dps_*", "reddiffrepo_pgdm_*")
DPS = names("dpsrepo_ps_*")
TMP = names("tmpdtorch_tmp_*")
PIG = names("tmpdtorch_pig_*")
FLOWS = names("flowchefrepo_*")
_LAST = "drawn in the last step, times 0"
UNREAD = {
    **{
        name: excused(name, "net_calls", "cfg_[!eg]*", "sigma_y_arg")
        | excused(name, last_noise(name), reason=_LAST)
        for name in SHIFTS
    },
    **{
        name: excused(name, "net_calls", "var_type")
        | excused(name, "noise_*", reason="drawn for a y without use")
        for name in DPS
    },
    **{
        name: excused(name, "net_calls", "var_type", "scale")
        | excused(name, "distance", reason="of an estimate before the correction")
        | excused(name, last_noise(name), reason=_LAST)
        for name in TMP
    },
    **{
        name: excused(name, "net_calls", "var_type")
        | excused(name, last_noise(name), reason=_LAST)
        for name in PIG
    },
    **{
        name: excused(name, "x_true", "net_*", "alpha_bar", "noise_000") for name in FLOWS
    },
}  # fmt: skip


def _red_diff(name: str) -> float:
    data = load(name)
    denoise = prior(data)
    seen = Seen(denoise, denoise.process)
    weight = float(data["cfg_grad_term_weight"])
    # their gradient is that of the square over the norm, twice that of the norm
    kind, weight = (DPSShift, 2 * weight) if "_dps_" in name else (PiGDMShift, weight)
    method = kind(seen, seen.process, operator(data), tensor(data["y"]), 0.0, weight=weight)
    grid = times(data["ts_descending"])
    a, s = method.ends_at(grid[0])
    found = [a * tensor(data["y_pinv"]) + s * tensor(data["noise_000"])]
    plan = DDIM(float(data["cfg_eta"])).plan(seen.process, [*grid, 0.0])
    method.run(found[0], plan, draw=numbered(data), watch=lambda _, x, e: found.append(x))
    return max(worst(found, data["traj_xt"]), seen.error(data["traj_x0"]))


def _look(data: Arrays) -> Operator:
    """The operator, written out; phase retrieval, which has no matrix, by its oversampling."""
    signal, measured = data["x_true"].shape[1:], data["y"].shape[1:]
    if "A_matrix" in data:
        look = Matrix(tensor(data["A_matrix"]), signal, measured)
        if "mask" in data:
            masked = tensor(data["mask"]) * tensor(data["x_true"])
            torch.testing.assert_close(look(tensor(data["x_true"])), masked)
        return look
    return phase_retrieval(signal, measured[-1] / signal[-1])


def _dps(name: str) -> float:
    data = load(name)
    denoise, look = Learned(data, 1.0), _look(data)
    seen = Seen(denoise, denoise.process)
    method = DPSShift(seen, seen.process, look, tensor(data["y"]), 0.0, weight=float(data["scale"]))
    plan = DDIM(1.0).plan(seen.process, [k / 25 for k in range(25, -1, -1)])
    found: list[Tensor] = []
    start, draw = tensor(data["x_init"]), numbered(data, lambda k: 2 * k - 1)
    method.run(start, plan, draw=draw, watch=lambda _, x, e: found.append(x), widen=True)
    gaps = [torch.linalg.vector_norm(tensor(data["y"]) - look(x0)) for x0 in seen.estimates]
    return max(
        worst(start, data["noise_000"]), worst(found, data["traj"]),
        worst(found[-1], data["final"]), worst(gaps, data["distance"]),
        seen.error(data["traj_x0hat"]),
    )  # fmt: skip


def _tmpd(name: str) -> float:
    data = load(name)
    inner = Learned(data, None)
    method = TMPD(inner, inner.process, _look(data), tensor(data["y"]), 0.05)

    def noisy(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        return Estimate(method(x, t).x0, var=inner.variance(x, t))

    seen = Seen(noisy, inner.process)
    plan = DDIM(1.0).plan(inner.process, [k / 25 for k in range(25, -1, -1)])
    found = [tensor(data["x_init"])]
    run_plan(
        seen, found[0], plan, draw=numbered(data), widen=True,
        watch=lambda _, x, e: found.append(x),
    )  # fmt: skip
    return max(
        worst(found[0], data["noise_000"]), worst(found[:-1], data["traj"]),
        worst(found[-1], data["final"]), worst(seen.estimates, data["traj_x0hat"]),
    )  # fmt: skip


def _pig(name: str) -> float:
    data = load(name)
    inner, look = Learned(data, 1.0).inner, _look(data)
    seen = Seen(inner, inner.process)
    method = DiagonalPiGDMShift(
        seen, seen.process, look, tensor(data["y"]), 0.05, v0=float(data["scale"])
    )
    plan = DDIM(1.0).plan(seen.process, [k / 25 for k in range(25, -1, -1)])
    found = [tensor(data["x_init"])]
    method.run(found[0], plan, draw=numbered(data), watch=lambda _, x, e: found.append(x))
    gaps = [torch.linalg.vector_norm(tensor(data["y"]) - look(x0)) for x0 in seen.estimates]
    return max(
        worst(found[0], data["noise_000"]), worst(found[:-1], data["traj"]),
        worst(found[-1], data["final"]), worst(gaps, data["distance"]),
        seen.error(data["traj_x0hat"]),
    )  # fmt: skip


def _flowchef(name: str) -> float:
    data = load(name)

    def network(x: Tensor, y: Tensor | None, t: float) -> Tensor:
        return (1 - t) / ((1 - t) ** 2 + t**2) * x + 0.1 * torch.tanh(x)

    seen, n = Seen(External(network, Flow(), "x0"), Flow()), int(data["N"])
    look = Average((3, 8, 8), 2)
    weight = of_scale(float(data["gradient_scale"]), look)
    method = FlowChef(seen, seen.process, look, tensor(data["y"]), 0.0, weight=weight)
    plan = DDIM().plan(seen.process, [1 - 1e-5, *(1 - i / n for i in range(1, n + 1))])
    found = [tensor(data["z1"])]
    method.run(found[0], plan, watch=lambda _, x, e: found.append(x))
    return max(worst(found, data["traj"]), worst(seen.estimates, data["traj_x0"]))


def cases() -> Iterator[Case]:
    """All cases of this file."""
    for name in SHIFTS:
        part = name.split("_")[1]
        error = functools.partial(_red_diff, name)
        yield Case(name, f"{RED_DIFF}/{part}.py", 2e-5, error, part.upper())
    for name in DPS:
        sampling = "DPS effbde7 guided_diffusion/gaussian_diffusion.py"
        yield Case(name, sampling, 2e-5, functools.partial(_dps, name), "DPS")
    tmpd = "TMPD-torch cb74dbf condition_methods.py"
    for name in TMP:
        yield Case(name, tmpd, 1e-3, functools.partial(_tmpd, name), "TMPD")
    for name in PIG:
        yield Case(name, tmpd, 2e-5, functools.partial(_pig, name), "PiGDM")
    flow = "FlowChef 9b705fc generate_inverseproblems_flowchef.py"
    for name in FLOWS:
        yield Case(name, flow, 2e-5, functools.partial(_flowchef, name), "FlowChef")
