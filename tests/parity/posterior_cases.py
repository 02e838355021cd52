"""Posterior samplers with their own law, step by step: RED-Diff and DDRM."""

import functools
import math
from collections.abc import Iterator

from parity.case import Arrays, Case, load, tensor, worst
from parity.posterior_files import excused, names, numbered, times
from parity.posterior_standins import operator, prior
from torch import Tensor
from torch.nn import functional

from undrift.common.denoisers import Estimate
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.svd import SVD
from undrift.common.operators.tone import Clip
from undrift.common.posterior.ddrm import DDRM
from undrift.common.posterior.red_diff import RedDiff

RED_DIFF = "RED-diff 66482f2 algos/reddiff.py"
DDRM_CODE = "DDRM 32b6b3c functions/denoising.py"
OPTIMISED = names("reddiffrepo_reddiff_*")
SPECTRAL = names("ddrmrepo_*", "reddiffrepo_ddrm_*")
_ITS = "its singular vectors are used"
UNREAD = {
    **{
        name: excused(
            name, "cfg_awd", "cfg_cond_awd", "cfg_eta", "net_calls", "sigma_y_arg",
            *(("x_true",) if "A_matrix" not in load(name) else ()),
        ) for name in OPTIMISED
    },
    **{
        name: excused(name, "cfg_[!e]*", "net_calls")
        | excused(name, "A_matrix", reason=_ITS)
        | excused(name, "y_pinv", reason="no step uses it")
        for name in SPECTRAL
    },
}  # fmt: skip


def _red_diff(name: str) -> float:
    data = load(name)
    denoise, seen = prior(data), tensor(data["y"])
    clipped = "A_matrix" not in data  # the clip of their HDR task, begun at half the measurement
    spread = float(data["cfg_sigma_x0"])
    method = RedDiff(
        denoise, denoise.process, Clip(seen.shape[1:]) if clipped else operator(data), seen, 0.0,
        rate=float(data["cfg_lr"]), spread=spread, official=True,
        weight=float(data["cfg_grad_term_weight"]) / float(data["cfg_obs_weight"]),
        weighting=name.split("_w-")[1] if "_w-" in name else "linear",
    )  # fmt: skip
    begin = seen / 2 if clipped else tensor(data["y_pinv"])
    found: list[Tensor] = []
    draw = numbered(data)
    method.run(times(data["ts_descending"]), begin, draw, watch=found.append)
    shown = found[-2] + spread * draw(2 * len(found) - 2)
    return max(
        worst(found, data["traj_mu"]), worst(found[-1], data["final_mu"]),
        worst(shown, data["final_x0_pred"]),
    )  # fmt: skip


class Spectral(LinearOperator):
    """The official operator by its own singular vectors, in the official order."""

    def __init__(self, data: Arrays):
        shape = data["x_true"].shape[1:]
        super().__init__(shape, (data["Ut_matrix"].shape[1],))
        self.right, self.left = tensor(data["V_matrix"]), tensor(data["Ut_matrix"])
        gap = len(self.right) - len(data["singulars"])
        self.values = functional.pad(tensor(data["singulars"]), (0, gap))

    def _svd(self) -> SVD:
        left, rank = self.left, len(self.left)
        return SVD(
            self.values,
            lambda x: x.flatten(1) @ self.right,
            lambda z: (z @ self.right.T).reshape(-1, *self.shape_in),
            lambda y: functional.pad(y @ left.T, (0, len(self.values) - rank)),
            lambda z: z[:, :rank] @ left,
        )


def _ddrm_noise(data: Arrays, sigma: float, k: int) -> Tensor:
    """The draws of step k at the coordinates that use them: all, then "after", then "before"."""
    if k == 0:
        return tensor(data["noise_000"]).flatten(1)
    full, after, before = (tensor(data[f"noise_{3 * k - 2 + i:03d}"]) for i in range(3))
    values = tensor(data["singulars"])
    index = _ddrm_times(data)
    level = float(data["alpha_bar"][index[k]]) if k < len(index) else 1.0
    later = values * math.sqrt((1 - level) / level)
    out = full.clone()
    out[:, : len(values)][:, later < sigma] = after
    out[:, : len(values)][:, later > sigma] = before[:, later > sigma]
    return out


def _ddrm_times(data: Arrays) -> list[int]:
    listed = data["seq"] if "seq" in data else data["ts_descending"]
    return sorted((int(index) for index in listed), reverse=True)


def _ddrm(name: str) -> float:
    data = load(name)
    denoise = prior(data)
    # they give sigma in [0, 1] or already doubled
    sigma = float(data["sigma_0"]) if "sigma_0" in data else 2 * float(data["sigma_y_arg"])
    eta = float(data["eta"] if "eta" in data else data["cfg_eta"])
    eta_b = float(data["etaB"] if "etaB" in data else data["cfg_eta_b"])
    method = DDRM(
        denoise, denoise.process, Spectral(data), tensor(data["y"]), sigma, eta=eta, eta_b=eta_b
    )
    found: list[Tensor] = []
    clean: list[Tensor] = []

    def watch(x: Tensor, estimate: Estimate) -> None:
        found.append(x)
        clean.append(estimate.x0)

    grid = times(_ddrm_times(data))
    noise = functools.partial(_ddrm_noise, data, sigma)
    # The authors divide the start by rho, where a takes it back to the state: 1/s, here 1.00005.
    begun = method.start(grid[0], noise) / method.ends_at(grid[0])[1]
    method.run(grid, noise, start=begun, watch=watch)
    return max(
        worst(begun, data["traj_xt"][0]), worst(found, data["traj_xt"][1:]),
        worst(clean, data["traj_x0"]),
    )  # fmt: skip


def cases() -> Iterator[Case]:
    """All cases of this file."""
    for name in OPTIMISED:
        yield Case(name, RED_DIFF, 2e-5, functools.partial(_red_diff, name), "RED-Diff")
    for name in SPECTRAL:
        source = RED_DIFF.replace("reddiff.py", "ddrm.py") if name.startswith("red") else DDRM_CODE
        yield Case(name, source, 2e-5, functools.partial(_ddrm, name), "DDRM")
