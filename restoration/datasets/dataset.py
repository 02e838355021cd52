"""A data set on disc, read by the views of its card: items one by one, or as a training source.

    data = CardData("lol", "~/data/LOLdataset", split="test")
    for item in data:
        item.name, item.clean, item.degraded  # float32 (c, h, w) in [0, 1]

Opening lists the files and checks that they pair up; pictures are decoded when they are asked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from undrift.common.card_views import View
from undrift.common.cards import DataCard, find_card
from undrift.common.errors import InputError, UsageError, nearest
from undrift.restoration.datasets.arrays import Pieces, pieces
from undrift.restoration.datasets.layout import Entry, misplaced, scan
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


def find_view(card: DataCard, split: str | None = None, view: str | None = None) -> View:
    """The view `view` of `split`; the first that fits where one of them is None.

    Raises UsageError, which lists what there is, where none fits.
    """
    views = card.front.undrift.views
    if not views:
        raise UsageError(f"{card.id} has no views; its pictures come by `undrift data make`")
    fits = [v for v in views if split in (None, v.split) and view in (None, v.name)]
    if fits:
        return fits[0]
    hint = nearest(split or "", [v.split for v in views]) or nearest(
        view or "", [v.name for v in views]
    )
    known = ", ".join(f"{v.split}/{v.name}" for v in views)
    raise UsageError(f"{card.id} has no view {split or '*'}/{view or '*'}{hint} (it has: {known})")


class CardData:
    """The items of one view of a card below `root`; see the module.

    Raises:
        UsageError: a split or view that the card does not have.
        InputError: an unknown card, no data below `root`, or files without partner, all at once.
    """

    def __init__(
        self,
        card: str | DataCard,
        root: str | Path,
        split: str | None = None,
        view: str | None = None,
    ) -> None:
        self.card = find_card(card) if isinstance(card, str) else card
        self.view = find_view(self.card, split, view)
        self.root = Path(root).expanduser()
        if not self.root.is_dir():
            raise InputError(f"{self.root} is not a folder; expected the one that holds the data")
        self.entries, problems = scan(self.view, self.root)
        if problems:
            raise InputError(f"{self.card.id}:\n  " + "\n  ".join(problems))
        if not self.entries:
            raise misplaced([self.view], self.root)
        self.sides = self._open()

    def _open(self) -> dict[str, Folder]:
        """Side -> its pictures, in the order of `entries`."""
        if self.view.reader == "files":
            sides = self.view.patterns
            return {s: Folder(self.root, [e.files[s] for e in self.entries]) for s in sides}
        found = pieces(self.view, self.root, self.entries)
        self.entries: list[Entry] = [entry for entry, _ in found]
        return {s: Pieces(self.root, [p[s] for _, p in found]) for s in self.view.patterns}

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, k: int) -> Item:
        entry = self.entries[k]
        found = {side: pictures.decoded(k) for side, pictures in self.sides.items()}
        mask = found["mask"].mean(axis=0) > 0.5 if "mask" in found else None
        return Item(entry.name, found.get("clean"), found.get("degraded"), mask, entry.group)

    def __iter__(self) -> Iterator[Item]:
        return (self[k] for k in range(len(self)))

    def source(self) -> Folder | Pairs:
        """The data for training: pairs, or the only side there is."""
        if {"clean", "degraded"} <= self.sides.keys():
            return CardPairs(self)
        return next(iter(self.sides.values()))


class CardPairs(Pairs):
    """Pairs of clean and degraded pictures, found by a card instead of by two folders."""

    def __init__(self, data: CardData) -> None:
        self.clean, self.degraded = data.sides["clean"], data.sides["degraded"]
