"""Samplers that push the state after a step of the prior, and DiffPIR, TMPD and DDNM, by step."""

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from parity.case import Arrays, Case, load, tensor, worst
from parity.posterior_standins import Learned, operator, prior
from torch import Tensor
from torch.nn import functional

from undrift.common.denoisers import Estimate
from undrift.common.external import External
from undrift.common.operators.coarse import Average
from undrift.common.operators.diagonal import Mask
from undrift.common.operators.matrix import Matrix
from undrift.common.operators.svd import SVD
from undrift.common.posterior.ddnm import DDNMPlus, DDNMShift
from undrift.common.posterior.dps_shift import DPSShift
from undrift.common.posterior.flowchef import FlowChef
from undrift.common.posterior.gdp import of_scale
from undrift.common.posterior.pigdm_shift import PiGDMShift
from undrift.common.posterior.proximal import DiffPIR
from undrift.common.posterior.redrawn import Redrawn
from undrift.common.posterior.tmpd import TMPD
from undrift.common.processes.flow import Flow
from undrift.common.processes.process import Process
from undrift.common.solvers.ddim import DDIM
from undrift.common.solvers.loop import Denoise, run_plan

RED_DIFF = "RED-diff 66482f2 algos"
_SETTINGS = "settings of the run, repeated here, or arrays that no step uses"
_LAST = "drawn in the last step, times 0"
_SHARED = {"net_calls": _SETTINGS}
UNREAD = {
    **{
        f"reddiffrepo_{name}": {**_SHARED, "cfg_[!eg]*": _SETTINGS, "cfg_grad*": _SETTINGS,
                                "sigma_y_arg": _SETTINGS, "noise_020": _LAST}
        for name in ("dps_in2", "dps_sr2", "pgdm_sr2", "pgdm_deblur")
    },
    "dpsrepo_ps_sr4": {**_SHARED, "var_type": _SETTINGS, "noise_*": "drawn for a y without use"},
    "tmpdtorch_tmp_sr4": {
        **_SHARED, "var_type": _SETTINGS, "scale": _SETTINGS,
        "distance": "of an estimate before the correction", "noise_025": _LAST,
    },
    **{
        f"ddnmrepo_{name}_l1r1": {**_SHARED, "perm": _SETTINGS, "x_true": _SETTINGS,
                                  "Apinv_matrix": "our own is used"}
        for name in ("inpaint_s0.1", "deno_s0.1")
    },
    "ddnmrepo_sr2_s0_l1r1": {
        **_SHARED, "perm": _SETTINGS, "sigma_y": _SETTINGS, "Apinv_matrix": "our own is used",
        "singulars": _SETTINGS, "V_matrix": _SETTINGS, "noise_020": _LAST,
    },
    "diffpirrepo_inpaint_n20_s0": {
        **_SHARED, "x_true_png": _SETTINGS, "iter_num": _SETTINGS,
        "noise_level*": "0, which the code replaces by .001",
        "noise_*": "two draws of three are not used",
    },
    "flowchefrepo_sr2_g10": {"net_*": "another stand-in", "alpha_bar": "a flow", "N": _SETTINGS,
                             "noise_000": "the start", "x_true": _SETTINGS},
}  # fmt: skip


@dataclass
class Seen:
    """A denoiser that keeps its estimates, scaled by a: a D, all that a state holds of them.

    The published runs are float32, so that D itself is lost to a factor 1/a where a is small.
    """

    inner: Denoise
    process: Process
    estimates: list[Tensor] = field(default_factory=list)
    levels: list[float] = field(default_factory=list)

    def __call__(self, x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        found = self.inner(x, t, y, level)
        self.levels.append(float(self.process.a(torch.tensor(t, dtype=torch.float64))))
        self.estimates.append(found.x0.detach())
        return found

    def error(self, theirs: np.ndarray) -> float:
        scales = torch.tensor(self.levels, dtype=torch.float64).reshape(-1, *[1] * 4)
        return worst(torch.stack(self.estimates) * scales, theirs * scales.numpy())


def numbered(data: Arrays, number: Callable[[int], int] = lambda k: k) -> Callable[[int], Tensor]:
    """Our draw k is their draw number(k)."""
    return lambda k: tensor(data[f"noise_{number(k):03d}"])


def _times(indices: Iterable[int]) -> list[float]:
    return [(int(index) + 1) / 1000 for index in indices]


def _red_diff(name: str) -> float:
    data = load(f"reddiffrepo_{name}")
    denoise = prior(data)
    seen = Seen(denoise, denoise.process)
    kind, weight = (DPSShift, 0.2) if name.startswith("dps") else (PiGDMShift, 1.0)
    method = kind(seen, seen.process, operator(data), tensor(data["y"]), 0.0, weight=weight)
    times = _times(data["ts_descending"])
    a, s = method.ends_at(times[0])
    found = [a * tensor(data["y_pinv"]) + s * tensor(data["noise_000"])]
    plan = DDIM(float(data["cfg_eta"])).plan(seen.process, [*times, 0.0])
    method.run(found[0], plan, draw=numbered(data), watch=lambda _, x, e: found.append(x))
    return max(worst(found, data["traj_xt"]), seen.error(data["traj_x0"]))


def _square(data: Arrays) -> Matrix:
    return Matrix(tensor(data["A_matrix"]), data["x_true"].shape[1:], data["y"].shape[1:])


def _dps() -> float:
    data = load("dpsrepo_ps_sr4")
    denoise, look = Learned(data, 1.0), _square(data)
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


def _tmpd() -> float:
    data = load("tmpdtorch_tmp_sr4")
    inner = Learned(data, None)
    method = TMPD(inner, inner.process, _square(data), tensor(data["y"]), 0.05)

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


def _ddnm_exact() -> float:
    data = load("ddnmrepo_sr2_s0_l1r1")
    denoise = prior(data)
    seen = Seen(denoise, denoise.process)
    method = DDNMShift(seen, seen.process, operator(data), tensor(data["y"]), 0.0)
    plan = Redrawn(float(data["eta"]) ** 2).plan(seen.process, [*_times(data["traj_t"]), 0.0])
    found = [tensor(data["noise_000"])]
    method.run(found[0], plan, draw=numbered(data), watch=lambda _, x, e: found.append(x))
    return max(
        worst(found[:-1], data["traj_net_in"]), worst(found[-1], data["final"]),
        worst(seen.estimates[-1], data["last_x0"]),
    )  # fmt: skip


class Rotated(Matrix):
    """A matrix with the official right singular vectors, in their order."""

    def __init__(self, data: Arrays):
        super().__init__(tensor(data["A_matrix"]), (3, 8, 8))
        self.right, self.values = tensor(data["V_matrix"]), tensor(data["singulars"])

    def _svd(self) -> SVD:
        rank, gap = len(self.values), len(self.right) - len(self.values)
        left = self.matrix @ self.right[:, :rank] / self.values
        return SVD(
            functional.pad(self.values, (0, gap)),
            lambda x: x.flatten(1) @ self.right,
            lambda z: (z @ self.right.T).reshape(-1, *self.shape_in),
            lambda y: functional.pad(y @ left, (0, gap)),
            lambda z: z[:, :rank] @ left.T,
        )


def _ddnm_plus(name: str) -> float:
    data = load(f"ddnmrepo_{name}_l1r1")
    denoise, look = prior(data), Rotated(data)
    method = DDNMPlus(
        denoise, denoise.process, look, tensor(data["y"]), float(data["sigma_y"]),
        eta=float(data["eta"]),
    )  # fmt: skip
    found = [tensor(data["noise_000"])]
    draw = numbered(data)
    method.run(
        _times(data["traj_t"]), lambda k: draw(k).flatten(1) @ look.right, start=found[0],
        watch=lambda x, e: found.append(x),
    )  # fmt: skip
    return max(
        worst(found[:-1], data["traj_net_in"]), worst(found[-1], data["final"]),
        worst(found[-1], data["last_x0"]),
    )  # fmt: skip


def _diffpir() -> float:
    data = load("diffpirrepo_inpaint_n20_s0")
    mask, measured = tensor(data["mask"]), 2 * tensor(data["y01"]) - 1
    denoise = prior(data, 1.0)
    seen = Seen(denoise, denoise.process)
    weight, sigma = float(data["lambda_"]) / 4, 2 * 0.001  # [0, 1] -> [-1, 1]
    method = DiffPIR(
        seen, seen.process, Mask(mask[0], mask.shape[1:]), mask * measured, sigma, weight=weight
    )
    levels = np.sqrt((1 - data["alpha_bar"]) / data["alpha_bar"])
    indices = [int(np.abs(levels - level).argmin()) for level in data["sigma_level"]]
    times = _times(indices)
    a, s = method.ends_at(times[0])
    found = [a * measured + s * tensor(data["noise_000"])]
    plan = Redrawn(float(data["zeta"])).plan(seen.process, times)
    run_plan(
        method, found[0], plan, draw=numbered(data, lambda k: 3 * k),
        watch=lambda _, x, e: found.append(x),
    )  # fmt: skip
    return max(
        worst(found, data["traj_net_in"]), seen.error(data["traj_net_x0"][:-1]),
        worst((found[-1] + 1) / 2, data["final_01"]),
    )  # fmt: skip


def _flowchef() -> float:
    data = load("flowchefrepo_sr2_g10")

    def network(x: Tensor, y: Tensor | None, t: float) -> Tensor:
        return (1 - t) / ((1 - t) ** 2 + t**2) * x + 0.1 * torch.tanh(x)

    seen = Seen(External(network, Flow(), "x0"), Flow())
    look = Average((3, 8, 8), 2)
    weight = of_scale(float(data["gradient_scale"]), look)
    method = FlowChef(seen, seen.process, look, tensor(data["y"]), 0.0, weight=weight)
    plan = DDIM().plan(seen.process, [1 - 1e-5, *(1 - i / 20 for i in range(1, 21))])
    found = [tensor(data["z1"])]
    method.run(found[0], plan, watch=lambda _, x, e: found.append(x))
    return max(worst(found, data["traj"]), worst(seen.estimates, data["traj_x0"]))


def cases() -> Iterator[Case]:
    """All cases of this file."""
    for name in ("dps_in2", "dps_sr2", "pgdm_sr2", "pgdm_deblur"):
        group, error = name.split("_")[0].upper(), functools.partial(_red_diff, name)
        yield Case(f"reddiffrepo_{name}", f"{RED_DIFF}/{name.split('_')[0]}.py", 2e-5, error, group)
    sampling = "DPS effbde7 guided_diffusion/gaussian_diffusion.py"
    yield Case("dpsrepo_ps_sr4", sampling, 2e-5, _dps, "DPS")
    yield Case("tmpdtorch_tmp_sr4", "TMPD-torch cb74dbf condition_methods.py", 1e-3, _tmpd, "TMPD")
    ddnm = "DDNM 00b58ea functions/svd_ddnm.py"
    yield Case("ddnmrepo_sr2_s0", ddnm, 2e-5, _ddnm_exact, "DDNM")
    for name in ("inpaint_s0.1", "deno_s0.1"):
        yield Case(f"ddnmrepo_{name}", ddnm, 2e-5, functools.partial(_ddnm_plus, name), "DDNM+")
    program = "DiffPIR 111d26e main_ddpir.py"
    yield Case("diffpirrepo_inpaint_n20_s0", program, 2e-5, _diffpir, "DiffPIR")
    flow = "FlowChef 9b705fc generate_inverseproblems_flowchef.py"
    yield Case("flowchefrepo_sr2_g10", flow, 2e-5, _flowchef, "FlowChef")
