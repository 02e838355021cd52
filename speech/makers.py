"""`undrift data make` and `verify` for speech: recordings inside packages, data sets on disc."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from undrift.common.card_files import FileCheck
from undrift.common.cards import DataCard, find_card
from undrift.common.errors import InputError, UsageError, nearest
from undrift.speech.datasets.dataset import check_views
from undrift.speech.datasets.recordings import check_recordings, make_recordings
from undrift.speech.datasets.spoken import make_spoken

SPOKEN = "synthetic-speech"  # the card whose sentences a machine speaks
OPTIONS = {"recorded": ("items", "archives"), "spoken": ("items", "count")}


def make(
    card_id: str, folder: Path, options: Mapping[str, Any] | None = None, overwrite: bool = False
) -> dict[Path, str]:
    """Writes the speech of `card_id` as `folder/<speaker>/<item>.wav`: file -> status.

    See `make_recordings` of `datasets.recordings` and, for sentences that a machine speaks,
    `make_spoken` of `datasets.spoken` for options and errors.

    Raises:
        UsageError: an option this card does not take.
        InputError: an unknown card, or one that has nothing to make.
    """
    options = dict(options or {})
    card = find_card(card_id)
    spoken = card_id == SPOKEN
    known = OPTIONS["spoken" if spoken else "recorded"]
    for name in options:
        if name not in known:
            raise UsageError(f"{card_id} takes no {name!r}{nearest(name, known)}; it takes {known}")
    if spoken:
        return make_spoken(card, Path(folder), options, overwrite)
    if not card.front.undrift.members:
        raise InputError(f"{card_id} holds no recordings that can be made")
    return make_recordings(card, Path(folder), options, overwrite)


def check(card: DataCard, root: Path) -> list[FileCheck]:
    """Whether the recordings below `root` are what the card's members or views say."""
    return check_recordings(card, root) + check_views(card, root)
