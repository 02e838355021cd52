"""A chain of degradations: applied in order, written down as a list of records, read back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from undrift.common.errors import InputError, nearest
from undrift.restoration.chains.catalogue import LINKS
from undrift.restoration.chains.kernels import Kernel
from undrift.restoration.chains.link import Link


@dataclass(frozen=True)
class Chain:
    """links: applied from the first to the last."""

    links: tuple[Link, ...]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """float32 (c, h, w) in [0, 1] -> float32 (c, h', w')."""
        for link in self.links:
            x = link(x)
        return np.ascontiguousarray(x, dtype=np.float32)

    def record(self) -> list[dict[str, Any]]:
        """All that `replayed` needs, of plain numbers and words."""
        return [link.record() for link in self.links]

    def mask(self, size: tuple[int, int]) -> np.ndarray | None:
        """(h, w) float32, the largest of the masks of its links; None if no link has one."""
        masks = [mask for link in self.links if (mask := link.mask(size)) is not None]
        return np.max(masks, axis=0) if masks else None


def replayed(records: Sequence[Mapping[str, Any]]) -> Chain:
    """The chain whose `record()` this is. Raises InputError on unknown names or keys."""
    return Chain(tuple(_link(record, place) for place, record in enumerate(records)))


def _link(record: Mapping[str, Any], place: int) -> Link:
    values = dict(record)
    name = str(values.pop("name", ""))
    if name not in LINKS:
        raise InputError(
            f"link {place} is {name!r}; expected one of {', '.join(LINKS)}{nearest(name, LINKS)}"
        )
    try:
        if "kernel" in values:
            values["kernel"] = Kernel(**values["kernel"])
        return LINKS[name](**values)
    except TypeError as error:
        raise InputError(f"link {place}, {name}, does not fit: {error}") from error
