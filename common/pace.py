"""How far a long item is, for people who wait."""

import time
from dataclasses import dataclass

import click

_FIRST, _EVERY = 5.0, 30.0  # seconds until a long file is spoken of, and between


@dataclass
class Pace:
    """Says on stderr how far a long file is, how fast it goes, and how long it will take."""

    name: str
    quiet: bool = False
    began: float | None = None  # when the first block was done; starting up is not the pace
    said: float = 0.0
    first: float = 0.0

    def __call__(self, share: float) -> None:
        """share: of the file that is done."""
        now = time.monotonic()
        if self.began is None:
            self.began, self.first = now, share
        took, wait = now - self.began, _EVERY if self.said else _FIRST
        if self.quiet or not self.first <= share < 1 or took < _FIRST:
            return
        if now - (self.said or self.began) < wait:
            return
        self.said = now
        left = took / max(share - self.first, 1e-9) * (1 - share)
        click.echo(f"undrift: {self.name}: {share:.0%}, about {left:.0f} s left", err=True)
