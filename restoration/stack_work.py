"""One stack of a run: every chosen page read, restored and written in turn.

Memory holds a page, whatever their number. All files of a stack (the target, the spread, samples,
kernels) grow beside their places and are renamed when the last page is written, the target last.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.files import stem, write_atomically
from undrift.common.items import Item
from undrift.common.results import Restored
from undrift.restoration.outcome import provenance
from undrift.restoration.pictures.picture import Picture
from undrift.restoration.pictures.stack_write import StackWriter, check_target
from undrift.restoration.pictures.stacks import chosen_pages, open_stack
from undrift.restoration.stacks import check_stack, restored

_FIRST = ("tile", "shape_in", "shape_out", "scale", "method")
_MEANS = ("chi", "sigma", "noise", "missing", "still")


@dataclass(frozen=True)
class StackWork:
    """What to do with a stack; settings: of the task function."""

    task: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    pages: str | None = None
    warm_start: bool = False
    provenance: bool = True
    keep_samples: bool = False

    def __call__(self, item: Item, target: Path) -> dict[str, Any]:
        """Restores the stack of the item; returns what a record says of it."""
        check_stack(self.task, self.warm_start)
        with open_stack(item.source) as stack:
            chosen = chosen_pages(self.pages, len(stack))
            if len(chosen) > 1:
                check_target(target, len(chosen))
            stack.share_range(chosen)
            results = restored(self.task, stack, chosen, item.key, self.warm_start, self.settings)
            first = next(results)
            files = self._files(target, first)
            whole = len(chosen) == len(stack)
            about = (stack.shape, None) if whole else ((), stack.title)
            summary = Summary(len(chosen))

            def fill(parts: Sequence[Path]) -> None:
                with ExitStack() as opened:
                    pairs = zip(parts, files, strict=True)
                    made = [StackWriter(*pair, len(chosen), *about) for pair in pairs]
                    writers = [opened.enter_context(writer) for writer in made]
                    for result in chain([first], results):
                        entry = provenance(result.info) if self.provenance else None
                        for writer, pick in zip(writers, files.values(), strict=True):
                            writer.add(pick(result), entry)
                        summary.add(result.info)

            _together(list(files), fill)
        return summary.record()

    def _files(self, target: Path, first: Restored) -> dict[Path, Callable[[Restored], Any]]:
        """The files, target first, and what of a result goes into each."""
        files: dict[Path, Callable[[Restored], Any]] = {target: lambda result: result.value}
        if first.std is not None:
            files[target.with_name(f"{stem(target)}.std.tif")] = lambda result: _plane(result.std)
        if self.keep_samples:
            for number in range(len(first.samples)):
                name = f"{stem(target)}.sample-{number + 1}{target.suffix}"
                files[target.with_name(name)] = lambda result, k=number: result.samples[k]
        if first.info.get("blind"):
            name = target.with_name(f"{stem(target)}.psf.tif")
            files[name] = lambda result: _plane(result.info["psf"])
        return files


class Summary:
    """What the record of a stack says: all calls, means of numbers, the rest of the first."""

    def __init__(self, pages: int):
        self._record: dict[str, Any] = {"pages": pages}
        self._numbers: dict[str, list[float]] = {name: [] for name in _MEANS}
        self._calls = 0

    def add(self, info: Mapping[str, Any]) -> None:
        """Takes in a page."""
        self._record = {**{name: info.get(name) for name in _FIRST}, **self._record}
        self._calls += info.get("nfe") or 0
        for name, values in self._numbers.items():
            value = info.get(name)
            if isinstance(value, int | float):
                values.append(float(value))

    def record(self) -> dict[str, Any]:
        """The fields."""
        means = {
            name: round(sum(values) / len(values), 4) if values else None
            for name, values in self._numbers.items()
        }
        return {**self._record, **means, "nfe": self._calls}


def _plane(values: Any) -> Picture:
    planes = np.atleast_3d(np.asarray(values, dtype=np.float32)).transpose(2, 0, 1)
    return Picture(np.ascontiguousarray(planes), None, "float32")


def _together(paths: list[Path], fill: Callable[[Sequence[Path]], None]) -> None:
    """Writes several files at once, each whole or absent; the first is renamed last."""

    def nest(number: int, parts: tuple[Path, ...]) -> None:
        if number == len(paths):
            fill(parts)
        else:
            write_atomically(paths[number], lambda part: nest(number + 1, (*parts, part)))

    nest(0, ())
