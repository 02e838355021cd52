"""The best first noise: one start that serves all signals (boundary condition search).

A deterministic sampler is a function of its start. Ma et al. (2023) draw K starts, restore a small
reference set from each, and keep the one whose results are best in the mean; it is then used for
every signal in place of fresh noise. It is tied to the model, the solver and the number of steps;
a larger signal repeats it, a smaller one takes its corner. Only worth it with a perceptual or a
task's own distance: the mean squared error prefers a start without noise.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.errors import UsageError

Noise = Callable[..., Tensor]  # (shape, index, device=) -> standard normal, as `noise.Noise`


@dataclass(frozen=True)
class Chosen:
    """noise: (1, c, *space). number: of the candidate. errors: mean distance of each, (k,)."""

    noise: Tensor
    number: int
    errors: Tensor


def best_start(
    run: Callable[[Tensor, int], float], candidates: Sequence[Tensor], count: int
) -> Chosen:
    """The candidate with the smallest mean of run(noise, item) over `count` reference items.

    run restores item number `item` from that noise and returns its distance to the clean signal.
    Raises UsageError without candidates or items.
    """
    if not candidates or count < 1:
        raise UsageError("a search needs at least one candidate and one reference item")
    errors = torch.tensor(
        [sum(run(noise, item) for item in range(count)) / count for noise in candidates],
        dtype=torch.float64,
    )
    number = int(errors.argmin())
    return Chosen(candidates[number], number, errors)


@dataclass(frozen=True)
class FixedStart:
    """A noise function whose draw number 0 is always the same; all others are those of `inner`."""

    noise: Tensor
    inner: Noise

    def __call__(self, shape: Sequence[int], index: int, **more: object) -> Tensor:
        if index:
            return self.inner(tuple(shape), index, **more)
        return fitted(self.noise, shape).to(more.get("device"))  # type: ignore[arg-type]


def fitted(noise: Tensor, shape: Sequence[int]) -> Tensor:
    """The noise (1, c, *space) repeated or cut to another space; UsageError if c differs."""
    if len(shape) != noise.ndim or tuple(shape[:2]) != tuple(noise.shape[:2]):
        raise UsageError(f"this start is for {tuple(noise.shape)}, not for {tuple(shape)}")
    for axis, size in enumerate(shape[2:], start=2):
        times = -(-size // noise.shape[axis])
        repeats = [times if k == axis else 1 for k in range(noise.ndim)]
        noise = noise.repeat(repeats).narrow(axis, 0, size)
    return noise
