"""`undrift data verify` for fields and soundings on disc; nothing of them is made or shipped."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from undrift.common.card_files import FileCheck
from undrift.common.cards import DataCard, find_card
from undrift.common.errors import UsageError
from undrift.scientific.atmosphere.datasets import check_views


def make(
    card_id: str, folder: Path, options: Mapping[str, Any] | None = None, overwrite: bool = False
) -> dict[Path, str]:
    """Raises UsageError with the way that the card tells."""
    how = find_card(card_id).prose["How to get it"].strip()
    raise UsageError(f"{card_id} cannot be made here; its card says:\n{how}")


def check(card: DataCard, root: Path) -> list[FileCheck]:
    """Whether the files below `root` are what the card's views say."""
    return check_views(card, root)
