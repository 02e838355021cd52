"""`undrift data make` and `verify` for cubes, fields and soundings.

A real cube comes out of a package that carries it; fields and soundings lie on disc already.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from undrift.common.card_files import FileCheck
from undrift.common.cards import DataCard, find_card
from undrift.common.errors import UsageError
from undrift.scientific.atmosphere.datasets import check_views
from undrift.scientific.hyperspectral import datasets, indian_pines


def make(
    card_id: str, folder: Path, options: Mapping[str, Any] | None = None, overwrite: bool = False
) -> dict[Path, str]:
    """Writes the cube of `card_id` (see `indian_pines`): file -> "written" or "skipped".

    Raises UsageError with the way that the card tells where nothing can be made.
    """
    card = find_card(card_id)
    if card.id == indian_pines.CARD:
        return indian_pines.make(card, Path(folder), options or {}, overwrite)
    how = card.prose["How to get it"].strip()
    raise UsageError(f"{card_id} cannot be made here; its card says:\n{how}")


def check(card: DataCard, root: Path) -> list[FileCheck]:
    """Whether the files below `root` are what the card's views say."""
    cubes = "band" in card.front.undrift.signal.axes.split()
    return datasets.check_views(card, root) if cubes else check_views(card, root)
