"""A command that multiplies the number in a text file: the runner's guinea pig.

`python -m undrift_toy ...` is `undrift` with the command `toy` added. Some contents misbehave, see
`Multiply`. An output holds its number ten thousand times, so that half a file can be told. While
there is a file `gate`, an item whose content ends with "held" stays half-written, and `held` says
so: a run can be interrupted in its middle, however slow or fast the machine is.
"""

import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import click

from undrift.cli import COMMANDS, main
from undrift.common.errors import MissingExtraError, OutOfMemoryError, UsageError
from undrift.common.files import write_atomically
from undrift.common.items import Item
from undrift.common.options import RestoringCommand, RunOptions, restoring_options
from undrift.common.runner import run_items

REPEATS = 10_000
SUFFIXES = {".txt"}


@dataclass(frozen=True)
class Multiply:
    """The task: `factor` times the number; writing takes `pause` seconds."""

    factor: float = 2.0
    pause: float = 0.0

    def __call__(self, item: Item, target: Path) -> dict[str, object]:
        word = item.source.read_text().strip()
        errors = {
            "oom": OutOfMemoryError("no tile fits"),
            "extra": MissingExtraError("pip install more"),
            "usage": UsageError("never like this"),
            "bug": TypeError("a bug"),
        }
        if word in errors:
            raise errors[word]
        if word == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        value = 1.0 if word == "die after" else float(word.split()[0])
        held = word.endswith("held")
        write_atomically(target, lambda part: self._write(part, f"{value * self.factor}\n", held))
        if word == "die after":
            os.kill(os.getpid(), signal.SIGKILL)
        return {"nfe": 1, "shape_in": [1], "shape_out": [REPEATS]}

    def _write(self, part: Path, line: str, held: bool) -> None:
        with part.open("w") as file:
            file.write(line * (REPEATS // 2))
            file.flush()
            time.sleep(self.pause)
            if held:
                _wait()
            file.write(line * (REPEATS // 2))


def _wait() -> None:
    """While `gate` is there; a worker whose parent was killed dies as well."""
    parent = os.getppid()
    while Path("gate").exists():
        Path("held").touch()
        time.sleep(0.005)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)


def value_of(path: Path) -> float | None:
    """The number in an output, or None if the file is not whole."""
    text = path.read_text()
    first = text.partition("\n")[0] + "\n"
    return float(first) if text == first * REPEATS else None


@click.command(cls=RestoringCommand)
@restoring_options("toy")
@click.option("--factor", type=float, default=2.0, help="Multiply by this.")
@click.option("--pause", type=float, default=0.0, help="Seconds of writing.")
def toy(options: RunOptions, factor: float, pause: float) -> None:
    """Multiply numbers.

    \b
    undrift toy numbers/ -o products/ --factor 3
    """
    run_items(Multiply(factor, pause), options, suffixes=SUFFIXES, model="toy@1", weights="none")


if __name__ == "__main__":
    COMMANDS["toy"] = ("undrift_toy", "toy", "Multiply numbers in text files.")
    sys.exit(main())
