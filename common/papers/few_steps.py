"""The few-step table: how far the samples of few calls are from the truth, ours and the others'.

The denoiser is exact, so that only the solver and the placement of its steps matter. Every method
of a process solves the same problem from the same starts; the ratio of a cell is its distance over
that of our default with as many calls, and the cell is lost where the method is closer. The whole
table is in docs/few_steps.md; run() measures it, markdown() prints it.
"""

import functools
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from undrift.common.papers import diffusers_rivals, published_rivals, speech_rivals
from undrift.common.papers.diffusers_rivals import VP, Run
from undrift.common.papers.exact_problems import Problem, Trial, distance, problems
from undrift.common.processes import Flow

CALLS = (1, 2, 3, 5, 10)
OURS = "ours"
SAMPLES, SEEDS = 8192, 6
TIE = 0.01  # at one call every method returns the posterior mean, up to what noise it leaves
_STUDENT = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36}  # 97.5 % points


@dataclass(frozen=True)
class Row:
    """One cell: mean distance over seeds and half a 95 % interval, NaN where it has no run.

    ratio: over our default. gap, gap_half: of the differences to it, seed by seed.
    """

    problem: str
    process: str
    method: str
    calls: int
    mean: float
    half: float
    ratio: float
    gap: float
    gap_half: float

    @property
    def counted(self) -> bool:
        """Whether it is a rival's and has a run."""
        return not self.method.startswith(OURS) and not math.isnan(self.mean)

    @property
    def lost(self) -> bool:
        """Whether the rival is closer to the truth, by more than chance and more than 1 %."""
        return self.counted and self.gap < -self.gap_half and self.ratio < 1 - TIE


def methods() -> Iterator[tuple[str, str, Run]]:
    """(process, method, how to run it); our default comes first for each process."""
    families: dict[str, Callable[[], Iterable[tuple[str, Run]]]] = {
        "VP": lambda: [*published_rivals.ours(VP), *diffusers_rivals.noise_to_data()],
        "IR-SDE": published_rivals.mean_reverting,
        "IR-SDE, 10/255": functools.partial(published_rivals.mean_reverting, 10 / 255),
        "residual shift": published_rivals.residual_shifting,
        "Brownian bridge": published_rivals.bridges,
        "I2SB": published_rivals.schroedinger_bridges,
        "OUVE": speech_rivals.ornstein_uhlenbeck,
        "BBED": speech_rivals.exponential_bridge,
        "SB-VE": speech_rivals.paired_bridge,
        "flow": lambda: [
            *published_rivals.flow_matching(Flow()), *diffusers_rivals.flows()
        ],
    }  # fmt: skip
    for process, family in families.items():
        for method, run in family():
            yield process, method, run


def distances(run: Run, problem: Problem, calls: int, samples: int, seeds: int) -> np.ndarray:
    """One distance a seed; NaN where the method has no run of at most so many calls."""
    found = []
    for seed in range(seeds):
        trial = Trial(problem, samples, seed)
        try:
            cloud = run(calls, trial)
        except ValueError:
            return np.full(seeds, np.nan)
        if trial.calls > calls:
            raise AssertionError(f"{trial.calls} calls made, {calls} allowed")
        found.append(distance(cloud, problem.mixture))
    return np.array(found)


def run(
    smoke: bool = False,
    calls: Sequence[int] = CALLS,
    only: Callable[[str, str], bool] | None = None,
    say: Callable[[str], None] | None = None,
) -> list[Row]:
    """Measures the table. smoke: 512 samples, 2 seeds, in half a minute; whole: some minutes.

    only: of (process, method), which rivals to measure. say: told of each method.
    """
    samples, seeds = (512, 2) if smoke else (SAMPLES, SEEDS)
    wanted = list(methods())
    if only is not None:
        served = {process for process, method, _ in wanted if only(process, method)}
        wanted = [m for m in wanted if m[0] in served and (m[1] == OURS or only(m[0], m[1]))]
    rows = []
    for problem in problems().values():
        base: dict[int, np.ndarray] = {}
        for process, method, runner in wanted:
            if say is not None:
                say(f"{problem.name}, {process}: {method}")
            for n in calls:
                found = distances(runner, problem, n, samples, seeds)
                if method == OURS:
                    base[n] = found
                rows.append(_row(problem.name, process, method, n, found, base[n]))
    return rows


def _row(
    problem: str, process: str, method: str, n: int, found: np.ndarray, base: np.ndarray
) -> Row:
    mean, half = _interval(found)
    gap, gap_half = _interval(found - base)
    return Row(problem, process, method, n, mean, half, mean / float(base.mean()), gap, gap_half)


def _interval(values: np.ndarray) -> tuple[float, float]:
    if not np.isfinite(values).all():
        return (math.nan if np.isnan(values).any() else math.inf), 0.0
    spread = values.std(ddof=1) / math.sqrt(len(values))
    return float(values.mean()), float(_STUDENT[len(values)] * spread)


@dataclass(frozen=True)
class Count:
    """cells: of the rivals. lost: see `Row.lost`; below: by any amount; worst: smallest ratio."""

    cells: int
    lost: int
    below: int
    worst: float


def count(rows: Iterable[Row]) -> Count:
    """How many cells of rivals our default loses."""
    rivals = [row for row in rows if row.counted]
    return Count(
        len(rivals),
        sum(row.lost for row in rivals),
        sum(row.ratio < 1 for row in rivals),
        min(row.ratio for row in rivals),
    )


def markdown(rows: Sequence[Row]) -> Iterator[str]:
    """The table, problem by problem."""
    for problem in dict.fromkeys(row.problem for row in rows):
        part = [row for row in rows if row.problem == problem]
        calls = sorted({row.calls for row in part})
        yield f"\n## Problem `{problem}`\n"
        yield f"| process | method | {' | '.join(f'{n} calls' for n in calls)} |"
        yield "|---" * (2 + len(calls)) + "|"
        for key in dict.fromkeys((row.process, row.method) for row in part):
            cells = [_cell(row) for row in part if (row.process, row.method) == key]
            name = f"**{key[1]}**" if key[1].startswith(OURS) else key[1]
            yield f"| {key[0]} | {name} | {' | '.join(cells)} |"


def _cell(row: Row) -> str:
    if math.isnan(row.mean):
        return "-"
    if row.mean > 10:
        return "> 10"
    text = f"{row.mean:.4f} ± {row.half:.4f}"
    if row.method == OURS:
        return text
    ratio = f"x{row.ratio:.2f}"
    return f"{text} ({f'**{ratio}**' if row.lost else ratio})"


def main() -> None:
    """Prints the whole table and the count."""
    rows = run("--smoke" in sys.argv)
    print("\n".join(markdown(rows)))
    print(f"\n{count(rows)}")


if __name__ == "__main__":
    main()
