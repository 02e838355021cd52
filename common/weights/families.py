"""Published checkpoints that belong to a domain: how `undrift models convert` finds who reads them.

Each family is known by the name of its module here; nothing registers itself.
"""

import importlib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Protocol

FAMILIES = {"speech": "undrift.speech.published.convert:SPEECH"}


class Family(Protocol):
    """names: of published checkpoints, for --like."""

    @property
    def names(self) -> Collection[str]: ...

    def takes(self, path: Path) -> bool:
        """Whether a file is one of this family; never raises."""
        ...

    def convert(
        self, source: Path, target: Path, name: str | None, like: str | None, told: Sequence[str]
    ) -> list[str]:
        """Writes the weight file and its card; returns lines to print."""
        ...


def find_family(source: Path, like: str | None, told: Sequence[str]) -> Family | None:
    """Who converts a checkpoint; None is for networks of guided diffusion.

    like, told: the options of the command. A .ckpt of Lightning is always of a family.
    """
    for place in FAMILIES.values():
        module, attribute = place.split(":")
        family: Family = getattr(importlib.import_module(module), attribute)
        if like in family.names or told or source.suffix == ".ckpt":
            return family
        if like is None and family.takes(source):
            return family
    return None
