"""Estimates of tiles as one volume: placed side by side, or blended where tiles overlap."""

from collections.abc import Sequence

import torch
from torch import Tensor

from undrift.common.windows import Place
from undrift.medical.stores import Kept, Room, slabs
from undrift.medical.tile_plan import Tiles


class Fusion:
    """Takes the estimates of all tiles into `found`.

    measured: whether tiles that overlap are compared, which takes one more array of the room.
    """

    def __init__(self, tiles: Tiles, found: Kept, room: Room, measured: bool = False):
        self.tiles, self.found, self.room = tiles, found, room
        self.squares: Kept | None = None
        if tiles.fused:
            found.clear()
            if measured:
                self.squares = room.take(found.array.shape)
                self.squares.clear()

    def put(self, place: Place, part: Tensor) -> None:
        """Takes in what a tile says of all it sees, (1, c, x, y, z)."""
        ends = [min(w.high, side) for w, side in zip(place, self.tiles.size, strict=True)]
        pairs = list(zip(place, ends, strict=True))
        target = tuple(slice(w.low, end) for w, end in pairs)
        inner = tuple(slice(w.low - w.start, end - w.start) for w, end in pairs)
        part = part[(..., *inner)].float().cpu()
        if not self.tiles.fused:
            self.found.write(target, part)
            return
        weights = [self.tiles.weight(axis, w)[: end - w.low] for axis, (w, end) in enumerate(pairs)]
        weight = product(weights)
        self.found.add(target, part * weight)
        if self.squares is not None:
            self.squares.add(target, part.square() * weight)

    def finish(self) -> float | None:
        """Divides by the weights; returns the root mean square by which tiles differ, if measured.

        It is over the voxels that several tiles see, about the blend, by the weights of the blend.
        """
        if not self.tiles.fused:
            return None
        axes = range(len(self.tiles.size))
        sums = [self.tiles.sums(axis) for axis in axes]
        counts = [self.tiles.counts(axis) for axis in axes]
        total, voxels = 0.0, 0
        for part in slabs(self.tiles.size):
            weight = product([sums[0][part[0]], *sums[1:]])
            mean = self.found.read(part) / weight
            self.found.write(part, mean)
            if self.squares is not None:
                shared = (product([counts[0][part[0]], *counts[1:]]) > 1).expand(mean.shape)
                apart = (self.squares.read(part) / weight).double() - mean.double().square()
                total += float(apart.clamp_min(0)[shared].sum())
                voxels += int(shared.sum())
        if self.squares is None:
            return None
        self.room.give(self.squares)
        return (total / max(1, voxels)) ** 0.5


def product(axes: Sequence[Tensor]) -> Tensor:
    """The outer product of one vector an axis."""
    result = torch.ones(())
    for axis in axes:
        result = result[..., None] * axis
    return result
