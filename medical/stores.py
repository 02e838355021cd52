"""Arrays of a whole volume that lie in memory or in a nameless file, and are touched in parts.

Sampling needs a few arrays as large as the volume beside what the network takes. Where they do not
fit, they are files mapped into memory (`volumes.on_disk`); after every access the pages are given
back, so that the process holds no more than the part at hand.
"""

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from undrift.medical.volumes.on_disk import computed, copied, let_go, on_disk

Place = tuple[slice, ...]


class Kept:
    """float32 (c, *space); parts are read as tensors (1, c, *space) and written as such."""

    def __init__(self, array: np.ndarray):
        self.array = array

    def read(self, place: Place = ()) -> Tensor:
        """A copy of a part, on the processor; () is all."""
        part = np.empty(self.array[(slice(None), *place)].shape, np.float32)
        for channel, into in zip(self.array, part, strict=True):
            copied(channel[place], into)
        return torch.from_numpy(part[None])

    def write(self, place: Place, part: Tensor) -> None:
        """Replaces a part."""
        for channel, new in zip(self.array, part[0].float().cpu().numpy(), strict=True):
            copied(new, channel[place])

    def add(self, place: Place, part: Tensor) -> None:
        """Adds to a part."""
        for channel, more in zip(self.array, part[0].float().cpu().numpy(), strict=True):
            here = channel[place]
            computed(np.add, here, here, more)

    def clear(self) -> None:
        """Sets everything to 0."""
        for index in range(self.array.shape[1]):
            self.array[:, index] = 0
            let_go(self.array)


@dataclass
class Room:
    """Makes arrays and takes them back for the next. folder: of files; None: in memory."""

    folder: Path | None = None
    _free: list[Kept] = field(default_factory=list)

    def take(self, shape: tuple[int, ...]) -> Kept:
        """An array (c, *space) of unknown content. Raises OutOfMemoryError where nothing is left.

        That of a folder names the folder, and what sets another.
        """
        for number, kept in enumerate(self._free):
            if kept.array.shape == shape:
                return self._free.pop(number)
        if self.folder is None:
            return Kept(np.empty(shape, np.float32))
        return Kept(on_disk(shape, self.folder))

    def give(self, kept: Kept) -> None:
        """Takes an array back, which nobody may use any more."""
        self._free.append(kept)


def slabs(size: tuple[int, ...], most: int = 2**21) -> list[Place]:
    """Parts along the first axis of about `most` elements, which cover everything once."""
    thick = max(1, most // max(1, math.prod(size[1:])))
    return [(slice(low, min(low + thick, size[0])),) for low in range(0, size[0], thick)]
