"""The few-step comparison of solvers on exact problems, described for `undrift reproduce`.

It is this package's own claim, not a published one: with 1 to 10 calls the default is beaten in
fewer than one cell in ten by official samplers and those of diffusers, and nowhere by more than
20 %. `few_steps` measures; this module says what is asked and puts the rows in their places.
"""

import math
from collections.abc import Iterator

from undrift.common.reproduce.paper import Figure, Measured, Paper, Table, Task

_SHARE, _WORST = ("ours", "share of cells lost"), ("ours", "smallest ratio of a rival")
_BOUND = 1 / 1.2  # a rival that is closer by 20 %


def _summary(when: str, tolerance: float) -> Table:
    figures = [
        Figure(row=_SHARE[0], column=_SHARE[1], value=0.1, kind="at most"),
        Figure(row=_WORST[0], column=_WORST[1], value=_BOUND, tolerance=tolerance, kind="at least"),
    ]
    return Table.model_validate(
        {
            "name": f"summary-{when}",
            "title": "Cells in which a rival is closer to the truth than the default",
            "source": "what docs/few_steps.md claims; a cell is lost if a rival is closer by more "
            "than the 95 % interval of the difference"
            + (", and few samples make the smallest ratio uncertain" if tolerance else ""),
            "when": when,
            "figures": figures,
        }
    )


def _cells(problem: str) -> Table:
    return Table(
        name=problem,
        title=f"Sliced W1 to the exact law, problem `{problem}`",
        source="measured here only",
    )


def measure(task: Task) -> Iterator[Measured]:
    """The tables of `PAPER`."""
    from undrift.common.papers import few_steps

    rows = few_steps.run(task.smoke, say=task.say)
    found = few_steps.count(rows)
    table = f"summary-{'smoke' if task.smoke else 'run'}"
    yield Measured(table, *_SHARE, found.lost / found.cells)
    yield Measured(table, *_WORST, found.worst)
    for row in rows:
        if not (task.smoke or math.isnan(row.mean)):
            name = f"{row.process}: {row.method}"
            yield Measured(row.problem, name, f"{row.calls} calls", row.mean, row.half)


PAPER = Paper(
    id="solver-comparison",
    title="Few-step solvers on exact problems",
    domain="common",
    citation="edm",
    claim="with 1 to 10 calls the default is beaten in fewer than one cell in ten, and nowhere by "
    "more than 20 %",
    protocol="two Gaussian mixtures in 3-D with exact denoisers, ten processes; the samplers and "
    "grids that the papers' code uses and those of diffusers, each with the same number of calls "
    "from the same starts; sliced first Wasserstein distance of 8192 samples, 6 seeds. The smoke "
    "run has 512 samples and 2 seeds, and trains nothing, since the denoisers are exact",
    measure="undrift.common.papers.solver_comparison:measure",
    trains=False,
    tables=[_summary("run", 0.0), _cells("broad"), _cells("sharp"), _summary("smoke", 0.3)],
)
