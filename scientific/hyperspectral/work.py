"""One cube of `undrift hsi denoise`: read, denoised, written with its record and deviation."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from undrift.common.files import full_suffix, stem
from undrift.common.items import Item
from undrift.common.peak_memory import peak_mb
from undrift.common.run_options import RunOptions

_SHARED = (
    "preset", "steps", "solver", "seed", "device", "dtype", "tile", "max_memory", "batch",
)  # fmt: skip
RECORDED = (
    "nfe", "tile", "shape_in", "shape_out", "method", "bands", "rank", "outliers", "stripes",
    "residual_rms", "chi", "clipped", "warnings",
)  # fmt: skip


def is_scene(folder: Path) -> bool:
    """Whether a folder is one cube: a scene of EnMAP."""
    return any(path.name.upper().endswith("SPECTRAL_IMAGE.TIF") for path in folder.iterdir())


def output_suffix(suffix: str) -> str:
    """What is written for an input with a suffix; ENVI for what is read only."""
    from undrift.scientific.hyperspectral.cubes.files import KINDS

    return suffix if suffix.lower() in KINDS else ".hdr"


@dataclass(frozen=True)
class CubeFile:
    """The work on one cube; travels to worker processes. own: keywords of `tasks.denoise`."""

    model: str | None
    own: tuple[tuple[str, Any], ...]
    shared: tuple[tuple[str, Any], ...]
    threads: int | None
    mask: str | None
    store: str
    keep_samples: bool
    provenance: bool
    quiet: bool

    @classmethod
    def of(
        cls,
        options: RunOptions,
        model: str | None,
        own: Mapping[str, Any],
        *,
        mask: Path | None,
        store: str,
        keep_samples: bool,
    ) -> "CubeFile":
        """The work that the flags of a command describe; model: the path of its weights."""
        shared = {name: getattr(options, name) for name in _SHARED}
        shared["samples"] = options.samples if options.samples > 1 else None
        if options.max_memory and options.workers > 1:
            shared["max_memory"] = options.max_memory // options.workers
        return cls(
            model, tuple(own.items()), tuple(shared.items()), options.threads,
            None if mask is None else str(mask), store, keep_samples, options.provenance,
            options.quiet,
        )  # fmt: skip

    def wishes(self, item: str = "") -> Any:
        """The shared keywords, for an item."""
        from undrift.common.wishes import Wishes

        return Wishes(**dict(self.shared), item=item)

    def __call__(self, item: Item, target: Path) -> Mapping[str, Any]:
        """Works on one cube. The record and companions come before the target."""
        import torch

        from undrift.common.allocator import keep_freed_memory
        from undrift.scientific.hyperspectral.cubes.files import open_cube, save_cube
        from undrift.scientific.hyperspectral.tasks import denoise, history, write_record

        keep_freed_memory()
        if self.threads:
            torch.set_num_threads(self.threads)
        own = dict(self.own)
        cube = open_cube(item.source, key=own.pop("key"), axes=own.pop("axes"))
        result = denoise(
            cube, model=self.model, item=item.key, mask=self._mask(cube),
            keep_samples=self.keep_samples, **own, **dict(self.shared),
        )  # fmt: skip
        told = {**result.info, "warnings": list(result.info["warnings"])}
        target.parent.mkdir(parents=True, exist_ok=True)
        line = history(told) if self.provenance else ""
        self._companions(result, target, line)
        value = self._stored(result.value)
        told["clipped"] = save_cube(value, target, history=line)
        write_record(target, told)
        if not self.quiet:
            for text in told["warnings"]:
                click.echo(f"undrift: {item.source}: {text}", err=True)
        return {**{name: told.get(name) for name in RECORDED}, "peak_mb": peak_mb()}

    def _mask(self, cube: Any) -> Any:
        """(rows, columns) bool of a file: True where its first band is not 0, or has no value."""
        if self.mask is None:
            return None
        import numpy as np

        from undrift.scientific.hyperspectral.cubes.files import open_cube

        found = open_cube(self.mask).array
        out = ~np.isfinite(found) | (found != 0)
        return out[0] if len(out) == 1 else out

    def _companions(self, result: Any, target: Path, line: str) -> None:
        """Deviation and samples, as cubes beside the target."""
        from undrift.scientific.hyperspectral.cubes.cube import Stored
        from undrift.scientific.hyperspectral.cubes.files import save_cube

        def beside(name: str) -> Path:
            return target.with_name(f"{stem(target)}.{name}{full_suffix(target)}")

        if result.std is not None:
            spread = replace(result.value, array=result.std, stored=Stored(kind="none"))
            save_cube(spread, beside("std"), history=line)
        for number, sample in enumerate(result.samples if self.keep_samples else (), 1):
            save_cube(self._stored(sample), beside(f"sample-{number}"), history=line)

    def _stored(self, cube: Any) -> Any:
        """As the source is stored, or in float32 without scale and fill."""
        if self.store == "same":
            return cube
        from undrift.scientific.hyperspectral.cubes.cube import Stored

        return replace(cube, stored=Stored(kind="none"))
