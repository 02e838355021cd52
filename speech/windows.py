"""A stream cut into windows at fixed places, whatever the blocks it comes in.

Sums of floats depend on their order, and that on the shape a library is given. To make block-wise
results equal to the whole file's to the last bit, every window has one size and lies at a multiple
of `size`; context before the first and after the last sample is zero.
"""

from collections.abc import Iterator

import torch
from torch import Tensor


class Windows:
    """Windows (c, before + size + after) of a stream (c, n), one for each `size` samples."""

    def __init__(self, size: int, before: int, after: int):
        self.size, self.before, self.after = size, before, after
        self.pushed = 0  # samples so far
        self._held: Tensor | None = None

    def push(self, block: Tensor) -> Iterator[Tensor]:
        """Takes (c, n), yields the windows that are complete."""
        self.pushed += block.shape[-1]
        if self._held is None:
            self._held = block.new_zeros(block.shape[0], self.before)
        yield from self._cut(block)

    def finish(self) -> Iterator[Tensor]:
        """Yields the windows of what is left; the last one is filled up with zeros."""
        if self._held is not None:
            missing = -self.pushed % self.size
            yield from self._cut(self._held.new_zeros(self._held.shape[0], missing + self.after))

    def _cut(self, block: Tensor) -> Iterator[Tensor]:
        held = block if self._held is None else torch.cat([self._held, block], -1)
        whole = self.before + self.size + self.after
        count = max(0, (held.shape[-1] - whole) // self.size + 1)
        self._held = held[:, count * self.size :].clone()
        for start in range(0, count * self.size, self.size):
            yield held[:, start : start + whole]
