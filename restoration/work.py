"""One file of a run: read, restore, write; and the report over all of them."""

import resource
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.files import stem
from undrift.common.items import Item
from undrift.common.manifest import Record
from undrift.common.run_options import RunOptions

_RECORDED = ("model", "seed", "nfe", "tile", "shape_in", "shape_out", "chi", "sigma", "scale")


@dataclass(frozen=True)
class RestoreFile:
    """The work on one file; travels to worker processes."""

    task: str
    model: str
    own: tuple[tuple[str, Any], ...]
    shared: tuple[tuple[str, Any], ...]
    threads: int | None
    provenance: bool
    keep_samples: bool

    @classmethod
    def of(
        cls, task: str, options: RunOptions, model: str, own: dict[str, Any], keep_samples: bool
    ) -> "RestoreFile":
        """The work that the flags of a command describe."""
        names = ("preset", "steps", "solver", "seed", "device", "dtype", "tile", "max_memory", "batch")
        shared = {name: getattr(options, name) for name in names}
        shared["samples"] = options.samples if options.samples > 1 else None
        return cls(
            task,
            model,
            tuple(own.items()),
            tuple(shared.items()),
            _threads(options),
            options.provenance,
            keep_samples,
        )

    def wishes(self, item: str) -> Any:
        """The shared keywords of the task functions, for an item."""
        from undrift.common.sampling import Wishes

        return Wishes(**dict(self.shared), item=item)

    def __call__(self, item: Item, target: Path) -> Mapping[str, Any]:
        """Restores one file. Companions are written before the target, which marks the item done."""
        import torch

        from undrift.restoration import tasks
        from undrift.restoration.images import Picture, write_picture

        if self.threads:
            torch.set_num_threads(self.threads)
        function = getattr(tasks, self.task)
        result = function(
            item.source, model=self.model, item=item.key, **dict(self.own), **dict(self.shared)
        )
        info = dict(result.info) if self.provenance else None
        if result.std is not None:
            planes = np.atleast_3d(result.std).transpose(2, 0, 1)
            spread = Picture(np.ascontiguousarray(planes), None, "float32")
            write_picture(target.with_name(f"{stem(target)}.std.tif"), spread, provenance=info)
        for number, sample in enumerate(result.samples if self.keep_samples else ()):
            name = f"{stem(target)}.sample-{number + 1}{target.suffix}"
            write_picture(target.with_name(name), sample, provenance=info)
        write_picture(target, result.value, provenance=info)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        recorded = {name: result.info.get(name) for name in _RECORDED}
        return {**recorded, "peak_mb": round(peak / (2**20 if sys.platform == "darwin" else 1024))}


def _threads(options: RunOptions) -> int | None:
    """Threads of each process: as asked, else the cores shared among the workers."""
    if options.threads or options.workers == 1:
        return options.threads
    import os

    return max(1, (os.cpu_count() or 1) // options.workers)


def size_of(item: Item) -> Mapping[str, Any]:
    """The size of an input, for a dry run; an unreadable one is reported when it is done."""
    from PIL import Image

    try:
        with Image.open(item.source) as picture:
            return {"shape_in": [len(picture.getbands()), picture.height, picture.width]}
    except (OSError, ValueError, SyntaxError):
        return {}


def report_writer(
    task: str, options: RunOptions
) -> Callable[[Sequence[Record]], None] | None:
    """A function that writes the HTML report of a run, or None if none is asked for."""
    if options.report is None:
        return None
    path = options.report

    def write(records: Sequence[Record]) -> None:
        from undrift.common.report import PICTURED, Report, Row, write_report
        from undrift.restoration.images import read_picture

        rows = []
        for record in records:
            if record["status"] not in ("written", "skipped"):
                continue
            if len(rows) == PICTURED:
                break
            spread = Path(record["output"])
            spread = spread.with_name(f"{stem(spread)}.std.tif")
            rows.append(
                Row(
                    Path(record["input"]).name,
                    read_picture(record["input"]).pixels,
                    read_picture(record["output"]).pixels,
                    read_picture(spread).pixels if spread.exists() else None,
                    scores={"chi": record.get("chi"), "seconds": record["seconds"]},
                )
            )
        settings = {"task": task, **{k: v for k, v in vars(options).items() if v is not None}}
        write_report(path, Report(f"undrift {task}", settings, rows))

    return write
