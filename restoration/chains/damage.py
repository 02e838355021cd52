"""Damage to a print or a scan: what a mask marks is painted over."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from undrift.restoration.chains.link import Limits, Link
from undrift.restoration.masks import drawn_mask


@dataclass(frozen=True)
class Damaged(Link):
    """x + strength (tone - x) below a mask, a word of `masks` such as "scratches:12" or "text:18".

    tone: 0 black, 1 white.
    """

    word: str = "scratches:12"
    tone: float = 1.0
    strength: float = 1.0
    seed: int = 0
    name = "damage"
    limits: ClassVar[Limits] = {"tone": (0, 1), "strength": (0, 1)}

    def __post_init__(self) -> None:
        super().__post_init__()
        drawn_mask(self.word, (8, 8), seed=0, item="")  # raises for a word that means nothing

    def __call__(self, x: np.ndarray) -> np.ndarray:
        mask = self.mask((x.shape[1], x.shape[2]))
        return x + np.float32(self.strength) * mask * (np.float32(self.tone) - x)

    def mask(self, size: tuple[int, int]) -> np.ndarray:
        """(h, w) float32, 1 where the picture is damaged."""
        return drawn_mask(self.word, size, seed=self.seed, item="damage").astype(np.float32)
