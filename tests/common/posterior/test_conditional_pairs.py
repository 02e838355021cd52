"""Any process with any conditional denoiser under any solver: every pair occurs in the sample.

The result must explain the measurement far better than the prior's own run from the same noise.
"""

import itertools
from typing import Any

import pytest
from gaussian_posterior import SIZE, SPREAD, arrays, prior, some
from oracles import EVERY, abs_at

from undrift.common.grids import by_log_snr
from undrift.common.operators.matrix import Matrix
from undrift.common.posterior.conditional import Conditional
from undrift.common.posterior.gradient import DPS
from undrift.common.posterior.jfps import JFPS
from undrift.common.posterior.moment_matching import MomentMatching
from undrift.common.posterior.pigdm import PiGDM
from undrift.common.posterior.proximal import DDNM, DiffPIR
from undrift.common.posterior.tmpd import TMPD
from undrift.common.solvers import build_solver
from undrift.common.solvers.loop import run_plan

# The last number: chi^2 over that of the prior's run is below it.
KINDS: dict[str, tuple[type[Conditional], dict[str, Any], float]] = {
    "MMPS": (MomentMatching, {}, 0.4),
    "MMPS, GMRES": (MomentMatching, {"method": "gmres"}, 0.4),
    "PiGDM": (PiGDM, {}, 0.4),
    "JFPS": (JFPS, {}, 0.4),
    "TMPD": (TMPD, {}, 0.4),
    "DiffPIR": (DiffPIR, {}, 0.4),
    "DDNM": (DDNM, {}, 0.4),
    "annealed DPS": (DPS, {"rule": "annealed"}, 0.7),
    "SDA": (DPS, {"rule": "sda", "gamma": 0.3}, 0.4),
}
SOLVERS = (
    "ddim", "ancestral", "multistep-2", "sde-multistep-2", "unipc-2", "heun", "plms", "deis-2",
)  # fmt: skip


def pairwise(*axes: list[str]) -> list[tuple[str, ...]]:
    """Few combinations in which every two values of two axes meet; greedy."""
    every = list(itertools.product(*axes))
    columns = list(itertools.combinations(range(len(axes)), 2))

    def pairs(row: tuple[str, ...]) -> set[tuple[int, int, str, str]]:
        return {(i, j, row[i], row[j]) for i, j in columns}

    missing, chosen = set().union(*map(pairs, every)), []
    while missing:
        chosen.append(max(every, key=lambda row: len(pairs(row) & missing)))
        missing -= pairs(chosen[-1])
    return chosen


SAMPLE = pairwise(list(EVERY), list(KINDS), list(SOLVERS))


@pytest.mark.parametrize(("process", "kind", "solver"), SAMPLE)
def test_they_run_together_and_explain_the_measurement(
    process: str, kind: str, solver: str
) -> None:
    path, (method, options, share) = EVERY[process], KINDS[kind]
    p = arrays("gaussian_bridge")
    y = p["y_degraded"].expand(8, -1)
    denoise = prior(p["mean_given_yd"], p["cov_given_yd"], path)
    operator, seen = Matrix(p["A"], (SIZE,)), p["y_obs"][None]
    told = method(denoise, path, operator, seen, float(p["sigma_obs"]), SPREAD, **options)
    steps = build_solver(solver).plan(path, by_log_snr(path, 12, SPREAD, low=0.02))
    _, b, s = abs_at(path, 1.0)
    out = {}
    for name, run in (("free", denoise), ("told", told)):
        start = b * y + s * some(8, SIZE, seed=1)
        x = run_plan(run, start, steps, y=y, draw=lambda k: some(8, SIZE, seed=2 + k))
        out[name] = float((operator(x) - seen).square().mean()) / float(p["sigma_obs"]) ** 2
    assert out["told"] < share * out["free"]
