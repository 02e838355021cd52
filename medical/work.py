"""One volume of `undrift medical translate|denoise|sr`: read, made, written with its record."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from undrift.common.errors import InputError, UsageError
from undrift.common.files import fingerprint
from undrift.common.items import Item
from undrift.common.pace import Pace
from undrift.common.peak_memory import peak_mb
from undrift.common.run_options import RunOptions
from undrift.medical.volume_output import VolumeOutput

SUFFIXES = {".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".hdr"}
_SHARED = (
    "preset", "steps", "solver", "seed", "device", "dtype", "tile", "max_memory", "batch",
)  # fmt: skip
RECORDED = (
    "nfe", "tile", "shape_in", "shape_out", "spacing_out", "method", "tiled_equals_whole",
    "tile_disagreement", "scratch", "sigma", "residual_rms", "chi", "clipped", "units", "warnings",
    "frames",
)  # fmt: skip
_TASKS = {"translate": "tasks", "denoise": "tasks", "sr": "thick_slices"}
_CALLS = {"sr": "super_resolve"}


def is_series(folder: Path) -> bool:
    """Whether a folder holds a DICOM series itself: files with its suffixes, or with its mark."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not path.is_file():
            continue
        if path.suffix.lower() in (".dcm", ".ima", ".dicom"):
            return True
        if not path.suffix or path.suffix[1:].isdigit():
            with path.open("rb") as file:
                return file.read(132)[128:] == b"DICM"
    return False


def output_suffix(suffix: str, dicom: bool = False) -> str:
    """What is written for an input with a suffix; for a folder of DICOM .nii.gz, or a folder."""
    if dicom and not suffix:
        return ""
    known = suffix.lower() in SUFFIXES
    return {".mhd": ".mha", ".hdr": ".nii"}.get(suffix.lower(), suffix if known else ".nii.gz")


@dataclass(frozen=True)
class VolumeFile:
    """The work on one volume; travels to worker processes. own: the keywords of the task.

    frames: which of a series, each restored by itself. scratch: the folder of what does not fit
    into memory; that of the output by default. checkpoint: whether finished steps are kept; of long
    runs only, where None.
    """

    task: str
    model: str | None
    own: tuple[tuple[str, Any], ...]
    shared: tuple[tuple[str, Any], ...]
    threads: int | None
    quiet: bool
    output: VolumeOutput
    frames: str | None = None
    scratch: Path | None = None
    checkpoint: bool | None = None

    @classmethod
    def of(
        cls,
        task: str,
        options: RunOptions,
        model: str | None,
        own: Mapping[str, Any],
        *,
        frames: str | None,
        scratch: Path | None,
        checkpoint: bool | None,
        **output: Any,
    ) -> "VolumeFile":
        """The work that the flags of a command describe; model: the path of its weights."""
        shared = {name: getattr(options, name) for name in _SHARED}
        shared["samples"] = options.samples if options.samples > 1 else None
        if options.max_memory and options.workers > 1:
            shared["max_memory"] = options.max_memory // options.workers
        written = VolumeOutput(task, max_memory=shared["max_memory"], **output)
        return cls(
            task, model, tuple(own.items()), tuple(shared.items()), options.threads,
            options.quiet, written, frames, scratch, checkpoint,
        )  # fmt: skip

    def wishes(self, item: str = "") -> Any:
        """The shared keywords, for an item."""
        from undrift.common.wishes import Wishes

        return Wishes(**dict(self.shared), item=item)

    def __call__(self, item: Item, target: Path) -> Mapping[str, Any]:
        """Works on one volume, or on the frames of one series."""
        import torch

        from undrift.common.allocator import keep_freed_memory
        from undrift.medical.given import Given
        from undrift.medical.volumes.nifti_series import chosen_frames, count_frames

        keep_freed_memory()
        if self.threads:
            torch.set_num_threads(self.threads)
        workspace = self._workspace(item, target)
        count = count_frames(item.source)
        if self.frames is not None:
            chosen_frames(self.frames, count)
        in_time = count > 1
        result, before = (self._series if in_time else self._alone)(item, workspace)
        told = self.output.written(Given(before, item.source, item.source), result, target)
        workspace.checkpoint.remove()
        if not self.quiet:
            for text in told["warnings"]:
                click.echo(f"undrift: {item.source}: {text}", err=True)
        return {**{name: told.get(name) for name in RECORDED}, "peak_mb": peak_mb()}

    def _alone(self, item: Item, workspace: Any) -> tuple[Any, Any]:
        """The result of a volume, and the volume."""
        from undrift.medical.given import given

        came = given(item.source, self._units(), where=self._where(workspace))
        name = _CALLS.get(self.task, self.task)
        call = getattr(import_module(f"undrift.medical.{_TASKS[self.task]}"), name)
        return call(came.volume, **self._words(item, workspace)), came.volume

    def _series(self, item: Item, workspace: Any) -> tuple[Any, Any]:
        """The result of a series, and the place of its frames."""
        from undrift.medical.frame_by_frame import place_of, series
        from undrift.medical.tasks import IN_TIME
        from undrift.medical.volumes.nifti_series import count_frames

        if self.frames is None:
            count = count_frames(item.source)
            raise InputError(f"{item.source}: {count} time points, expected 1; {IN_TIME}")
        if self.output.change:
            raise UsageError(
                f"{item.source}: --change takes one volume, not a series; leave it out"
            )
        look = self._look if self.output.findings else None
        result = series(
            self.task, item.source, frames=self.frames, look=look, **self._words(item, workspace)
        )
        return result, place_of(item.source, self._units())

    def _look(self, before: Any, result: Any) -> dict[str, Any]:
        """What is found in a frame."""
        warnings: list[str] = []
        found = self.output.looked(before, result, warnings) or {}
        return {**found, "Warnings": warnings}

    def _words(self, item: Item, workspace: Any) -> dict[str, Any]:
        """The keywords of the call."""
        return {
            "model": self.model, "item": item.key, "keep_samples": self.output.keep_samples,
            "progress": Pace(str(item.source), self.quiet), "workspace": workspace,
            **dict(self.own), **dict(self.shared),
        }  # fmt: skip

    def _units(self) -> str:
        return "HU" if dict(self.own).get("kind") == "ct" else "unknown"

    def _where(self, workspace: Any) -> Any:
        """Where the volume lies; that of `sr` is always in memory."""
        from undrift.medical.outcome import further
        from undrift.medical.tile_memory import where_for

        if self.task == "sr":
            return None
        arrays = 1 + further(dict(self.shared)["samples"] or 1, self.output.keep_samples)
        return where_for(self.wishes(), arrays, workspace.folder)

    def _workspace(self, item: Item, target: Path) -> Any:
        """For scratch, and for finished steps, which are of the very same work only."""
        from undrift import __version__
        from undrift.medical.checkpoint import Checkpoint
        from undrift.medical.volumes.sidecar import hash_of
        from undrift.medical.workspace import Workspace

        scratch = self.scratch or target.parent
        scratch.mkdir(parents=True, exist_ok=True)
        if self.checkpoint is False or not item.source.exists():
            return Workspace(scratch)
        own = dict(self.own)
        if own.get("reference") is not None:
            own["reference"] = hash_of(own["reference"])
        settings = [self.task, item.key, own, dict(self.shared), self.frames, self.output]
        identity = {
            "input": hash_of(item.source),
            "weights": hash_of(Path(self.model)) if self.model else "",
            "settings": fingerprint(settings),
            "undrift": __version__,
        }
        often = {"least": 0.0, "pause": 0.0} if self.checkpoint else {}
        folder = target.with_name(f".{target.name}.checkpoint")
        return Workspace(scratch, Checkpoint(folder, identity, **often))


@dataclass(frozen=True)
class PlannedVolume:
    """What a dry run says of an item; an unreadable one is reported when it is done.

    calls: of one volume. frames: that are wanted of a series.
    """

    calls: int
    frames: str | None = None

    def __call__(self, item: Item) -> Mapping[str, Any]:
        """Reads the head of the file only."""
        from nibabel.filebasedimages import ImageFileError
        from nibabel.loadsave import load

        from undrift.medical.volumes.nifti_series import chosen_frames, count_frames

        try:
            shape = list(load(item.source).shape)  # type: ignore[attr-defined]
        except (ImageFileError, OSError, ValueError, EOFError):  # of another kind, or damaged
            return {"nfe": self.calls}
        if self.frames is None:
            return {"nfe": self.calls, "shape_in": shape}
        chosen = chosen_frames(self.frames, count_frames(item.source))
        return {"nfe": self.calls * len(chosen), "shape_in": shape, "frames": list(chosen)}
