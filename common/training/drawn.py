"""Samples that are drawn: item n of a data set is a function of (seed, n) alone.

Each item has its own stream of random numbers, Philox of key (seed, n) (Salmon et al. 2011):
whatever rank or worker asks for it, in whatever order, before or after a resume, it is the same.
"""

from abc import ABC, abstractmethod

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset


class Drawn(Dataset[dict[str, Tensor]], ABC):
    """Map-style dataset of `length` training items: `self[n]` is `draw(n, rng)`.

    seed: 0 <= seed < 2**64. Raises IndexError for an item that there is not.
    """

    seed: int
    length: int

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, n: int) -> dict[str, Tensor]:
        if not 0 <= n < self.length:
            raise IndexError(f"item {n} of {self.length}")
        key = np.array([self.seed, n], np.uint64)
        return self.draw(n, np.random.Generator(np.random.Philox(key=key)))

    @abstractmethod
    def draw(self, n: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """Item n, with all its chance out of `rng`."""
