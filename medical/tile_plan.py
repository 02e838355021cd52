"""Which tiles a volume is cut into: those that cost least among those that fit into memory.

A tile sees its margin besides what it keeps, so thin tiles waste most of the work, in three
dimensions more than in two. Each axis is cut into a number of equal parts; the work is the product
over the axes of what all parts of an axis see, the memory that of what the largest sees. All
numbers of parts are tried. Networks of unbounded reach get tiles that overlap and count by a
Gaussian about their middle, of an eighth of their length, as MONAI's sliding window does; what
they are divided by is a product of one sum an axis.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from undrift.common.errors import OutOfMemoryError
from undrift.common.windows import Window, windows

SMALLEST = 16  # voxels a side below which a tile is not cut further
_FLOOR = 1e-3  # least weight of a seen voxel, relative to the middle
Reach = tuple[int | None, ...]


@dataclass(frozen=True)
class Tiles:
    """Tiles of a volume. size: of the volume; axes: the windows of each axis, of a padded side.

    multiple, reach: of the network, for each axis.
    """

    size: tuple[int, ...]
    axes: tuple[tuple[Window, ...], ...]
    multiple: tuple[int, ...]
    reach: Reach

    @property
    def count(self) -> int:
        """How many there are."""
        return math.prod(map(len, self.axes))

    @property
    def kept(self) -> list[int]:
        """Voxels that a tile keeps along each axis, at most; less than the padded side."""
        return [min(side, max(w.high - w.low for w in axis))
                for side, axis in zip(self.size, self.axes, strict=True)]  # fmt: skip

    @property
    def seen(self) -> int:
        """Voxels that the largest tile sees."""
        return math.prod(max(w.stop - w.start for w in axis) for axis in self.axes)

    @property
    def fused(self) -> bool:
        """Whether tiles overlap in what counts, so that sums are divided by weights."""
        return any(
            reach is None and len(axis) > 1
            for reach, axis in zip(self.reach, self.axes, strict=True)
        )

    def weight(self, axis: int, window: Window) -> Tensor:
        """How much each seen element of an axis counts, (n,)."""
        length = window.stop - window.start
        if self.reach[axis] is not None:
            return torch.ones(window.high - window.low)
        if len(self.axes[axis]) == 1:
            return torch.ones(length)
        from_middle = (torch.arange(length) - (length - 1) / 2) / (length / 8)
        return torch.exp(-0.5 * from_middle**2).clamp_min(_FLOOR)

    def sums(self, axis: int) -> Tensor:
        """The weights of all tiles of an axis, (side,)."""
        total = torch.zeros(self.axes[axis][-1].stop)
        for window in self.axes[axis]:
            total[window.low : window.high] += self.weight(axis, window)
        return total[: self.size[axis]]

    def counts(self, axis: int) -> Tensor:
        """How many tiles count at each element of an axis, (side,)."""
        total = torch.zeros(self.axes[axis][-1].stop)
        for window in self.axes[axis]:
            total[window.low : window.high] += 1
        return total[: self.size[axis]]


def cut(size: Sequence[int], kept: Sequence[int], multiple: Sequence[int], reach: Reach) -> Tiles:
    """Tiles that keep about `kept` voxels along each axis."""
    axes = []
    for side, keep, step, far in zip(size, kept, multiple, reach, strict=True):
        whole = math.ceil(side / step) * step
        axes.append(tuple(windows(whole, whole if keep >= side else keep, step, far)))
    return Tiles(tuple(size), tuple(axes), tuple(multiple), reach)


def fitting(
    size: Sequence[int],
    multiple: Sequence[int],
    reach: Reach,
    voxels: int,
    smallest: int = SMALLEST,
) -> Tiles:
    """The tiles of least work that see at most `voxels` each.

    Raises OutOfMemoryError where even tiles that keep `smallest` voxels a side see more.
    """
    choices = [
        _choices(side, step, far, smallest)
        for side, step, far in zip(size, multiple, reach, strict=True)
    ]
    best, least = None, math.inf
    for parts in itertools.product(*choices):
        seen = math.prod(part.most for part in parts)
        work = math.prod(part.all for part in parts)
        if seen <= voxels and work < least:
            best, least = [part.kept for part in parts], work
    if best is None:
        raise OutOfMemoryError(
            f"tiles of {voxels} voxels fit into memory, and the smallest sees "
            f"{fewest(size, multiple, reach, smallest)}; give more --max-memory, a smaller --batch "
            "or network, or close other programs"
        )
    return cut(size, best, multiple, reach)


def fewest(
    size: Sequence[int], multiple: Sequence[int], reach: Reach, smallest: int = SMALLEST
) -> int:
    """Voxels that the smallest tile sees, which keeps `smallest` a side."""
    return math.prod(
        min(part.most for part in _choices(side, step, far, smallest))
        for side, step, far in zip(size, multiple, reach, strict=True)
    )


def smaller(tiles: Tiles, smallest: int = SMALLEST) -> Tiles | None:
    """Tiles that see half as much, or as little as can be; None where these do already."""
    given = (tiles.size, tiles.multiple, tiles.reach)
    least = fewest(*given, smallest)
    return fitting(*given, max(least, tiles.seen // 2)) if least < tiles.seen else None


class _Choice(NamedTuple):
    """A number of equal parts of an axis: what each keeps, and what one and all of them see."""

    kept: int
    most: int
    all: int


def _choices(side: int, multiple: int, reach: int | None, smallest: int) -> list[_Choice]:
    """For each number of equal parts of an axis, of `smallest` elements at least."""
    whole = math.ceil(side / multiple) * multiple
    found: dict[int, _Choice] = {}
    for count in range(1, max(1, whole // smallest) + 1):
        kept = math.ceil(whole / count / multiple) * multiple
        lengths = [w.stop - w.start for w in windows(whole, kept, multiple, reach)]
        found[kept] = _Choice(kept, max(lengths), sum(lengths))
    return list(found.values())
