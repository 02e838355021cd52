"""A picture through `LocalNAFNet` row by row: no margins, nothing twice, and memory of a few rows.

All layers see one row of cells above and below at most. So rows are pushed in from the top: a layer
of 3 x 3 keeps the last two rows of its input, what is skipped over the deeper levels waits in line,
and a layer of stride 2 waits for the second row of a pair. Rows come out the network's reach later
than they went in, and are those of the whole picture: beyond its first and last row a layer sees
zeros, elsewhere the rows that are there. Lines that are kept are as wide as the picture and 2 to
some dozens of rows high, however high the picture is.
"""

from collections.abc import Iterator
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from undrift.common.allocator import give_freed_memory_back
from undrift.common.networks.local_nafnet import Block, LocalNAFNet, pad_to_multiple
from undrift.common.networks.row_lines import Line, Queue, Rows, joined

Piece = tuple[Tensor, bool]  # rows, and whether they are the last


class Conv3Rows:
    """A 3 x 3 layer, a row late."""

    def __init__(self, conv: nn.Conv2d):
        self.conv = conv
        self._line, self._begun = Line(), False

    def push(self, x: Tensor, end: bool) -> Rows:
        """The rows whose neighbours are there; with `end` all others."""
        if end or not self._begun:
            zero = torch.zeros_like(x[:, :, :1])
            x = joined([zero] * (not self._begun) + [x] + [zero] * end)
            self._begun = True
        seen = self._line.put(x)
        self._line.keep(seen[:, :, -2:], end)
        if seen.shape[2] < 3:
            return None
        conv = self.conv
        return F.conv2d(seen, conv.weight, conv.bias, padding=(0, 1), groups=conv.groups)


class BlockRows:
    """A `Block`, a row late."""

    def __init__(self, block: Block, features: Tensor):
        self.block, self.films = block, block.films(features)
        self._depthwise, self._waiting = Conv3Rows(block.depthwise), Line()

    def push(self, x: Tensor, end: bool) -> Rows:
        """As `Conv3Rows.push`."""
        h = self._depthwise.push(self.block.entered(x, self.films), end)
        x = self._waiting.put(x)
        ready = 0 if h is None else h.shape[2]
        self._waiting.keep(x[:, :, ready:], end)
        return None if h is None else self.block.left(x[:, :, :ready], h, self.films)


class LevelRows:
    """A level and all below it, as `LocalNAFNet.below`."""

    def __init__(self, network: LocalNAFNet, index: int, features: Tensor):
        last = index == len(network.downs)
        way = [network.middle] if last else [network.down_blocks[index], network.up_blocks[index]]
        self._ways = [
            [BlockRows(cast(Block, b), features) for b in part.children()] for part in way
        ]
        self._below = None if last else LevelRows(network, index + 1, features)
        self._layers = () if last else (network.downs[index], network.ups[index])
        self._pairs, self._skip, self._most = Queue(), Queue(), 0

    def push(self, h: Tensor, end: bool) -> Iterator[Piece]:
        """As `Conv3Rows.push`, in pieces that are no higher than what comes in."""
        if end:  # other sizes than before, and lines that go: holes add up
            give_freed_memory_back()
        if not end or not self._most:  # at the end more come than before
            self._most = max(self._most, h.shape[2])
        downs = _through(self._ways[0], h, end, self._most)
        del h  # what is worked on is let go of as soon as it is taken
        for down, last in downs:
            if self._below is None:
                yield down, last
                continue
            self._skip.put(down)
            self._pairs.put(down)
            del down
            yield from self._up(self._below, last)

    def _up(self, below: "LevelRows", end: bool) -> Iterator[Piece]:
        """What comes back up after the pairs of rows that wait have gone down."""
        pairs, most = self._pairs.count // 2, -(-self._most // 2)
        if not pairs:
            return
        to_below, from_below = cast(tuple[nn.Module, nn.Module], self._layers)
        for deep, last in below.push(to_below(self._pairs.take(2 * pairs)), end):
            for part, final in _pieces(deep, most, last):
                up = F.pixel_shuffle(from_below(part), 2)
                up += self._skip.take(up.shape[2])
                ups = _through(self._ways[1], up, final, 2 * most)
                del part, up
                yield from ups


class NAFNetRows:
    """A network that does not go round, for one picture: rows are pushed, and come out later.

    psi, level: as for `LocalNAFNet.forward`. Gradients are not for this.
    """

    def __init__(self, network: LocalNAFNet, psi: Tensor, level: Tensor | None = None):
        if network.periodic:
            raise ValueError("a periodic network needs the last rows for the first ones")
        features = network.embed(psi, level)
        self.network = network
        self._enter, self._leave = Conv3Rows(network.enter), Conv3Rows(network.leave)
        self._level = LevelRows(network, 0, features)
        self._owed = 0

    def push(self, x: Tensor, end: bool = False) -> Iterator[Tensor]:
        """The rows of the result that are ready, after x (b, inputs, rows, w) below the last ones.

        They come in pieces from the top: with `end` all that are late, which are many for a low x.
        All x but the last, with `end`, must be multiples of `multiple` high; else ValueError.
        """
        height, width = x.shape[-2:]
        if height % self.network.multiple and not end:
            raise ValueError(f"got {height} rows; expected a multiple of {self.network.multiple}")
        self._owed += height
        x = F.pixel_unshuffle(pad_to_multiple(x, self.network.multiple), self.network.unshuffle)
        h = self._enter.push(x, end)
        del x
        if h is None:
            return
        pieces = self._level.push(h, end)
        del h
        for piece, last in pieces:
            rows = self._leave.push(piece, last)
            if rows is not None:
                out = F.pixel_shuffle(rows, self.network.unshuffle)[:, :, : self._owed, :width]
                self._owed -= out.shape[2]
                yield out


def line_elements(network: LocalNAFNet) -> float:
    """Numbers that wait in all lines, for each pixel that the picture is wide."""
    numbers, _ = _waiting(network, 0)
    inputs = network.enter.in_channels / network.unshuffle  # two lines of each 3 x 3 layer
    return numbers + 2 * inputs + 2 * network.widths[0] / network.unshuffle


def _waiting(network: LocalNAFNet, index: int) -> tuple[float, int]:
    """Numbers of a level and all below for a pixel of width, and rows of cells that they are late.

    A block keeps two lines of twice its channels and one of its input.
    """
    width, depth = network.widths[index], network.depths[index]
    cell = network.unshuffle * 2**index
    if index == len(network.downs):
        return 5 * width * depth / cell, depth
    below, late = _waiting(network, index + 1)
    skipped = 2 * late + 2  # and what waits to be a pair
    return below + width * (2 * 5 * depth + skipped) / cell, 2 * depth + skipped


def _pieces(rows: Tensor, most: int, end: bool) -> Iterator[Piece]:
    """Rows, at most so many at a time: at the end all that are late come at once."""
    parts = rows.split(most, 2)
    for number, part in enumerate(parts, 1):
        yield part, end and number == len(parts)


def _through(blocks: list[BlockRows], h: Tensor, end: bool, most: int) -> Iterator[Piece]:
    """What all blocks make of rows, so many at a time; each has one more at the end."""
    while blocks and h.shape[2] <= most:
        rows = blocks[0].push(h, end)
        if rows is None:
            return
        blocks, h = blocks[1:], rows
        del rows
    if not blocks:
        yield h, end
        return
    for part, last in _pieces(h, most, end):
        yield from _through(blocks, part, last, most)
