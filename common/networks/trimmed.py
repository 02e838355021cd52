"""A window through a network of bounded reach, without what only its margins would see.

A window of a larger picture is restored with a margin of the network's reach, which is thrown away.
A layer needs less of it the fewer layers are still to come: where the rest of the network reaches r
cells, cells further out than r from what is kept are garbage already, and are cut off. Counted in
cells of each level: a block reaches one; what comes back from the level below is needed on twice as
many cells there; the way down keeps what the deeper levels want. So about half of the margin's work
is spared, and what is kept is the same to the last bits.
"""

from collections.abc import Sequence
from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from undrift.common.networks.local_nafnet import LocalNAFNet, pad_to_multiple

EVERY = 4  # blocks between two cuts, each of which makes the next layer copy its map
Sides = tuple[int, int, int, int]  # top, bottom, left, right


def trimmed(network: nn.Module, cut: Sequence[bool]) -> nn.Module:
    """The network for windows whose sides are thrown away as far as its reach where they are cut.

    cut: whether the picture goes on at the top, bottom, left, right. Within the reach of such a
    side the result is zero. Networks of other kinds, and trimmed ones, are taken as they were.
    """
    network = network.whole if isinstance(network, TrimmedNAFNet) else network
    if type(network) is not LocalNAFNet or network.periodic or not any(cut):
        return network
    return TrimmedNAFNet(network, cut)


class TrimmedNAFNet(LocalNAFNet):
    """Shares the layers of `whole`, which it does not change; see `trimmed`."""

    whole: LocalNAFNet

    def __init__(self, whole: LocalNAFNet, cut: Sequence[bool]):
        nn.Module.__init__(self)
        self.__dict__.update({**whole.__dict__, "whole": whole})
        top, bottom, left, right = (bool(side) for side in cut)
        self.cut = (top, bottom, left, right)

    def forward(self, x: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
        """As `LocalNAFNet.forward`."""
        height, width = x.shape[-2:]
        h = F.pixel_unshuffle(pad_to_multiple(x, self.multiple), self.unshuffle)
        features, (rows, columns) = self.embed(psi, level), h.shape[-2:]
        spare = self.reach // self.unshuffle
        h, gone = self._below(0, self.enter(h), features, (0, 0, 0, 0), spare - 1)
        h, gone = self._trim(self.leave(h), gone, spare)
        top, _, left, _ = gone
        out = h.new_zeros(*h.shape[:2], rows, columns)
        out[..., top : top + h.shape[-2], left : left + h.shape[-1]] = h
        return F.pixel_shuffle(out, self.unshuffle)[..., :height, :width]

    def _below(
        self, index: int, h: Tensor, features: Tensor, gone: Sides, spare: int
    ) -> tuple[Tensor, Sides]:
        """Level `index` from what entered it, and all below; `spare` cells of the result are free.

        gone: cells that h lacks at each side, in cells of the level; the result's come with it.
        """
        if index == len(self.downs):
            return self._run(self.middle, h, features, gone, spare)
        blocks = cast(nn.ModuleList, self.up_blocks[index])
        joined = spare - len(blocks)
        wanted = 2 * self._entry(index + 1, joined // 2)
        h, gone = self._run(self.down_blocks[index], h, features, gone, wanted)
        h, gone = self._trim(h, gone, wanted)
        halves = tuple(side // 2 for side in gone)
        deep, lost = self._below(
            index + 1, self.downs[index](h), features, _sides(halves), joined // 2
        )
        deep = F.pixel_shuffle(self.ups[index](deep), 2)
        deep, _ = self._trim(deep, _sides([2 * side for side in lost]), joined)
        h, gone = self._trim(h, gone, joined)
        return self._run(blocks, deep + h, features, gone, spare)

    def _entry(self, index: int, spare: int) -> int:
        """Free cells of what enters a level, where `spare` of its result are."""
        if index == len(self.downs):
            return spare - len(self.middle)
        depth = self.depths[index]
        return 2 * self._entry(index + 1, (spare - depth) // 2) - depth

    def _run(
        self, blocks: nn.Module, h: Tensor, features: Tensor, gone: Sides, spare: int
    ) -> tuple[Tensor, Sides]:
        """Blocks that reach one cell each; h is trimmed before every few of them."""
        layers = list(blocks.children())
        for number, block in enumerate(layers):
            if number % EVERY == 0:
                h, gone = self._trim(h, gone, spare - (len(layers) - number))
            h = block(h, features)
        return h, gone

    def _trim(self, h: Tensor, gone: Sides, spare: int) -> tuple[Tensor, Sides]:
        """h without the outer `spare` cells of the sides that are cut; `gone` of them are gone."""
        after = [max(was, spare) if cut else 0 for was, cut in zip(gone, self.cut, strict=True)]
        top, bottom, left, right = (new - was for new, was in zip(after, gone, strict=True))
        rows, columns = h.shape[-2:]
        return h[..., top : rows - bottom, left : columns - right], _sides(after)


def _sides(numbers: Sequence[int]) -> Sides:
    top, bottom, left, right = numbers
    return top, bottom, left, right
