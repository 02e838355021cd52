"""DAPS, level by level, with Langevin moves and with momentum, on its HDR and averaging tasks."""

import functools
from collections.abc import Iterator

import numpy as np
from parity.case import Case, load, tensor, worst
from parity.posterior_standins import sharp_prior
from torch import Tensor

from undrift.common.operators.coarse import Average
from undrift.common.operators.tone import Clip
from undrift.common.posterior.daps import DAPS
from undrift.common.posterior.given_estimate import Langevin
from undrift.common.processes.variance_exploding import VarianceExploding

RUNS = {"hdr_langevin": Clip((3, 8, 8)), "sr2_hmc": Average((3, 8, 8), 2)}
_SETTINGS = "settings of the run, repeated here, or arrays that no step uses"
_IDLE = "x_true", "mask", "net_calls", "mc_mc_algo", "mc_prior_solver", "alpha_bar"
UNREAD = {
    f"dapsrepo_{name}": {
        **dict.fromkeys(_IDLE, _SETTINGS),
        last: "drawn in the last level, times 0",
    }
    for name, last in (("hdr_langevin", "noise_168"), ("sr2_hmc", "noise_112"))
}


def _daps(name: str) -> float:
    data = load(f"dapsrepo_{name}")
    process = VarianceExploding(high=100.0, law="linear")
    moves = Langevin(
        int(data["mc_num_steps"]), float(data["mc_lr"]), float(data["mc_lr_min_ratio"]),
        float(data["mc_momentum"]) if "mc_momentum" in data else None,
    )  # fmt: skip
    sigma = float(data["mc_tau"]) / np.sqrt(2)  # their likelihood lacks the factor 1/2
    prior = sharp_prior(data, process)
    method = DAPS(prior, process, RUNS[name], tensor(data["y"]), sigma, inner=moves)
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
        yield Case(f"dapsrepo_{name}", "DAPS 098df6b sampler.py", 2e-5, error, "DAPS")
