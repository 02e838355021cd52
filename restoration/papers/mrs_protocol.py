"""MRS on the exact problems: quality against calls for the samplers of the paper.

`as_published` repeats what the baselines of the authors' code do when they are given n < T steps:
they pass through n of the T integer times and at each of them move by a single step of the T-step
chain (sde_utils.py, `reverse_sde` and `reverse_posterior`), so most of the path is never walked.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from undrift.common.papers.exact_problems import Problem, Trial, distance, problems
from undrift.common.processes import MeanReverting
from undrift.common.processes.mean_reverting import theta_table
from undrift.common.processes.process import start
from undrift.common.reproduce.paper import Measured, Task
from undrift.common.solvers import EulerMaruyama, Solver, Step, ancestral
from undrift.common.solvers.loop import run_plan
from undrift.common.solvers.mrs import MRS
from undrift.restoration.papers.mrs import CALLS

STEPS = 100
PROCESS = MeanReverting(level=50 / 255, residue=0.005, clock=theta_table("cosine", STEPS))
Plan = Callable[[int], list[Step]]
SAMPLES = 4096
_SEEDS, _STUDENT = 5, 2.78  # 97.5 % point for 5 seeds


def nodes(n: int) -> list[float]:
    """Equal steps of t, the paper's "linspace"."""
    return [1 - k / n for k in range(n)] + [0.0]


def whole_steps(solver: Solver) -> Plan:
    """n steps from t = 1 to 0."""
    return lambda n: solver.plan(PROCESS, nodes(n))


def as_published(solver: Solver) -> Plan:
    """n of the hundred steps."""
    chain = solver.plan(PROCESS, nodes(STEPS))

    def plan(n: int) -> list[Step]:
        visited = [int(t) for t in np.linspace(1, STEPS, n)]
        return [chain[STEPS - t] for t in reversed(visited)]

    return plan


def methods() -> dict[str, Plan]:
    """The rows of the table."""
    euler = EulerMaruyama(denoise_last=False)
    table = {
        "posterior as published": as_published(ancestral()),
        "Euler as published": as_published(euler),
        "posterior, whole steps": whole_steps(ancestral()),
        "Euler, whole steps": whole_steps(euler),
    }
    for form in ("ODE", "SDE"):
        for order in (1, 2):
            solver = MRS(f"{form.lower()}-d-{order}")  # data prediction, as in their settings
            table[f"MR Sampler-{order}, {form}"] = whole_steps(solver)
    return table


def error(problem: Problem, steps: Sequence[Step], seed: int, count: int = SAMPLES) -> float:
    """How far the samples of a plan are from the exact law, in units of the data."""
    trial = Trial(problem, count, seed)
    x = start(PROCESS, trial.y, trial.draw(0))
    x = run_plan(trial.denoiser(PROCESS), x, steps, y=trial.y, draw=trial.draw)
    return distance(x, problem.mixture)


def measure(task: Task) -> Iterator[Measured]:
    """The tables of `mrs.PAPER`."""
    if task.smoke:
        from undrift.restoration.papers.mrs_smoke import measure_smoke

        yield from measure_smoke(task)
        return
    for problem in problems().values():
        means: dict[tuple[str, int], float] = {}
        for name, plan in methods().items():
            task.say(f"mrs, {problem.name}: {name}")
            for n in CALLS:
                found = np.array([error(problem, plan(n), seed) for seed in range(_SEEDS)])
                half = _STUDENT * float(found.std(ddof=1)) / math.sqrt(_SEEDS)
                means[name, n] = float(found.mean())
                yield Measured(f"exact-{problem.name}", name, f"{n} calls", means[name, n], half)
        yield from _ratios(problem.name, means)


def _ratios(problem: str, means: dict[tuple[str, int], float]) -> Iterator[Measured]:
    def ratio(above: tuple[str, int], below: tuple[str, int]) -> Measured:
        (name, n), (other, m) = above, below
        row = name if name == other else f"{name} / {other}"
        value = means[above] / means[below]
        return Measured("ratios", f"{problem}: {row}", f"{n} / {m} calls", value)

    for name in ("posterior as published", "Euler as published"):
        yield ratio((name, 5), (name, STEPS))
    for form in ("ODE", "SDE"):
        second = f"MR Sampler-2, {form}"
        yield ratio((second, 10), ("posterior as published", 50))
        yield ratio((second, 5), (f"MR Sampler-1, {form}", 5))
        for n in (5, 10, 20):
            yield ratio((second, n), ("posterior as published", STEPS))
