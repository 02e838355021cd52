"""Measures the order of every solver on every kind of process and writes docs/results/orders.jsonl.

Without noise: `undrift.common.solvers.measured`, error against the exact flow of a mixture. With
noise: the weak order, of the variance, which for Gaussian data is known exactly for a whole plan.
The order is the slope of a regression over five counts of steps.

    python docs/orders.py            # in a checkout, some minutes; names of solvers for these only
    python docs/make_core_page.py
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs" / "results" / "orders.jsonl"
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from oracles import abs_at, gaussian, law, slope  # noqa: E402
from paths import MEASURED  # noqa: E402

from undrift.common.processes import Process  # noqa: E402
from undrift.common.solvers import SOLVERS, Solver, build_solver, summary  # noqa: E402
from undrift.common.solvers.measured import COUNTS, measured_order, regular_grid  # noqa: E402

# Polynomials of high degree in t itself are late to settle.
LATE = {"deis-3": (80, 128, 200, 320, 500), "deis-4": (128, 200, 320, 500, 800)}
Y = torch.tensor([0.5, 0.1, -0.4], dtype=torch.float64)
DATA = gaussian([0.2, -0.1, 0.3], [0.3, 0.2, 0.25])


def weak_order(
    solver: Solver, process: Process, counts: Sequence[int] = COUNTS
) -> tuple[float, list[float]]:
    """The slope and the largest relative errors of the variance."""
    errors = []
    for n in counts:
        grid = regular_grid(process, n)
        _, variance = DATA.moments()
        (a, _, s), (a1, _, s1) = abs_at(process, grid[0]), abs_at(process, grid[-1])
        end = law(DATA, process, solver.plan(process, grid), Y)[-1]
        wanted = a1**2 * variance + s1**2
        errors.append(float((end.variance(a**2 * variance + s**2) / wanted - 1).abs().max()))
    return slope(counts, errors), errors


def record(name: str, label: str) -> dict[str, Any]:
    """One line of the results."""
    measure = weak_order if summary(name).noisy else measured_order
    counts = LATE.get(name, COUNTS)
    order, errors = measure(build_solver(name), MEASURED[label], counts)
    return {
        "solver": name,
        "process": label,
        "order": round(order, 2),
        "steps": list(counts),
        "errors": [float(f"{error:.3g}") for error in errors],
    }


def main(names: list[str]) -> None:
    """Measures the named solvers, or all, and keeps the records of the others."""
    old = RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.is_file() else []
    places = {(r["solver"], r["process"]): r for r in map(json.loads, old)}
    for name in names:
        for label in MEASURED:
            places[name, label] = record(name, label)
            print(name, label, places[name, label]["order"], file=sys.stderr, flush=True)
    kept = [
        places[name, label] for name in SOLVERS for label in MEASURED if (name, label) in places
    ]
    RESULTS.write_text("".join(json.dumps(r) + "\n" for r in kept), encoding="utf-8")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(sys.argv[1:] or list(SOLVERS))
