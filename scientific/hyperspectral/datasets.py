"""A data set of cubes on disc, read by the views of its card: items one by one.

    for item in CubeData("hirdiff-cubes", "~/data"):
        item.open("gt")

What a file holds has to be a cube; where it holds several arrays, each of the card's `arrays` is
opened by its name.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from undrift.common.card_files import FileCheck
from undrift.common.cards import DataCard
from undrift.common.errors import UndriftError
from undrift.common.open_views import ViewData
from undrift.common.open_views import check_views as check
from undrift.scientific.hyperspectral.cubes.cube import Cube
from undrift.scientific.hyperspectral.cubes.files import open_cube

ARRAYS = {"hirdiff-cubes": ("input", "gt")}  # of cards whose files hold more than one cube


@dataclass(frozen=True)
class Item:
    """One file. arrays: what has to be in it, empty where it holds a single cube."""

    name: str
    path: Path
    group: str | None
    arrays: tuple[str, ...] = ()

    def open(self, key: str | None = None) -> Cube:
        """The cube, or that of a name. Raises InputError as `open_cube`."""
        return open_cube(self.path, key=key)


class CubeData(ViewData[Item]):
    """The items of one view of a card below `root`. Raises as `ViewData`."""

    def __getitem__(self, k: int) -> Item:
        entry = self.entries[k]
        arrays = ARRAYS.get(self.card.id, ())
        return Item(entry.name, entry.files["clean"], entry.group, arrays)


def check_views(card: DataCard, root: Path) -> list[FileCheck]:
    """See `undrift.common.open_views.check_views`. Reads every file."""
    return check(card, root, CubeData, _problems)


def _problems(data: CubeData) -> Iterator[str]:
    for item in data:
        for key in item.arrays or (None,):
            try:
                item.open(key)
            except UndriftError as error:
                text = str(error)
                yield text if str(item.path) in text else f"{item.path}: {text}"
