"""What every link of a chain is: a frozen dataclass of numbers and words.

It is applied to float32 (c, h, w) in [0, 1]. What it draws comes from a stream of its own seed
(Philox), so that a recorded link does the same again, to the last bit.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from undrift.common.errors import InputError, nearest

Limits = Mapping[str, tuple[float, float]]
Words = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Link(ABC):
    """Base class: `link(x)` degrades x; `record()` is what makes the same link again.

    limits, words: what its parameters may be; others raise InputError.
    """

    name: ClassVar[str]
    limits: ClassVar[Limits] = {}
    words: ClassVar[Words] = {}

    def __post_init__(self) -> None:
        for key, (low, high) in self.limits.items():
            value = getattr(self, key)
            if not low <= value <= high:
                raise InputError(
                    f"{self.name}: {key} is {value!r}; expected a number from {low:g} to {high:g}"
                )
        for key, known in self.words.items():
            value = getattr(self, key)
            if value not in known:
                raise InputError(
                    f"{self.name}: {key} is {value!r}; expected one of {', '.join(known)}"
                    f"{nearest(str(value), known)}"
                )

    @abstractmethod
    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The degraded picture, shaped as the link says."""

    def record(self) -> dict[str, Any]:
        """Name and parameters."""
        return {"name": self.name, **asdict(self)}

    def mask(self, size: tuple[int, int]) -> np.ndarray | None:
        """(h, w) float32, 1 where the link does its damage; None if that is everywhere."""
        return None


def stream(seed: int, use: int = 0x5EED) -> np.random.Generator:
    """The random numbers of a seed, others for each `use`."""
    return np.random.Generator(np.random.Philox(key=np.array([seed, use], np.uint64)))
