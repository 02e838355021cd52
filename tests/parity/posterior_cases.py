"""Posterior samplers with their own law, step by step: RED-Diff and DDRM."""

import functools
import math
from collections.abc import Iterator

from parity.case import Arrays, Case, load, tensor, worst
from parity.posterior_standins import operator, prior
from torch import Tensor
from torch.nn import functional

from undrift.common.denoisers import Estimate
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.svd import SVD
from undrift.common.operators.tone import Clip
from undrift.common.posterior.ddrm import DDRM
from undrift.common.posterior.red_diff import RedDiff

PROBLEMS = ("sr2", "in2", "deblur", "hdr")
WEIGHTINGS = ("const", "log", "power2over3", "square", "trunc_linear")
RED_DIFF = "RED-diff 66482f2 algos/reddiff.py"
DDRM_CODE = "DDRM 32b6b3c functions/denoising.py"
DDRM_RUNS = {
    **{f"ddrmrepo_{n}_s0.1": 0.1 for n in ("sr2", "deblur", "color", "cs2", "deno")},
    "ddrmrepo_inpaint_s0": 0.0, "reddiffrepo_ddrm_sr2": 0.1,
}  # fmt: skip
_DESCRIPTION = "settings of the run, repeated here, or numbers that no step uses"
_SETTINGS = {"cfg_*": _DESCRIPTION, "net_calls": _DESCRIPTION, "sigma_y_arg": _DESCRIPTION}
UNREAD = {
    **{
        f"reddiffrepo_reddiff_{name}": _SETTINGS
        for name in (*PROBLEMS, *(f"sr2_w-{w}" for w in WEIGHTINGS))
    },
    "reddiffrepo_reddiff_hdr": {**_SETTINGS, "x_true": _DESCRIPTION},
    **{
        name: {
            "sigma_0": _DESCRIPTION, "eta*": _DESCRIPTION, "net_calls": _DESCRIPTION,
            "A_matrix": "its singular vectors are used",
        }
        for name in DDRM_RUNS if name.startswith("ddrm")
    },
    "reddiffrepo_ddrm_sr2": {
        **_SETTINGS, "A_matrix": "its singular vectors are used", "y_pinv": "no step uses it",
    },
}  # fmt: skip


def _red_diff(name: str, weighting: str, spread: float) -> float:
    data = load(f"reddiffrepo_reddiff_{name}")
    denoise, seen = prior(data), tensor(data["y"])
    clipped = name == "hdr"  # the clip of their HDR task, begun at half the measurement
    method = RedDiff(
        denoise, denoise.process, Clip(seen.shape[1:]) if clipped else operator(data), seen, 0.0,
        rate=0.1, weight=0.25, weighting=weighting, spread=spread, official=True,
    )  # fmt: skip
    begin = seen / 2 if clipped else tensor(data["y_pinv"])
    times = [(int(index) + 1) / 1000 for index in data["ts_descending"]]
    found: list[Tensor] = []
    method.run(times, begin, lambda k: tensor(data[f"noise_{k:03d}"]), watch=found.append)
    shown = found[-2] + spread * tensor(data[f"noise_{2 * len(found) - 2:03d}"])
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


def _ddrm(name: str, sigma: float) -> float:
    data = load(name)
    denoise = prior(data)
    method = DDRM(denoise, denoise.process, Spectral(data), tensor(data["y"]), sigma)
    found: list[Tensor] = []
    clean: list[Tensor] = []

    def watch(x: Tensor, estimate: Estimate) -> None:
        found.append(x)
        clean.append(estimate.x0)

    times = [(index + 1) / 1000 for index in _ddrm_times(data)]
    noise = functools.partial(_ddrm_noise, data, sigma)
    # The authors divide the start by rho, where a takes it back to the state: 1/s, here 1.00005.
    begun = method.start(times[0], noise) / method.ends_at(times[0])[1]
    method.run(times, noise, start=begun, watch=watch)
    return max(
        worst(begun, data["traj_xt"][0]), worst(found, data["traj_xt"][1:]),
        worst(clean, data["traj_x0"]),
    )  # fmt: skip


def cases() -> Iterator[Case]:
    """All cases of this file."""
    runs = [(name, "linear", 0.0) for name in PROBLEMS]
    runs += [(f"sr2_w-{w}", w, 1e-4) for w in WEIGHTINGS]
    for name, weighting, spread in runs:
        error = functools.partial(_red_diff, name, weighting, spread)
        yield Case(f"RED-Diff {name}", RED_DIFF, 2e-5, error, "RED-Diff")
    for name, sigma in DDRM_RUNS.items():
        error = functools.partial(_ddrm, name, sigma)
        source = RED_DIFF.replace("reddiff.py", "ddrm.py") if name.startswith("red") else DDRM_CODE
        yield Case(name, source, 2e-5, error, "DDRM")
