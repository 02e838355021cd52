"""Whole volumes by pixel-space diffusion in 3D (medforj, arXiv 2510.26834).

The path is variance preserving with 1000 linear betas from 1e-4 to .02; with alpha, sigma its two
numbers the network gives one of

    sample    x0
    velocity  alpha eps - sigma x0
    flow      eps - x0,   x0 = (x - sigma u) / (alpha + sigma)

of which eps itself is left out: it does not train in three dimensions. Its program samples 64 DDIM
steps from index 945 of 1000 as if that were pure noise; `leading_times` has these, while the
default goes from the last index, where the noise is.
"""

from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor

from undrift.common.errors import UsageError, nearest
from undrift.common.external import External
from undrift.common.processes.variance_preserving import VariancePreserving, discrete

Target = Literal["sample", "velocity", "flow"]
STEPS = 1000
# Target -> our prediction and the sign that its network's output takes.
_TARGETS: dict[str, tuple[str, float]] = {
    "sample": ("x0", 1.0),
    "velocity": ("balanced", -1.0),
    "flow": ("residual+eps", 1.0),  # of a residual with y = 0
}


def linear_process() -> VariancePreserving:
    """Index i of the 1000 sits at t = (i + 1)/1000."""
    return discrete([1e-4 + (0.02 - 1e-4) * i / (STEPS - 1) for i in range(STEPS)])


def medforj_denoiser(
    network: Callable[[Tensor, Tensor], Tensor], target: str, clip: float | None = 1.0
) -> External:
    """network(x, indices (b,)) -> output, of volumes in [-1, 1], as a denoiser.

    Raises UsageError for an unknown target.
    """
    if target not in _TARGETS:
        known = get_args(Target)
        raise UsageError(f"target {target!r}{nearest(target, known)}; expected {', '.join(known)}")
    prediction, sign = _TARGETS[target]

    def call(x: Tensor, y: Tensor | None, t: float) -> Tensor:
        index = torch.full((len(x),), round(t * STEPS) - 1, device=x.device)
        return sign * network(x, index)

    return External(call, linear_process(), prediction, clip=clip)


def trailing_times(steps: int) -> list[float]:
    """Times from 1 to 0 that are indices of the schedule, evenly spaced from its last one."""
    return [*(round(STEPS * (steps - k) / steps) / STEPS for k in range(steps)), 0.0]


def leading_times(steps: int) -> list[float]:
    """The program's: indices (n - 1) s, ..., s, 0 with s = 1000 // n, and the clean end."""
    stride = STEPS // steps
    return [*((k * stride + 1) / STEPS for k in range(steps - 1, -1, -1)), 0.0]
