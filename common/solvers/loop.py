"""The one sampling loop: calls the denoiser and lets each step of the plan move the state."""

import functools
from collections import deque
from collections.abc import Callable, Sequence

import torch
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
    widen: bool = False,
) -> Tensor:
    """Carries the state x: (b, c, *space) through the steps and returns the last state.

    An estimate that names its own y (two-headed networks) has it used in place of the given one.
    draw: noise by draw number (k + 1 in step k; 0 is the start's); needed if a step draws noise.
    widen: where the estimate has a variance V, steps that draw noise draw sigma^2 + B_0^2 V of it:
    the true spread of the reverse step, not that of a sharp x0 (Bao et al. 2022, Eq. (8)).
    watch: called after each step with a call, with the number of the step, the new state and the
    estimate. Raises InputError if noise or y is needed and missing.
    """
    if watch is None and not widen and (combined := _combined(denoise, steps)) is not None:
        return _run_directly(combined, x, steps, y, level, draw)
    depth = max(step.depth for step in steps)
    states: deque[Tensor] = deque(maxlen=depth)
    values: deque[Tensor] = deque(maxlen=depth)
    for number, step in enumerate(steps):
        noise = functools.partial(_drawn, draw, number + 1, x)
        if not step.calls:
            x = step.advance([x], (), y, noise)
            continue
        estimate = denoise(x, step.t, y, level)
        states.appendleft(x)
        values.appendleft(estimate.x0)
        if widen and estimate.var is not None and step.sigma > 0:
            factor = torch.sqrt(1 + (step.B[0] / step.sigma) ** 2 * estimate.var)
            noise = functools.partial(_widened, noise, factor)
        x = step.advance(states, values, y if estimate.y is None else estimate.y, noise)
        if watch is not None:
            watch(number, x, estimate)
    return x


def _combined(denoise: Denoise, steps: Sequence[Step]) -> Callable[..., Tensor] | None:
    """The denoiser's own A x + B x0 + C y, where it has one and no step needs x0 for itself.

    One that a subclass with another `forward` inherits does not count, nor one with hooks.
    """
    if any(type(step) is not Step or step.depth > 1 for step in steps):
        return None
    kinds: tuple[type, ...] = type(denoise).__mro__  # type: ignore[attr-defined]
    own = next((kind for kind in kinds if "combined" in vars(kind)), None)
    if own is None or own is not next(kind for kind in kinds if "forward" in vars(kind)):
        return None
    changed = "forward" in vars(denoise) or denoise._forward_hooks or denoise._forward_pre_hooks  # type: ignore[attr-defined]
    return None if changed else denoise.combined  # type: ignore[attr-defined]


def _run_directly(
    combined: Callable[..., Tensor],
    x: Tensor,
    steps: Sequence[Step],
    y: Tensor | None,
    level: Tensor | None,
    draw: Draw | None,
) -> Tensor:
    """`run_plan` for a plan of first order, by a denoiser that takes the step at once."""
    for number, step in enumerate(steps):
        if not step.calls:
            x = step.advance([x], (), y, functools.partial(_drawn, draw, number + 1, x))
            continue
        A = step.A[0] if step.A else 0.0
        x = combined(x, step.t, y, level, (A, step.B[0], step.C))
        if step.sigma > 0:
            x.add_(_drawn(draw, number + 1, x), alpha=step.sigma)
    return x


def _drawn(draw: Draw | None, number: int, like: Tensor) -> Tensor:
    if draw is None:
        raise InputError("this solver draws noise; pass draw, or choose eta = 0")
    return draw(number).to(like)


def _widened(noise: Callable[[], Tensor], factor: Tensor) -> Tensor:
    return noise() * factor
