"""What is done to the frames of a signal, in blocks: a model, a classical filter, or nothing.

A stage takes real frames (b, 2, bins, n), compressed as the model's spectrogram says, and returns
those that are settled, in the same order; after `finish` all have come back. The items of a batch
are channels, which do not see each other.
"""

from typing import Protocol

import torch
from torch import Tensor


class Stage(Protocol):
    """One signal's way through a method; fresh for every signal."""

    def push(self, frames: Tensor, /) -> Tensor: ...

    def finish(self) -> Tensor: ...


class Unchanged:
    """Gives what comes: what is left is what the way there and back does."""

    def push(self, frames: Tensor) -> Tensor:
        """The frames."""
        return frames

    def finish(self) -> Tensor:
        """Nothing is held."""
        return torch.zeros(0)
