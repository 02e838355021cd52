"""A matrix with few numbers a row, close to its diagonal, along an axis of a signal.

Resizing an axis, or resizing it there and back, takes every output from a few neighbouring inputs.
A block of `BLOCK` outputs reads one stretch of inputs, so that each block is a small dense product:
a little more arithmetic than the taps alone, but of the kind that processors are fastest at, and
each number is read and written once.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

BLOCK = 32  # outputs of a product; more would be mostly zeros, fewer would be many small calls


@dataclass(frozen=True, eq=False)
class Banded:
    """A (new, old) matrix as blocks. blocks: where the inputs of each start and stop, and it."""

    new: int
    blocks: tuple[tuple[int, int, Tensor], ...]

    def rows(self, x: Tensor) -> Tensor:
        """The matrix along axis -2: (..., old, w) -> (..., new, w)."""
        out = x.new_empty((*x.shape[:-2], self.new, x.shape[-1]))
        for number, (start, stop, block) in enumerate(self.blocks):
            first = number * BLOCK
            out[..., first : first + BLOCK, :] = block @ x[..., start:stop, :]
        return out

    def columns(self, x: Tensor) -> Tensor:
        """The matrix along axis -1: (..., h, old) -> (..., h, new)."""
        out = x.new_empty((*x.shape[:-1], self.new))
        for number, (start, stop, block) in enumerate(self.blocks):
            first = number * BLOCK
            out[..., first : first + BLOCK] = x[..., start:stop] @ block.mT
        return out


def banded(
    index: np.ndarray, weight: np.ndarray, dtype: torch.dtype, device: torch.device
) -> Banded:
    """From the inputs that each output is a sum of, and their weights, both (new, taps).

    An input may be named more than once in a row; its weights add up.
    """
    blocks = []
    for first in range(0, len(index), BLOCK):
        places, shares = index[first : first + BLOCK], weight[first : first + BLOCK]
        start, stop = int(places.min()), int(places.max()) + 1
        block = np.zeros((len(places), stop - start))
        np.add.at(block, (np.arange(len(places))[:, None], places - start), shares)
        blocks.append((start, stop, torch.tensor(block, dtype=dtype, device=device)))
    return Banded(len(index), tuple(blocks))
