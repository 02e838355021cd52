"""What a command says: people read stderr, programs read stdout.

`-q` leaves errors only, `-v` adds details. Progress is a bar on a terminal and one line every 30
seconds elsewhere. Nothing is coloured, so NO_COLOR has nothing to turn off.
"""

import json
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm

_EVERY = 30.0


class Console:
    """Says things at the level the user asked for, around a running bar if there is one."""

    def __init__(self, quiet: bool = False, verbose: bool = False, as_json: bool = False) -> None:
        self.quiet = quiet
        self.verbose = verbose
        self.as_json = as_json
        self._bar: tqdm | None = None

    def error(self, text: str) -> None:
        """Always said."""
        self._say(text)

    def note(self, text: str) -> None:
        """Said unless quiet."""
        if not self.quiet:
            self._say(text)

    def detail(self, text: str) -> None:
        """Said if verbose."""
        if self.verbose and not self.quiet:
            self._say(text)

    def record(self, record: Mapping[str, Any]) -> None:
        """One JSON line on stdout, if JSON was asked for."""
        if self.as_json:
            print(json.dumps(record, default=str), flush=True)

    def _say(self, text: str) -> None:
        line = f"undrift: {text}"
        if self._bar is None:
            print(line, file=sys.stderr, flush=True)
        else:
            self._bar.write(line, file=sys.stderr)


class Progress:
    """Counts finished items; use as a context manager."""

    def __init__(self, console: Console, total: int) -> None:
        self.console = console
        self.total = total
        self.done = 0
        self.started = self._said = time.monotonic()

    def __enter__(self) -> "Progress":
        if not self.console.quiet and self.total > 1 and sys.stderr.isatty():
            from tqdm import tqdm

            self.console._bar = tqdm(total=self.total, file=sys.stderr, dynamic_ncols=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self.console._bar is not None:
            self.console._bar.close()
            self.console._bar = None

    def step(self, label: str) -> None:
        """One more item is done; `label` names it."""
        self.done += 1
        now = time.monotonic()
        if self.console._bar is not None:
            self.console._bar.set_postfix_str(label, refresh=False)
            self.console._bar.update()
        elif now - self._said >= _EVERY and self.done < self.total:
            self._said = now
            left = (now - self.started) / self.done * (self.total - self.done)
            self.console.note(f"{self.done}/{self.total}  {label}  about {left:.0f} s left")
