"""Posterior samplers with their own law, step by step: RED-Diff."""

import functools
import math
from collections.abc import Iterator

import torch
from parity.case import Arrays, Case, load, tensor, worst
from torch import Tensor
from torch.nn import functional

from undrift.common.external import External
from undrift.common.operators.matrix import Matrix
from undrift.common.posterior.red_diff import RedDiff
from undrift.common.processes.variance_preserving import discrete

PROBLEMS = ("sr2", "in2", "deblur")
WEIGHTINGS = ("const", "log", "power2over3", "square", "trunc_linear")
RED_DIFF = "RED-diff 66482f2 algos/reddiff.py"
_DESCRIPTION = "settings of the run, repeated here, or numbers that no step uses"
UNREAD = {
    f"reddiffrepo_reddiff_{name}": {
        "x_true": "the signal that was measured; the sampler does not see it",
        "cfg_*": _DESCRIPTION, "net_calls": _DESCRIPTION, "sigma_y_arg": "the code does not use it",
    }
    for name in (*PROBLEMS, *(f"sr2_w-{w}" for w in WEIGHTINGS))
}  # fmt: skip


def noise_net(data: Arrays, x: Tensor, y: Tensor | None, t: float) -> Tensor:
    """The stand-in of all posterior runs on the VP process: eps from the state and the index."""
    index = round(t * 1000) - 1
    s = math.sqrt(1 - float(data["alpha_bar"][index]))
    kernel, mix = tensor(data["net_K3"]), tensor(data["net_MIX"])
    mixed = torch.einsum("ij,bjhw->bihw", mix, x)
    padded = functional.pad(mixed, (1, 1, 1, 1), mode="circular")
    seen = functional.conv2d(padded, kernel.expand(3, 1, 3, 3), groups=3)
    return s * x + 0.1 * torch.tanh(seen + 0.3 * math.cos(2 * math.pi * index / 1000))


def prior(data: Arrays) -> External:
    """The stand-in as a denoiser on the linear schedule of 1000 steps."""
    levels = tensor(data["alpha_bar"])
    betas = 1 - levels / torch.cat([torch.ones(1, dtype=torch.float64), levels[:-1]])
    return External(functools.partial(noise_net, data), discrete(betas.tolist()), "eps")


def operator(data: Arrays, name: str = "A_matrix") -> Matrix:
    """The official operator, written out, on pictures."""
    return Matrix(tensor(data[name]), data["x_true"].shape[1:])


def _red_diff(name: str, weighting: str, spread: float) -> float:
    data = load(f"reddiffrepo_reddiff_{name}")
    denoise = prior(data)
    method = RedDiff(
        denoise, denoise.process, operator(data), tensor(data["y"]), 0.0, rate=0.1, weight=0.25,
        weighting=weighting, spread=spread, official=True,
    )  # fmt: skip
    times = [(int(index) + 1) / 1000 for index in data["ts_descending"]]
    found: list[Tensor] = []
    method.run(
        times, tensor(data["y_pinv"]), lambda k: tensor(data[f"noise_{k:03d}"]), watch=found.append
    )
    before = tensor(data["y_pinv"]) if len(found) == 1 else found[-2]
    shown = before + spread * tensor(data[f"noise_{2 * len(found) - 2:03d}"])
    return max(
        worst(found, data["traj_mu"]), worst(found[-1], data["final_mu"]),
        worst(shown, data["final_x0_pred"]),
    )  # fmt: skip


def cases() -> Iterator[Case]:
    """All cases of this file."""
    runs = [(name, "linear", 0.0) for name in PROBLEMS]
    runs += [(f"sr2_w-{w}", w, 1e-4) for w in WEIGHTINGS]
    for name, weighting, spread in runs:
        error = functools.partial(_red_diff, name, weighting, spread)
        yield Case(f"RED-Diff {name}", RED_DIFF, 2e-5, error, "RED-Diff")
