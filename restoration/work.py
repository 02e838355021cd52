"""One file of a run: read, restore, write; and the report over all of them."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.files import stem
from undrift.common.items import Item
from undrift.common.manifest import Record
from undrift.common.peak_memory import peak_mb
from undrift.common.run_options import RunOptions

_GREY = ("1", "L", "I", "F")  # how pillow's names of grey modes begin
_ORIENTATION = 0x0112  # EXIF; 5 to 8 stand on their side
_SHARED = (
    "preset", "steps", "solver", "seed", "device", "dtype", "tile", "max_memory", "batch", "pad",
)  # fmt: skip
_RECORDED = (
    "nfe", "tile", "shape_in", "shape_out", "chi", "sigma", "scale", "noise", "method", "missing",
    "gain", "read_noise", "fidelity",
)  # fmt: skip


@dataclass(frozen=True)
class RestoreFile:
    """The work on one file; travels to worker processes."""

    task: str
    model: str | None
    own: tuple[tuple[str, Any], ...]
    shared: tuple[tuple[str, Any], ...]
    threads: int | None
    provenance: bool
    keep_samples: bool
    pages: str | None = None
    warm_start: bool = False

    @classmethod
    def of(
        cls,
        task: str,
        options: RunOptions,
        model: str | None,
        own: dict[str, Any],
        keep_samples: bool,
    ) -> "RestoreFile":
        """The work that the flags of a command describe; pages and warm_start may be in `own`."""
        own = dict(own)
        pages, warm_start = own.pop("pages", None), own.pop("warm_start", False)
        shared = {name: getattr(options, name) for name in _SHARED}
        shared["samples"] = options.samples if options.samples > 1 else None
        if options.workers > 1:  # they share what is there
            shared["max_memory"] = _memory(options) // options.workers
        return cls(
            task,
            model,
            tuple(own.items()),
            tuple(shared.items()),
            _threads(options),
            options.provenance,
            keep_samples,
            pages,
            warm_start,
        )

    def wishes(self, item: str) -> Any:
        """The shared keywords of the task functions, for an item."""
        from undrift.common.wishes import Wishes

        return Wishes(**dict(self.shared), item=item)

    def __call__(self, item: Item, target: Path) -> Mapping[str, Any]:
        """Restores one file. Companions come before the target, which marks the item done."""
        import torch

        from undrift.common.allocator import keep_freed_memory
        from undrift.restoration.images import Picture, to_pixels, write_picture
        from undrift.restoration.outcome import NOISE_MAP, provenance
        from undrift.restoration.verbs import VERBS

        keep_freed_memory()
        if self.threads:
            torch.set_num_threads(self.threads)
        if self._is_stack(item):
            return {**self._stack()(item, target), "peak_mb": peak_mb()}
        if (told := self._from_file_to_file(item, target)) is not None:
            return {**{name: told.get(name) for name in _RECORDED}, "peak_mb": peak_mb()}
        self._check_fits(item)
        result = VERBS[self.task].function(
            item.source, model=self.model, item=item.key, **dict(self.own), **dict(self.shared)
        )
        info = provenance(result.info) if self.provenance else None
        if result.std is not None:
            planes = np.atleast_3d(result.std).transpose(2, 0, 1)
            spread = Picture(np.ascontiguousarray(planes), None, "float32")
            write_picture(target.with_name(f"{stem(target)}.std.tif"), spread, provenance=info)
        for number, sample in enumerate(result.samples if self.keep_samples else ()):
            name = f"{stem(target)}.sample-{number + 1}{target.suffix}"
            write_picture(target.with_name(name), to_pixels(sample)[0], provenance=info)
        if result.info.get("blind"):
            kernel = np.asarray(result.info["psf"], dtype=np.float32)[None]
            found = Picture(kernel, None, "float32")
            write_picture(target.with_name(f"{stem(target)}.psf.tif"), found, provenance=info)
        if NOISE_MAP in result.info:
            planes = np.atleast_3d(result.info[NOISE_MAP]).transpose(2, 0, 1)
            found = Picture(np.ascontiguousarray(planes), None, "float32")
            write_picture(target.with_name(f"{stem(target)}.noise.tif"), found, provenance=info)
        write_picture(target, to_pixels(result.value)[0], provenance=info)
        recorded = {name: result.info.get(name) for name in _RECORDED}
        return {**recorded, "peak_mb": peak_mb()}

    def _is_stack(self, item: Item) -> bool:
        """Whether pages are to be restored; a .npy of `restore` holds measurements."""
        if self.pages is not None or self.warm_start:
            return True
        from undrift.restoration.pictures.stacks import is_stack

        measured = self.task == "restore" and item.source.suffix.lower() == ".npy"
        return not measured and is_stack(item.source)

    def _from_file_to_file(self, item: Item, target: Path) -> dict[str, Any] | None:
        from undrift.restoration.large import restore_large

        settings = {"model": self.model, **dict(self.own), **dict(self.shared)}
        return restore_large(self.task, item.source, target, item.key, settings, self.provenance)

    def _check_fits(self, item: Item) -> None:
        from undrift.restoration.whole import check_fits

        scale = float(dict(self.own).get("scale") or 4.0) if self.task == "sr" else 1.0
        check_fits(
            self.task, item.source, _enlarged(_shape(item.source), scale),
            dict(self.shared)["max_memory"],
        )  # fmt: skip

    def _stack(self) -> Callable[[Item, Path], dict[str, Any]]:
        from undrift.restoration.stack_work import StackWork

        settings = {"model": self.model, **dict(self.own), **dict(self.shared)}
        return StackWork(
            self.task, settings, self.pages, self.warm_start, self.provenance, self.keep_samples
        )


def _threads(options: RunOptions) -> int | None:
    """Threads of each process: as asked, else the cores shared among the workers."""
    if options.threads or options.workers == 1:
        return options.threads
    import os

    return max(1, (os.cpu_count() or 1) // options.workers)


def _memory(options: RunOptions) -> int:
    """Bytes for the activations of all processes."""
    from undrift.common.devices import free_memory, resolve_device

    return options.max_memory or free_memory(resolve_device(options.device)) // 3


@dataclass(frozen=True)
class PlannedSize:
    """Sizes and calls of an item for a dry run; an unreadable one is reported when it is done."""

    scale: float
    calls: int

    def __call__(self, item: Item) -> Mapping[str, Any]:
        """Reads the head of the file only."""
        shape = _shape(item.source)
        larger = _enlarged(shape, self.scale)
        if shape is None:
            return {"nfe": self.calls}
        return {"nfe": self.calls, "shape_in": shape, "shape_out": larger}


def _enlarged(shape: list[int] | None, scale: float) -> list[int] | None:
    """The same [c, h, w], `scale` times larger."""
    from undrift.common.resize import resized

    return None if shape is None else [shape[0], *(resized(side, scale) for side in shape[1:])]


def _shape(path: Path) -> list[int] | None:
    """[c, h, w] of the upright picture, alpha apart."""
    from PIL import Image

    try:
        with warnings.catch_warnings(), Image.open(path) as picture:
            warnings.simplefilter("ignore")
            channels = 1 if picture.mode.startswith(_GREY) else 3
            size = [picture.height, picture.width]
            turned = picture.getexif().get(_ORIENTATION, 1) >= 5
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return [channels, *(size[::-1] if turned else size)]


def report_writer(task: str, options: RunOptions) -> Callable[[Sequence[Record]], None] | None:
    """A function that writes the HTML report of a run, or None if none is asked for."""
    if options.report is None:
        return None
    path = options.report

    def write(records: Sequence[Record]) -> None:
        from undrift.common.report import PICTURED, Report, Row, write_report
        from undrift.restoration.pictures.stacks import first_page

        rows = []
        for record in records:
            if record["status"] not in ("written", "skipped"):
                continue
            if len(rows) == PICTURED:
                break
            spread = Path(record["output"])
            spread = spread.with_name(f"{stem(spread)}.std.tif")
            before = Path(record["input"])
            rows.append(
                Row(
                    before.name,
                    first_page(before),
                    first_page(Path(record["output"])),
                    first_page(spread) if spread.exists() else None,
                    scores={"chi": record.get("chi"), "seconds": record["seconds"]},
                )
            )
        settings = {"task": task, **{k: v for k, v in vars(options).items() if v is not None}}
        write_report(path, Report(f"undrift {task}", settings, rows))

    return write
