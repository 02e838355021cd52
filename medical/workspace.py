"""Where a task keeps what does not fit into memory, and whether it can go on when killed."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from undrift.medical.checkpoint import Checkpoint, Point


class Unkept(Checkpoint):
    """Takes nothing down."""

    def __init__(self) -> None:
        super().__init__(Path(), {})

    def part(self, name: str) -> Checkpoint:
        """Nothing either."""
        return self

    def begin(self, calls: int, shape: tuple[int, ...]) -> list[int] | None:
        """Finds nothing."""
        return None

    def keep(self, number: int, point: Point, tile: Sequence[int]) -> None:
        """Keeps nothing."""

    def finish(self, number: int, sample: Any, tile: Sequence[int]) -> None:
        """Keeps nothing."""

    def remove(self) -> None:
        """Has nothing."""


@dataclass(frozen=True)
class Workspace:
    """scratch: the folder of nameless files; None for that of temporary files (TMPDIR).

    checkpoint: takes down finished steps of the sampling; nothing by default.
    """

    scratch: Path | None = None
    checkpoint: Checkpoint = field(default_factory=Unkept)

    @property
    def folder(self) -> Path:
        """The folder of nameless files."""
        return Path(tempfile.gettempdir()) if self.scratch is None else self.scratch
