"""The one sampling loop: calls the denoiser and adds up what a plan says."""

from collections import deque
from collections.abc import Callable, Sequence

from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError
from undrift.common.solvers.plan import Step

Denoise = Callable[[Tensor, float, Tensor | None, Tensor | None], Estimate]
Draw = Callable[[int], Tensor]  # number of the draw -> standard normal like x
Watch = Callable[[int, Tensor, Estimate], None]


def run_plan(
    denoise: Denoise,
    x: Tensor,
    steps: Sequence[Step],
    *,
    y: Tensor | None = None,
    level: Tensor | None = None,
    draw: Draw | None = None,
    watch: Watch | None = None,
) -> Tensor:
    """Carries the state x: (b, c, *space) through the steps and returns the last state.

    draw: noise by draw number (1, 2, ...; 0 is the start's); needed if a step has sigma > 0.
    watch: called after each step with its number, the new state and the estimate.
    Raises InputError if noise or y is needed and missing.
    """
    depth = max(max(len(step.A), len(step.B)) for step in steps)
    states: deque[Tensor] = deque(maxlen=depth)
    values: deque[Tensor] = deque(maxlen=depth)
    for number, step in enumerate(steps):
        estimate = denoise(x, step.t, y, level)
        states.appendleft(x)
        values.appendleft(estimate.x0)
        x = _combine(step, states, values, y if estimate.y is None else estimate.y)
        if step.sigma > 0:
            if draw is None:
                raise InputError("this solver draws noise; pass draw, or choose eta = 0")
            x.add_(draw(number + 1).to(x), alpha=step.sigma)
        if watch is not None:
            watch(number, x, estimate)
    return x


def _combine(
    step: Step, states: Sequence[Tensor], values: Sequence[Tensor], y: Tensor | None
) -> Tensor:
    x = values[0] * step.B[0] if step.B[0] != 1 else values[0].clone()
    for weight, value in zip(step.B[1:], list(values)[1:], strict=False):
        x.add_(value, alpha=weight)
    for weight, state in zip(step.A, states, strict=False):
        if weight:
            x.add_(state, alpha=weight)
    if step.C:
        if y is None:
            raise InputError("this process joins x0 to y; pass y")
        x.add_(y, alpha=step.C)
    return x
