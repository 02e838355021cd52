"""Where tiles lie and how much each counts: pure geometry, one axis at a time.

A tile keeps [low, high) of an axis and sees [start, stop). Starts lie on multiples of the network's
grid, so that strided layers see the same phases as in the whole. Without a bound on the reach,
neighbours overlap and fade into each other by a raised cosine.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

OVERLAP = 32  # seen beyond the kept part by networks of unbounded reach, in pixels


@dataclass(frozen=True)
class Window:
    """One axis of a tile: the network sees [start, stop), the result counts on [low, high)."""

    start: int
    stop: int
    low: int
    high: int


Place = tuple[Window, ...]


def windows(side: int, kept: int, multiple: int, reach: int | None) -> list[Window]:
    """Windows of an axis of `side` elements (a multiple of `multiple`), about `kept` each.

    reach: of the network in elements, or None for unbounded; then all that is seen counts.
    """
    kept = max(multiple, kept // multiple * multiple)
    margin = math.ceil((OVERLAP if reach is None else reach) / multiple) * multiple
    result = []
    for low in range(0, side, kept):
        high = min(low + kept, side)
        start, stop = max(0, low - margin), min(side, high + margin)
        result.append(Window(start, stop, *((start, stop) if reach is None else (low, high))))
    return result


def grouped(axes: Sequence[Sequence[Window]], count: int) -> Iterator[list[Place]]:
    """All tiles, in groups of equal shape of `count` at most."""
    waiting: dict[tuple[int, ...], list[Place]] = {}
    for place in itertools.product(*axes):
        shape = tuple(window.stop - window.start for window in place)
        group = waiting.setdefault(shape, [])
        group.append(place)
        if len(group) == count:
            yield waiting.pop(shape)
    yield from waiting.values()


def fade(place: Place, size: Sequence[int]) -> Tensor:
    """Weights of a blended tile: a raised cosine towards every border inside the whole.

    Positive everywhere; the sum over all tiles is what they are divided by.
    """
    weight = torch.ones(())
    for window, side in zip(place, size, strict=True):
        length = window.stop - window.start
        ramp = min(2 * OVERLAP, length // 2)
        rise = torch.sin(math.pi / 2 * (torch.arange(ramp) + 0.5) / max(ramp, 1)) ** 2
        axis = torch.ones(length)
        if window.start > 0:
            axis[:ramp] *= rise
        if window.stop < side:
            axis[length - ramp :] *= rise.flip(0)
        weight = weight[..., None] * axis
    return weight
