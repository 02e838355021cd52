"""One volume of `undrift medical translate|denoise|sr`: read, made, written with its record."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from undrift.common.files import full_suffix, stem, temporary_beside
from undrift.common.items import Item
from undrift.common.pace import Pace
from undrift.common.peak_memory import peak_mb
from undrift.common.run_options import RunOptions

SUFFIXES = {".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".hdr"}
_SHARED = (
    "preset", "steps", "solver", "seed", "device", "dtype", "tile", "max_memory", "batch",
)  # fmt: skip
RECORDED = (
    "nfe", "tile", "shape_in", "shape_out", "spacing_out", "method", "tiled_equals_whole",
    "tile_disagreement", "scratch", "sigma", "residual_rms", "chi", "clipped", "units", "warnings",
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

    dicom: whether a series of DICOM becomes one. anonymous: see `Derivation`. bids: the root of the
    data set that sources are named in.
    """

    task: str
    model: str | None
    own: tuple[tuple[str, Any], ...]
    shared: tuple[tuple[str, Any], ...]
    threads: int | None
    store: str
    keep_samples: bool
    name_source: bool
    findings: bool
    quiet: bool
    dicom: bool = False
    anonymous: bool = False
    bids: Path | None = None
    change: bool = False

    @classmethod
    def of(
        cls,
        task: str,
        options: RunOptions,
        model: str | None,
        own: Mapping[str, Any],
        *,
        store: str,
        keep_samples: bool,
        name_source: bool,
        findings: bool,
        dicom: bool = False,
        anonymous: bool = False,
        bids: Path | None = None,
        change: bool = False,
    ) -> "VolumeFile":
        """The work that the flags of a command describe; model: the path of its weights."""
        shared = {name: getattr(options, name) for name in _SHARED}
        shared["samples"] = options.samples if options.samples > 1 else None
        if options.max_memory and options.workers > 1:
            shared["max_memory"] = options.max_memory // options.workers
        return cls(
            task, model, tuple(own.items()), tuple(shared.items()), options.threads, store,
            keep_samples, name_source, findings, options.quiet, dicom, anonymous, bids, change,
        )  # fmt: skip

    def wishes(self, item: str = "") -> Any:
        """The shared keywords, for an item."""
        from undrift.common.wishes import Wishes

        return Wishes(**dict(self.shared), item=item)

    def __call__(self, item: Item, target: Path) -> Mapping[str, Any]:
        """Works on one volume. The record and companions come before the target."""
        import torch

        from undrift.common.allocator import keep_freed_memory
        from undrift.medical.given import given

        keep_freed_memory()
        if self.threads:
            torch.set_num_threads(self.threads)
        name = _CALLS.get(self.task, self.task)
        call = getattr(import_module(f"undrift.medical.{_TASKS[self.task]}"), name)
        units = "HU" if dict(self.own).get("kind") == "ct" else "unknown"
        came = given(item.source, units)
        result = call(
            came.volume, model=self.model, item=item.key, keep_samples=self.keep_samples,
            progress=Pace(str(item.source), self.quiet), **dict(self.own), **dict(self.shared),
        )  # fmt: skip
        told = self._written(came, result, target)
        if not self.quiet:
            for text in told["warnings"]:
                click.echo(f"undrift: {item.source}: {text}", err=True)
        return {**{name: told.get(name) for name in RECORDED}, "peak_mb": peak_mb()}

    def _written(self, came: Any, result: Any, target: Path) -> dict[str, Any]:
        from undrift.medical.outcome import recorded
        from undrift.medical.volumes import write_volume
        from undrift.medical.volumes.sidecar import made_of, provenance, write_sidecar

        told = {**result.info, "warnings": list(result.info["warnings"])}
        self._of_people(came.volume, result, told["warnings"])
        target.parent.mkdir(parents=True, exist_ok=True)
        part = temporary_beside(target)
        try:
            written = write_volume(
                part, result.value, self._store(result.value), self._derivation(told)
            )
            told["clipped"] = written.clipped
            facts = provenance(came.source, came.volume, result.value, written, self.name_source)
            self._name_in_bids(facts, came.source)
            if self.findings:
                found = self._examined(came.volume, result)
                facts["Findings"] = found.record()
                told["warnings"] += [w for w in found.warnings if w not in told["warnings"]]
            facts["Warnings"] = told["warnings"]
            self._companions(came.volume, result, target, told)
            facts["Made"] = made_of(recorded(told), self.name_source)
            write_sidecar(target, facts)
            _put(part, target)
        finally:
            _remove(part)
        return told

    def _of_people(self, volume: Any, result: Any, warnings: list[str]) -> None:
        """What may tell whose volume it is: a face in samples, a name in DICOM."""
        from undrift.medical.honesty.faces import FACE, shows_face

        if self.keep_samples and result.samples and shows_face(volume):
            warnings.append(FACE)
        if self.dicom and not self.anonymous and volume.stored.kind == "dicom":
            from undrift.medical.volumes.dicom_names import names_in

            if held := names_in(volume.stored.header[0]):
                warnings.append(
                    f"{' and '.join(held)} of the source are in the derived series too; "
                    "--anonymize-minimal replaces identifiers and dates, no more"
                )

    def _derivation(self, told: Mapping[str, Any]) -> Any:
        from undrift.medical.notice import NOTICE
        from undrift.medical.volumes import Derivation

        version, by = str(told["undrift"]), told["model"] or told["method"]
        made = f"undrift {version}: {self.task} by {by}. {NOTICE}"
        return Derivation(self.task, made, version, self.anonymous)

    def _name_in_bids(self, facts: dict[str, Any], source: Path) -> None:
        if self.bids is None:
            return
        facts["Sources"] = [f"bids:raw:{source.relative_to(self.bids).as_posix()}"]
        if facts["Geometry"]["SameGridAsSource"]:
            facts["SpatialReference"] = "orig"

    def _companions(self, before: Any, result: Any, target: Path, told: dict[str, Any]) -> None:
        """Deviation, change and samples, as volumes beside the target."""
        from undrift.medical.volumes import write_volume

        def beside(name: str) -> Path:
            suffix = full_suffix(target) or ".nii.gz"  # beside a series of DICOM
            return target.with_name(f"{stem(target)}.{name}{suffix}")

        if result.std is not None:
            write_volume(beside("std"), result.value.with_array(result.std), "float32")
        if self.change:
            from undrift.medical.honesty.change import change_map, width_for

            told["change_width_mm"] = width_for(result.value)
            found = change_map(before, result.value)
            write_volume(beside("change"), result.value.with_array(found), "float32")
        for number, sample in enumerate(result.samples if self.keep_samples else (), 1):
            write_volume(beside(f"sample-{number}"), sample, self._store(sample))

    def _store(self, volume: Any) -> str:
        """Another contrast is stored as float32 unless something else was asked for."""
        if self.task == "translate" and self.store == "same" and volume.units != "HU":
            return "float32"
        return self.store

    def _examined(self, before: Any, result: Any) -> Any:
        from undrift.medical.honesty import examine
        from undrift.medical.volumes.geometry import turn_to

        made = result.value
        borders = turn_to(made.affine).borders_back(result.info.get("borders") or {}, made.grid)
        return examine(
            before, made, std=result.std, same_contrast=self.task != "translate",
            borders=borders or None,
        )  # fmt: skip


def _put(part: Path, target: Path) -> None:
    """Moves a file or a series to its place; an older series of files alone gives way."""
    if part.is_dir() and target.is_dir():
        for path in target.iterdir():
            path.unlink()
        target.rmdir()
    os.replace(part, target)


def _remove(part: Path) -> None:
    if part.is_dir():
        shutil.rmtree(part)
    part.unlink(missing_ok=True)


@dataclass(frozen=True)
class PlannedVolume:
    """What a dry run says of an item; an unreadable one is reported when it is done."""

    calls: int

    def __call__(self, item: Item) -> Mapping[str, Any]:
        """Reads the head of the file only."""
        from nibabel.filebasedimages import ImageFileError
        from nibabel.loadsave import load

        try:
            shape = list(load(item.source).shape)  # type: ignore[attr-defined]
        except (ImageFileError, OSError, ValueError, EOFError):  # of another kind, or damaged
            return {"nfe": self.calls}
        return {"nfe": self.calls, "shape_in": shape}
