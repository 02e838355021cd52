"""Prints how far few-step samples are from the truth: ours, the papers' and those of diffusers.

The problem has an exact denoiser (`tests/oracles.py`: three overlapping modes in 3-D), so only the
solver and the placement of its steps matter. Distance: sliced first Wasserstein distance (64 fixed
directions, 4000 samples) to exact samples of the posterior, in units of the data, whose spread is
.23 to .35; mean over 5 seeds with a 95 % interval (Student). Two exact sets are as far apart as the
first row says. Run `python docs/few_steps.py` in a checkout; it needs about a minute.
"""

import math
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from oracles import abs_at, broad  # noqa: E402

from undrift.common.grids import build_grid  # noqa: E402
from undrift.common.processes import (  # noqa: E402
    BrownianBridge,
    Flow,
    MeanReverting,
    Process,
    brownian_bridge,
    residual_shift,
)
from undrift.common.processes.mean_reverting import theta_table  # noqa: E402
from undrift.common.processes.process import start  # noqa: E402
from undrift.common.processes.variance_preserving import discrete  # noqa: E402
from undrift.common.solvers import (  # noqa: E402
    DDIM,
    EulerMaruyama,
    Exponential,
    Solver,
    ancestral,
)
from undrift.common.solvers.loop import run_plan  # noqa: E402

TRUTH = broad()
SIGMA_D = 0.35
Y = torch.tensor([0.5, 0.1, -0.4], dtype=torch.float64)
BETAS = np.linspace(1e-4, 2e-2, 1000)
VP = discrete(BETAS.tolist())
IR_SDE = MeanReverting(clock=theta_table("cosine", 100))
STUDENT = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78}  # 97.5 % points for so many seeds

Run = Callable[[int, int, torch.Generator], Tensor]  # calls, samples, generator -> (samples, 3)


@dataclass(frozen=True)
class Method:
    """run raises ValueError where a method does not exist with so many calls."""

    process: str
    name: str
    run: Run


def normal(count: int, generator: torch.Generator) -> Tensor:
    return torch.randn(count, 3, generator=generator, dtype=torch.float64)


def ours(process: Process, solver: Solver, grid: str = "auto", *, quiet: bool = False) -> Run:
    """A solver on a named grid; quiet: start at y without noise, as BBDM does."""

    def run(n: int, count: int, generator: torch.Generator) -> Tensor:
        times = build_grid(grid, process, n, SIGMA_D, order=solver.order)
        noise = normal(count, generator)
        x = start(process, Y, 0 * noise if quiet else noise)
        return run_plan(
            TRUTH.denoiser(process), x, solver.plan(process, times), y=Y.expand(count, 3),
            draw=lambda k: normal(count, generator),
        )  # fmt: skip

    return run


def resshift_own(n: int, count: int, generator: torch.Generator) -> Tensor:
    """The authors' 4- and 15-step schedules with their ancestral sampler."""
    if n not in (4, 15):
        raise ValueError("published for 4 and 15 steps")
    process = residual_shift.published(n, {4: 0.2, 15: 0.04}[n])
    return ours(process, ancestral(), "uniform")(n, count, generator)


def bbdm_own(n: int, count: int, generator: torch.Generator) -> Tensor:
    """Equal steps in t, ancestral, from y itself."""
    return ours(brownian_bridge.published(), ancestral(), "uniform", quiet=True)(
        n, count, generator
    )


def theirs(name: str, **options: object) -> Run:
    """A scheduler of diffusers on the VP process, told the exact noise at its integer steps."""

    def run(n: int, count: int, generator: torch.Generator) -> Tensor:
        import diffusers

        scheduler = getattr(diffusers, name)(trained_betas=BETAS, **options)
        with warnings.catch_warnings():  # of numpy, about tensors
            warnings.simplefilter("ignore")
            scheduler.set_timesteps(n)
        x = normal(count, generator)
        for step in scheduler.timesteps:
            a, _, s = abs_at(VP, (float(step) + 1) / 1000)
            noise = (x - a * TRUTH.posterior_mean(x, a, s)) / s
            x = scheduler.step(noise, step, x).prev_sample.double()
        return x

    return run


def methods() -> Iterator[Method]:
    """Ours first for each process; "auto" is the grid a user gets."""
    table: dict[str, tuple[Process, list[tuple[str, Run]]]] = {
        "VP": (VP, [
            ("diffusers DDIM, leading (its default)", theirs("DDIMScheduler", clip_sample=False)),
            ("diffusers DDIM, trailing",
             theirs("DDIMScheduler", clip_sample=False, timestep_spacing="trailing")),
            ("diffusers DPM-Solver++ 2M (its default)", theirs("DPMSolverMultistepScheduler")),
            ("diffusers DPM-Solver++ 2M, Karras",
             theirs("DPMSolverMultistepScheduler", use_karras_sigmas=True)),
            ("diffusers DPM-Solver++ 2M, lambda",
             theirs("DPMSolverMultistepScheduler", use_lu_lambdas=True)),
            ("DDIM, uniform t", ours(VP, DDIM(), "uniform")),
        ]),
        "IR-SDE": (IR_SDE, [
            ("paper: reverse SDE, uniform t", ours(IR_SDE, EulerMaruyama(), "uniform")),
            ("authors: posterior, uniform t", ours(IR_SDE, ancestral(), "uniform")),
            ("MRS: SDE-data-2, uniform t",
             ours(IR_SDE, Exponential(2, 1.0, rule="taylor"), "uniform")),
            ("MRS: ODE-data-2, uniform t", ours(IR_SDE, Exponential(2, rule="taylor"), "uniform")),
        ]),
        "residual shift": (residual_shift.published(), [
            ("paper: own 4 or 15 steps, ancestral", resshift_own),
            ("ancestral, uniform t", ours(residual_shift.published(), ancestral(), "uniform")),
            ("DDIM, uniform t", ours(residual_shift.published(), DDIM(), "uniform")),
        ]),
        "Brownian bridge": (BrownianBridge(), [
            ("paper: BBDM, uniform t", bbdm_own),
            ("DDIM, uniform t", ours(BrownianBridge(), DDIM(), "uniform")),
            ("DDIM, quadratic t", ours(BrownianBridge(), DDIM(), "quadratic")),
        ]),
        "flow": (Flow(), [
            ("paper: Euler, uniform t", ours(Flow(), DDIM(), "uniform")),
            ("Euler, quadratic t", ours(Flow(), DDIM(), "quadratic")),
            ("second order, quadratic t", ours(Flow(), Exponential(2), "quadratic")),
        ]),
    }  # fmt: skip
    for label, (process, others) in table.items():
        yield Method(label, "**ours: DDIM, auto**", ours(process, DDIM()))
        yield Method(label, "**ours: second order, auto**", ours(process, Exponential(2)))
        yield Method(label, "**ours: ancestral, auto**", ours(process, ancestral()))
        for name, run in others:
            yield Method(label, name, run)


def distance(left: Tensor, right: Tensor) -> float:
    """Sliced W1 of two sets of equal size, over 64 fixed directions."""
    directions = torch.randn(3, 64, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    directions = directions / directions.norm(dim=0)
    pairs = [(samples @ directions).sort(dim=0).values for samples in (left, right)]
    return float((pairs[0] - pairs[1]).abs().mean())


def measure(run: Run, n: int, count: int, seeds: int) -> tuple[float, float]:
    """Mean distance and half a 95 % interval; NaN where the method does not exist."""
    found = []
    for seed in range(seeds):
        exact = TRUTH.sample(count, torch.Generator().manual_seed(1000 + seed))
        try:
            found.append(distance(run(n, count, torch.Generator().manual_seed(seed)), exact))
        except ValueError:
            return math.nan, math.nan
    values = np.array(found)
    half = STUDENT[seeds] * values.std(ddof=1) / math.sqrt(seeds) if seeds > 1 else math.nan
    return float(values.mean()), float(half)


def table(calls: tuple[int, ...], count: int, seeds: int) -> Iterator[str]:
    """Markdown lines; a ratio above 1 means that our second order with auto is nearer."""
    yield "| process | method | " + " | ".join(f"{n} calls" for n in calls) + " |"
    yield "|---|---|" + "---|" * len(calls)
    floor = measure(lambda n, count, g: TRUTH.sample(count, g), 1, count, seeds)
    yield f"| | two exact sets | {floor[0]:.4f} ± {floor[1]:.4f} " + "| " * (len(calls) - 1) + "|"
    best: dict[int, float] = {}
    for method in methods():
        cells = []
        for n in calls:
            mean, half = measure(method.run, n, count, seeds)
            if method.name.startswith("**ours: second"):
                best[n] = mean
            ratio = f" (x{mean / best[n]:.2f})" if not method.name.startswith("**") else ""
            cells.append("–" if math.isnan(mean) else f"{mean:.4f} ± {half:.4f}{ratio}")  # noqa: RUF001
        yield f"| {method.process} | {method.name} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    torch.set_num_threads(1)
    for line in table((2, 3, 4, 5, 10, 15), 4000, 5):
        print(line, flush=True)
