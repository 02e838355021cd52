"""The frame between two frames, by the consecutive Brownian bridges of Lyu et al. (2024).

`processes.consecutive_bridge` has the paths; here is the sampler: one reverse run from the next
frame (as released), from the previous one, or both, with one network for both.
"""

import functools
from collections.abc import Callable, Sequence

from torch import Tensor

from undrift.common.external import External
from undrift.common.processes.brownian_bridge import BrownianBridge
from undrift.common.processes.consecutive_bridge import network_time
from undrift.common.solvers.loop import Draw, Watch, run_plan
from undrift.common.solvers.plan import Solver

FrameNetwork = Callable[[Tensor, Tensor, Tensor, int], Tensor]  # x, previous, next, time -> output


def sample_middle(
    network: FrameNetwork,
    previous: Tensor,
    following: Tensor,
    *,
    process: BrownianBridge,
    solver: Solver,
    times: Sequence[float],
    prediction: str = "displacement",
    sides: Sequence[str] = ("next",),
    steps: int = 1000,
    first: float = 1.0,
    draw: Draw | None = None,
    watch: Callable[[str], Watch] | None = None,
) -> dict[str, Tensor]:
    """Samples the middle frame from each side named; (b, c, *space) by side.

    network(x, previous, next, time): time from 0 to 2 T as `network_time` has it, T = steps; index
    i sits at (i + first)/T, so that first = 0 is the grid of the objective "BB".
    times: as for every solver, from the degraded end to 0. draw: noise by number; with two sides
    they take turns, in the order of `sides`. watch: makes the watcher of a side. Raises InputError
    for an unknown side.
    """
    frames, found = {"previous": previous, "next": following}, {}
    for place, side in enumerate(sides):
        network_time(0, side, steps)  # an unknown side is told here

        def told(x: Tensor, y: Tensor | None, t: float, side: str) -> Tensor:
            time = network_time(round(t * steps - first), side, steps)
            return network(x, previous, following, time)

        def turn(draw: Draw, place: int, number: int) -> Tensor:
            return draw(len(sides) * (number - 1) + place + 1)

        denoise = External(functools.partial(told, side=side), process, prediction)
        found[side] = run_plan(
            denoise,
            frames[side],
            solver.plan(process, times),
            y=frames[side],
            draw=None if draw is None else functools.partial(turn, draw, place),
            watch=None if watch is None else watch(side),
        )
    return found
