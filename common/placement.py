"""Places the nodes of a grid for one model and process, on a batch of its own states.

The default grids are functions of the process alone. A given network has its own scale and its own
errors, and with few calls it pays to ask it: the nodes are moved, one at a time and by ever shorter
shares of the gap to a neighbour, as long as the state after N steps comes nearer to the one after
many (coordinate search; Sabour et al. 2024 do the same to the KL divergence). The times found are
meant for `Preset.times`.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.errors import UsageError
from undrift.common.grids import Grid, build_grid
from undrift.common.processes.process import Process, angle, time_of_angle
from undrift.common.solvers.auto import Auto, settled
from undrift.common.solvers.loop import Denoise, Draw, run_plan
from undrift.common.solvers.plan import Solver

SHARES = (0.4, 0.2, 0.1, 0.05)  # of the gap to the neighbour


@dataclass(frozen=True)
class Calibration:
    """A batch to calibrate on: states x (b, c, *space) at time `start`, and what goes with them.

    draw: noise by number, the same at every call; needed if a step draws noise. drawn: the states
    come from `process.start`, so that `settled` applies to the default solver.
    """

    denoise: Denoise
    process: Process
    x: Tensor
    sigma_d: float
    y: Tensor | None = None
    level: Tensor | None = None
    draw: Draw | None = None
    start: float = 1.0
    drawn: bool = True

    def run(self, solver: Solver, times: Sequence[float]) -> Tensor:
        """The last state of a solver on a grid."""
        steps = solver.plan(self.process, times)
        if self.drawn and isinstance(solver, Auto):
            steps = settled(steps, self.process, self.y is not None)
        with torch.inference_mode():
            return run_plan(self.denoise, self.x, steps, y=self.y, level=self.level, draw=self.draw)

    def reference(self, calls: int = 64) -> Tensor:
        """The same with many calls of the default solver."""
        solver = Auto(sigma_d=self.sigma_d)
        return self.run(solver, self.grid(solver, calls))

    def grid(self, solver: Solver, n: int) -> Grid:
        """The default grid of a solver."""
        return build_grid("auto", self.process, n, self.sigma_d, self.start, solver.order)


@dataclass(frozen=True)
class Placed:
    """times: n + 1. before, after: distance of the default grid and of these times."""

    times: Grid
    before: float
    after: float


def place(
    batch: Calibration,
    n: int,
    solver: Solver | None = None,
    distance: Callable[[Tensor], float] | None = None,
    shares: Sequence[float] = SHARES,
) -> Placed:
    """Moves the n - 1 inner nodes of the default grid; costs about 8 n runs of n calls.

    distance: of the last state from what is wanted; by default the root mean square difference to
    `batch.reference()`. Raises UsageError for fewer than one step.
    """
    if n < 1:
        raise UsageError(f"a grid needs at least one step, got {n}")
    solver = solver or Auto(sigma_d=batch.sigma_d)
    measure = distance or rms_to(batch.reference())

    def error(times: Sequence[float]) -> float:
        found = measure(batch.run(solver, times))
        return found if math.isfinite(found) else math.inf

    times = batch.grid(solver, n)
    before = best = error(times)
    for share, node, way in itertools.product(shares, range(1, n), (-1, 1)):
        tried = _moved(batch, times, node, way * share)
        if (found := error(tried)) < best:
            times, best = tried, found
    return Placed(times, before, best)


def rms_to(reference: Tensor) -> Callable[[Tensor], float]:
    """Root mean square difference to a tensor, as a distance."""

    def distance(found: Tensor) -> float:
        return float((found - reference).double().square().mean().sqrt())

    return distance


def _moved(batch: Calibration, times: Grid, node: int, share: float) -> Grid:
    """The node moved in the angle, by a share of the way to the neighbour on that side."""
    psi = angle(batch.process, torch.tensor(times, dtype=torch.float64), batch.sigma_d)
    neighbour = psi[node + (1 if share > 0 else -1)]
    there = psi[node] + abs(share) * (neighbour - psi[node])
    moved = list(times)
    moved[node] = float(time_of_angle(batch.process, there, batch.sigma_d))
    return tuple(moved)
