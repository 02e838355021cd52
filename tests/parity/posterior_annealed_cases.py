"""DAPS, level by level, with Langevin moves and with momentum, on its HDR and averaging tasks."""

import functools
from collections.abc import Iterator

import numpy as np
from parity.case import Arrays, Case, load, tensor, worst
from parity.posterior_files import excused, last_noise, names
from parity.posterior_standins import sharp_prior
from torch import Tensor

from undrift.common.operators.coarse import Average
from undrift.common.operators.diagonal import Mask
from undrift.common.operators.operator import Operator
from undrift.common.operators.tone import Clip
from undrift.common.posterior.daps import DAPS
from undrift.common.posterior.given_estimate import Langevin
from undrift.common.processes.variance_exploding import VarianceExploding

RUNS = names("dapsrepo_*")
_IDLE = "net_calls", "mc_mc_algo", "mc_prior_solver", "alpha_bar"
UNREAD = {
    name: excused(name, *_IDLE, *(() if "inpaint" in name else ("mask",)))
    | excused(name, last_noise(name), reason="drawn in the last level, times 0")
    for name in RUNS
}  # fmt: skip


def _look(data: Arrays, name: str) -> Operator:
    signal, measured = data["x_true"].shape[1:], data["y"].shape[1:]
    if "inpaint" in name:
        return Mask(tensor(data["mask"])[0], signal)
    return Clip(signal) if "hdr" in name else Average(signal, signal[-1] // measured[-1])


def _daps(name: str) -> float:
    data = load(name)
    process = VarianceExploding(high=100.0, law="linear")
    moves = Langevin(
        int(data["mc_num_steps"]), float(data["mc_lr"]), float(data["mc_lr_min_ratio"]),
        float(data["mc_momentum"]) if "mc_momentum" in data else None,
    )  # fmt: skip
    sigma = float(data["mc_tau"]) / np.sqrt(2)  # their likelihood lacks the factor 1/2
    prior = sharp_prior(data, process)
    method = DAPS(prior, process, _look(data, name), tensor(data["y"]), sigma, inner=moves)
    found: list[tuple[Tensor, ...]] = []
    start = tensor(data["x_start"])
    end = method.run(
        [float(sigma) / 100 for sigma in data["annealing_sigmas"]], start,
        lambda k: tensor(data[f"noise_{k:03d}"]), watch=lambda *each: found.append(each),
    )  # fmt: skip
    kept = zip(*found, strict=True)
    keys = "traj_xt", "traj_x0hat", "traj_x0y"
    return max(
        worst(100 * tensor(data["noise_000"]), data["x_start"]), worst(end, data["final"]),
        *(worst(list(ours), data[key]) for ours, key in zip(kept, keys, strict=True)),
    )  # fmt: skip


def cases() -> Iterator[Case]:
    """All cases of this file."""
    for name in RUNS:
        error = functools.partial(_daps, name)
        yield Case(name, "DAPS 098df6b sampler.py", 2e-5, error, "DAPS")
