"""The InverseBench suite: RED-Diff, DPS, LGD, DiffPIR, DAPS and PnP-DM, by calls of the network."""

import functools
import itertools
import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from parity.case import Arrays, Case, load, tensor, worst
from parity.posterior_files import excused, last_noise, names, numbered
from parity.posterior_standins import sharp_prior
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.operators.coarse import Average
from undrift.common.posterior.daps import DAPS
from undrift.common.posterior.dps_shift import DPSShift
from undrift.common.posterior.given_estimate import Langevin
from undrift.common.posterior.inversebench import (
    InverseBenchDiffPIR,
    InverseBenchPnPDM,
    InverseBenchRedDiff,
    polynomial_ratios,
)
from undrift.common.posterior.lgd import LGDShift
from undrift.common.posterior.redrawn import Redrawn
from undrift.common.posterior.split_gibbs import falling
from undrift.common.processes.process import Process
from undrift.common.processes.variance_exploding import VarianceExploding
from undrift.common.processes.variance_preserving import VariancePreserving
from undrift.common.solvers.euler_maruyama import EulerMaruyama
from undrift.common.solvers.loop import run_plan

SUITE = "inversebench"
LOOK = Average((3, 8, 8), 2)
VP = VariancePreserving(0.1, 20.0)
SCALE = 0.3  # of DPS and LGD in these runs
_STEPS = "sigma_steps", "scaling_steps", "factor_steps", "scaling_factor"


def asked(data: Arrays, process: Process) -> tuple[Callable[..., Estimate], list[Tensor]]:
    """The stand-in, and what it is shown, x/a."""
    inner, shown = sharp_prior(data, process), list[Tensor]()

    def denoise(
        x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        shown.append(x.detach() / float(process.a(torch.tensor(t, dtype=torch.float64))))
        return inner(x, t, y, level)

    return denoise, shown


def vp_times(data: Arrays) -> list[float]:
    """t of 1 down to .001, then where s/a is their last one; s/a has to be theirs at all."""
    count = len(data["sigma_steps"]) - 1
    last = float(data["sigma_steps"][-1])
    bend = math.sqrt(0.1**2 + 2 * 19.9 * math.log1p(last**2))
    grid = [1 - k / (count - 1) * 0.999 for k in range(count)] + [(bend - 0.1) / 19.9]
    t = torch.tensor(grid, dtype=torch.float64)
    scales, ratios = VP.a(t), VP.s(t) / VP.a(t)
    np.testing.assert_allclose(ratios.numpy(), data["sigma_steps"], rtol=1e-9)
    np.testing.assert_allclose(scales.numpy(), data["scaling_steps"], rtol=1e-9)
    return grid


def compared(data: Arrays, shown: list[Tensor], end: Tensor, process: Process) -> float:
    """Of everything the network saw, scaled by a, and of the result."""
    ratios = data["net_sigma"]
    scale = 1 / np.sqrt(1 + ratios**2) if process is VP else np.ones_like(ratios)
    beside = scale.reshape(-1, 1, 1, 1, 1)
    seen = torch.stack(shown) * torch.from_numpy(beside)
    return max(worst(seen, data["net_in"] * beside), worst(end, data["final"]))


def _guided(name: str) -> float:
    """DPS; and LGD, which draws its points first in every step."""
    data = load(name)
    grid = vp_times(data)
    denoise, shown = asked(data, VP)
    plan = EulerMaruyama(denoise_last=False).plan(VP, grid)
    start = VP.s(torch.tensor(1.0, dtype=torch.float64)) * tensor(data["noise_000"])
    shared = denoise, VP, LOOK, tensor(data["y"]), 0.0
    draws = numbered(data)
    if "_lgd_" in name:
        place = {t: k for k, t in enumerate(grid)}

        def normals(t: float) -> Tensor:
            return draws(2 * place[t] + 1)

        method = LGDShift(*shared, weight=SCALE, normals=normals, official=True)
        fresh = numbered(data, lambda k: 2 * k)
    else:
        method, fresh = DPSShift(*shared, weight=SCALE), draws
    lengths = [step.sigma**2 for step in plan]
    keep = [step.A[0] + step.B[0] / a for step, a in zip(plan, data["scaling_steps"], strict=False)]
    end = method.run(start, plan, draw=fresh, end=grid[-1])
    return max(
        worst(torch.tensor(lengths), data["factor_steps"]),
        worst(torch.tensor(keep), data["scaling_factor"]), compared(data, shown, end, VP),
    )  # fmt: skip


def _diffpir(name: str) -> float:
    data = load(name)
    grid = vp_times(data)
    denoise, shown = asked(data, VP)
    method = InverseBenchDiffPIR(denoise, VP, LOOK, tensor(data["y"]), 0.05, weight=8.0)
    start = VP.s(torch.tensor(1.0, dtype=torch.float64)) * tensor(data["noise_000"])
    plan = Redrawn(1.0).plan(VP, grid)
    end = run_plan(method, start, plan, draw=numbered(data))
    return compared(data, shown, end / float(data["scaling_steps"][-1]), VP)  # no a at the end


def _red_diff(name: str) -> float:
    data = load(name)
    grid = vp_times(data)
    denoise, shown = asked(data, VP)
    method = InverseBenchRedDiff(denoise, VP, LOOK, tensor(data["y"]), 0.0, rate=0.02)
    end = method.run(grid[:-1], torch.zeros(1, 3, 8, 8, dtype=torch.float64), numbered(data))
    return compared(data, shown, end, VP)


def _pnpdm(name: str) -> float:
    data = load(name)
    process = VarianceExploding(high=20.0, law="linear")
    denoise, shown = asked(data, process)
    method = InverseBenchPnPDM(
        denoise, process, LOOK, tensor(data["y"]), 0.05,
        inner=Langevin(10, 1e-4, 1.0), ratios=polynomial_ratios(20),
    )  # fmt: skip
    ratios = list(itertools.chain.from_iterable(
        [method.ends_at(step.t)[1] for step in method.steps(rho)] for rho in _widths()
    ))  # fmt: skip
    end = method.run(_widths(), tensor(data["noise_000"]), numbered(data))
    return max(worst(torch.tensor(ratios), data["net_sigma"]), compared(data, shown, end, process))


def _widths() -> tuple[float, ...]:
    return falling(5, 10.0, 0.02, 0.5)


def _daps(name: str) -> float:
    data = load(name)
    process = VarianceExploding(high=100.0, law="linear")
    denoise, shown = asked(data, process)
    levels = [float(r) for r in dict.fromkeys(data["net_sigma"][::5])]
    method = DAPS(
        denoise, process, LOOK, tensor(data["y"]), 0.01, calls=5, ends_clean=True,
        inner=Langevin((len(names_of(data)) - 1) // len(levels) - 1, 1e-4, 0.01),
    )  # fmt: skip
    start = levels[0] * tensor(data["noise_000"])
    end = method.run([*(r / 100 for r in levels), 0.0], start, numbered(data))
    return compared(data, shown, end, process)


def names_of(data: Arrays) -> list[str]:
    """Keys of the draws."""
    return [key for key in data if key.startswith("noise_")]


RUNS: dict[str, Callable[[str], float]] = {
    "dps": _guided, "lgd": _guided, "diffpir": _diffpir, "reddiff": _red_diff, "pnpdm": _pnpdm,
    "daps": _daps,
}  # fmt: skip
FOUND = {name: RUNS[name.split("_")[1]] for name in names(f"{SUITE}_*")}
UNREAD = {
    name: excused(name, "x_true", "net_calls", "alpha_bar")
    | (excused(name, *_STEPS[2:]) if run in (_diffpir, _red_diff) else {})
    | (excused(name, *_STEPS) if run is _daps else {})
    | (excused(name, last_noise(name), reason="times 0") if run is _daps else {})
    for name, run in FOUND.items()
}  # fmt: skip


def cases() -> Iterator[Case]:
    """All cases of this file."""
    for name, run in FOUND.items():
        source = f"InverseBench b113d67 algo/{name.split('_')[1]}.py"
        yield Case(name, source, 2e-5, functools.partial(run, name), "InverseBench")
