"""Steps shared by the solvers: over the singular ends, and single steps of order 2 and 3.

Ends. To s1 = 0 the state becomes the estimate. From a start without signal (a0 = 0) or without
noise (s0 = 0) the exact step with a frozen estimate is of first order; where s0 = 0 all noise is
drawn, since there is none to carry on.
Single steps put stages between the nodes, at equal shares c of the step in lambda: order 2 with
c = 1/2 (2S), order 3 with c = 1/3, 2/3 and a last line through the values at 0 and 2/3 (Heun's
third-order tableau; Lu et al. 2022, algorithms 1 and 2), integrated by `polynomial`.
"""

import itertools
import math
from collections.abc import Sequence

import torch

from undrift.common.processes.process import Process, time_of_angle
from undrift.common.solvers.plan import Node, first_order, nodes
from undrift.common.solvers.polynomial import Rule, weights
from undrift.common.solvers.recorder import Line, Recorder, noise_of

Known = list[tuple[Node, Line]]


def end_step(
    run: Recorder,
    state: Line,
    value: Line,
    old: Node,
    new: Node,
    *,
    fresh: bool = False,
    scale: float = 1.0,
) -> None:
    """Order 1 where lambda is infinite; fresh: all noise is redrawn, `scale` times."""
    redrawn = fresh and (old.a <= 0 or old.s <= 0)
    step = first_order(old, new, 0.0 if redrawn else new.s, new.s if redrawn else 0.0)
    run.move(step.A[0] * state + step.B[0] * value, new, step.sigma * (scale if fresh else 1.0))


def stages(process: Process, grid: Sequence[Node], shares: Sequence[float]) -> list[list[Node]]:
    """For each step the nodes at lambda0 + share (lambda1 - lambda0); none over a singular end."""
    places, wanted = [], []
    for k, (old, new) in enumerate(itertools.pairwise(grid)):
        if math.isfinite(new.lam - old.lam):
            places += [k] * len(shares)
            wanted += [math.exp(-old.lam - share * (new.lam - old.lam)) for share in shares]
    found: list[list[Node]] = [[] for _ in grid[1:]]
    if not places:
        return found
    psi = torch.atan(torch.tensor(wanted, dtype=torch.float64))
    times = time_of_angle(process, psi, 1.0).tolist()
    for k, node in zip(places, nodes(process, [*times, grid[-1].t]), strict=False):
        found[k].append(node)
    return found


def shares(order: int) -> tuple[float, ...]:
    """Where the stages of a single step of this order lie."""
    return {2: (0.5,), 3: (1 / 3, 2 / 3)}[order]


def single_step(
    run: Recorder, rule: Rule, process: Process, between: Sequence[Node], new: Node
) -> Known:
    """One step of order 1 + len(between) through these stages; returns its trustworthy values."""
    old = run.node
    state, first = _called(run, rule)
    known = [(old, first)]
    for stage in between:
        run.move(_line(rule, process, state, known, old, stage), stage)
        _, value = _called(run, rule)
        known.insert(0, (stage, value))
    used = [known[0], known[-1]]
    run.move(_line(rule, process, state, used, old, new), new)
    return used if len(between) > 1 else [known[-1]]


def _called(run: Recorder, rule: Rule) -> tuple[Line, Line]:
    node = run.node
    state, value = run.call()
    return state, value if rule.form == "data" else noise_of(state, value, node)


def _line(rule: Rule, process: Process, state: Line, known: Known, old: Node, new: Node) -> Line:
    line = state * rule.keep(old, new)
    gains = weights(rule, process, [node for node, _ in known], old, new)
    for gain, (_, value) in zip(gains, known, strict=True):
        line += value * gain
    return line
