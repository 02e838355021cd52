"""Benchmarks on data sets that lie on disc: their clean pictures, or their pairs for "sr".

Every task degrades the clean pictures by its own protocol, as on any card.  Only super-resolution
takes the data set's own low-resolution pictures, where the view has them at the scale that is
asked for: there nothing but the pictures has to be known.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.cards import DataCard, find_card
from undrift.common.errors import UsageError, nearest
from undrift.restoration.datasets.dataset import CardData
from undrift.restoration.protocols import Case


def _tested(card: DataCard, view: str | None) -> str | None:
    """The split to measure on where none is named: one for tests, or else for validation."""
    uses = {split.name: split.use for split in card.front.undrift.splits}
    fits = [v.split for v in card.front.undrift.views if view in (None, v.name)]
    return next((s for use in ("test", "val") for s in fits if uses[s] == use), None)


@dataclass(frozen=True)
class Given:
    """A case whose degraded pictures come from the data set instead of from its protocol."""

    inner: Case
    opened: "Measured"

    @property
    def task(self) -> str:
        """The task of the case."""
        return self.inner.task

    @property
    def name(self) -> str:
        """The case's name, and that the pictures are the data set's own."""
        return f"{self.inner.name} as given"

    @property
    def metrics(self) -> tuple[str, ...]:
        """Those of the case."""
        return self.inner.metrics

    @property
    def crop_border(self) -> int:
        """That of the case."""
        return self.inner.crop_border

    def pair(self, picture: np.ndarray, *, seed: int, item: str) -> tuple[np.ndarray, ...]:
        """The clean picture and the data set's degraded one."""
        return picture, self.opened.degraded(item)

    def known(self, size: tuple[int, int], *, seed: int, item: str) -> Any:
        """What the case tells."""
        return self.inner.known(size, seed=seed, item=item)


class Measured:
    """The pictures of a view for a benchmark.

    Raises UsageError for a view without clean pictures or an item that is not there, and
    InputError as `CardData`.
    """

    def __init__(
        self,
        card: str,
        root: str | Path,
        split: str | None = None,
        view: str | None = None,
        items: Sequence[str] | None = None,
    ) -> None:
        self.data = CardData(card, root, split or _tested(find_card(card), view), view)
        if "clean" not in self.data.sides:
            raise UsageError(
                f"{card} {self.data.view.split}/{self.data.view.name} has no clean pictures to "
                "compare with; restore them and send the results to its authors' server"
            )
        self.index = {entry.name: k for k, entry in enumerate(self.data.entries)}
        for name in items or ():
            if name not in self.index:
                raise UsageError(f"{card} has no item {name!r}{nearest(name, self.index)}")
        self.names = [name for name in self.index if items is None or name in items]

    def __iter__(self) -> Iterator[tuple[str, np.ndarray]]:
        return ((n, self.data.sides["clean"].decoded(self.index[n])) for n in self.names)

    def degraded(self, item: str) -> np.ndarray:
        """Float32 (c, h, w): the data set's own degraded picture."""
        return self.data.sides["degraded"].decoded(self.index[item])

    def case(self, case: Case) -> Case:
        """The case itself, or the data set's own pictures in it where they fit."""
        scale = self.data.view.scale
        if case.task != "sr" or "degraded" not in self.data.sides or scale == 1:
            return case
        asked = case.known((1, 1), seed=0, item="")
        if asked != scale:
            raise UsageError(
                f"the view {self.data.view.name} is of scale {scale}, not {asked:g}; "
                "choose another view, or one of clean pictures alone"
            )
        return Given(case, self)
