"""Measures what singular ends leave of a solver's order; writes docs/results/end_orders.jsonl.

From t = 1 to exactly 0, both ends included, for eight fixed draws of the start's noise; the truth
is the exact flow of the mixture from s/a = 1000, where the state is its mean and noise, to 1e-5.
Slopes over 10 to 160 steps, once with equal steps in t and once in the angle psi.

    python docs/end_orders.py        # in a checkout, a minute or two
    python docs/make_core_page.py
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs" / "results" / "end_orders.jsonl"
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from oracles import abs_at, broad, slope  # noqa: E402

from undrift.common.grids import build_grid  # noqa: E402
from undrift.common.processes import (  # noqa: E402
    I2SB,
    BrownianBridge,
    Flow,
    MeanReverting,
    Process,
    ResidualShift,
    SchroedingerBridge,
)
from undrift.common.solvers import build_solver  # noqa: E402
from undrift.common.solvers.loop import run_plan  # noqa: E402

PROCESSES: dict[str, Process] = {
    "BBDM": BrownianBridge(),
    "SB-VE": SchroedingerBridge(),
    "I2SB": I2SB(),
    "ResShift": ResidualShift(),
    "IR-SDE": MeanReverting(),
    "flow": Flow(),
}
SOLVERS = ("ddim", "multistep-2", "deis-2", "heun", "unipc-2")
GRIDS = ("uniform", "angle")
COUNTS = (10, 20, 40, 80, 160)
SIGMA_D = 0.35
Y = torch.tensor([0.5, 0.1, -0.4], dtype=torch.float64)


def record(name: str, label: str, grid: str) -> dict[str, Any]:
    """One line of the results."""
    process, data = PROCESSES[label], broad()
    mean, _ = data.moments()
    noise = torch.randn(8, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    exact = data.flow(mean + 1e3 * noise, 1e3, 1e-5)
    a, b, s = abs_at(process, 1.0)
    errors = []
    for n in COUNTS:
        plan = build_solver(name).plan(process, build_grid(grid, process, n, SIGMA_D))
        begin = a * mean + b * Y + s * noise
        end = run_plan(data.denoiser(process), begin, plan, y=Y, draw=lambda k: noise)
        errors.append(float((end - exact).abs().max()))
    return {
        "solver": name,
        "process": label,
        "grid": grid,
        "order": round(slope(COUNTS, errors), 2),
        "steps": list(COUNTS),
        "errors": [float(f"{error:.3g}") for error in errors],
    }


def records() -> Iterator[dict[str, Any]]:
    """Every solver on every process and grid."""
    for label in PROCESSES:
        for name in SOLVERS:
            for grid in GRIDS:
                yield record(name, label, grid)


if __name__ == "__main__":
    torch.set_num_threads(1)
    RESULTS.write_text("".join(json.dumps(r) + "\n" for r in records()), encoding="utf-8")
