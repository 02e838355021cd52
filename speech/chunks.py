"""A signal in overlapping chunks, for networks that carry no state from block to block.

Chunks start every `length - overlap` frames; the last one ends with the signal, so that it is as
long as the others and no tail is lost. Neighbours hold the same speech, hence they are joined with
weights that add up to one (equal gain; weights of equal power are for unlike signals). Whoever
draws noise draws it by the absolute frame, so that both sides of a join have seen the same.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from undrift.common.errors import UsageError

Enhance = Callable[[Tensor, int], Tensor]


class Chunked:
    """Pushed frames (b, 2, bins, n) come out enhanced, up to `length` later; then `finish`.

    enhance: called with a chunk and the number of its first frame, returns the same shape.
    Raises UsageError unless 0 <= overlap < length.
    """

    def __init__(self, enhance: Enhance, length: int, overlap: int):
        if not 0 <= overlap < length:
            raise UsageError(
                f"chunks of {length} frames with {overlap} in common; expected an overlap from 0 "
                "that is shorter than a chunk"
            )
        self.enhance, self.length, self.overlap = enhance, length, overlap
        rise = torch.sin(math.pi / 2 * (torch.arange(overlap) + 0.5) / max(1, overlap)) ** 2
        self._rise = rise
        self._held: Tensor | None = None
        self._first = 0  # number of the first held frame
        self._next = 0  # where the next chunk starts
        self._tail: Tensor | None = None  # of the chunk before, from there on

    @property
    def _end(self) -> int:
        return self._first + (0 if self._held is None else self._held.shape[-1])

    def push(self, frames: Tensor) -> Tensor:
        """Takes n frames, returns those that are settled; often none."""
        self._held = frames if self._held is None else torch.cat([self._held, frames], -1)
        done = [frames[..., :0]]
        while self._end >= self._next + self.length:
            out = self._joined(self._enhanced(self._next), self._next)
            kept = self.length - self.overlap
            done.append(out[..., :kept])
            self._tail = out[..., kept:]
            self._forget(self._next)
            self._next += kept
        return torch.cat(done, -1)

    def finish(self) -> Tensor:
        """The frames up to the end."""
        if self._held is None:
            return torch.zeros(0)
        if self._tail is not None and self._end == self._next + self.overlap:
            return self._tail
        start = max(0, self._end - self.length)
        return self._joined(self._enhanced(start), start)

    def _enhanced(self, start: int) -> Tensor:
        if self._held is None:
            raise RuntimeError("a chunk before any frame")
        at = start - self._first
        return self.enhance(self._held[..., at : at + self.length], start)

    def _joined(self, out: Tensor, start: int) -> Tensor:
        """The chunk from `_next` on, faded in over the tail of the chunk before."""
        out = out[..., self._next - start :]
        if self._tail is None:
            return out
        common = self._tail.shape[-1]
        rise = self._rise.to(out)
        mixed = (1 - rise) * self._tail + rise * out[..., :common]
        return torch.cat([mixed, out[..., common:]], -1)

    def _forget(self, before: int) -> None:
        """Keeps what a last chunk that ends with the signal may see again."""
        if self._held is not None:
            self._held = self._held[..., before - self._first :].clone()
            self._first = before
