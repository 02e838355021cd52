"""A data set on disc, read by the views of its card: items one by one, or as a training source.

    data = CardData("lol", "~/data/LOLdataset", split="test")
    for item in data:
        item.name, item.clean, item.degraded  # float32 (c, h, w) in [0, 1]

Opening lists the files and checks that they pair up; pictures are decoded when they are asked for.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from undrift.common.cards import DataCard
from undrift.common.open_views import ViewData
from undrift.restoration.datasets.arrays import Pieces, pieces
from undrift.restoration.sources import Folder, Pairs


@dataclass(frozen=True)
class Item:
    """One item: float32 pictures (c, h, w) in [0, 1]; mask: bool (h, w), true where degraded.

    None where the data set has no such side; `group` is the scene, subject, ... it belongs to.
    """

    name: str
    clean: np.ndarray | None
    degraded: np.ndarray | None
    mask: np.ndarray | None
    group: str | None


class CardData(ViewData[Item]):
    """The items of one view of a card below `root`; see the module, and `ViewData` for errors."""

    def __init__(
        self,
        card: str | DataCard,
        root: str | Path,
        split: str | None = None,
        view: str | None = None,
    ) -> None:
        super().__init__(card, root, split, view)
        self.sides = self._open()

    def _open(self) -> dict[str, Folder]:
        """Side -> its pictures, in the order of `entries`."""
        if self.view.reader == "files":
            sides = self.view.patterns
            return {s: Folder(self.root, [e.files[s] for e in self.entries]) for s in sides}
        found = pieces(self.view, self.root, self.entries)
        self.entries = [entry for entry, _ in found]
        return {s: Pieces(self.root, [p[s] for _, p in found]) for s in self.view.patterns}

    def __getitem__(self, k: int) -> Item:
        entry = self.entries[k]
        found = {side: pictures.decoded(k) for side, pictures in self.sides.items()}
        mask = found["mask"].mean(axis=0) > 0.5 if "mask" in found else None
        return Item(entry.name, found.get("clean"), found.get("degraded"), mask, entry.group)

    def source(self) -> Folder | Pairs:
        """The data for training: pairs, or the only side there is."""
        if {"clean", "degraded"} <= self.sides.keys():
            return CardPairs(self)
        return next(iter(self.sides.values()))


class CardPairs(Pairs):
    """Pairs of clean and degraded pictures, found by a card instead of by two folders."""

    def __init__(self, data: CardData) -> None:
        self.clean, self.degraded = data.sides["clean"], data.sides["degraded"]
