"""What a command leaves of one volume: the volume, its companions, and the record of both."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from undrift.common.files import full_suffix, stem, temporary_beside

_EXAMINED = 36  # bytes a voxel that looking for findings takes, measured (Linux, MR and CT)


@dataclass(frozen=True)
class VolumeOutput:
    """How the result of a task on a volume is written.

    store: type of voxels. dicom: whether a series of DICOM becomes one. anonymous: see
    `Derivation`. bids: the root of the data set that sources are named in. max_memory: bytes of the
    process that looking for findings may not exceed; those that are free, without it.
    """

    task: str
    store: str
    keep_samples: bool
    name_source: bool
    findings: bool
    dicom: bool = False
    anonymous: bool = False
    bids: Path | None = None
    change: bool = False
    max_memory: int | None = None

    def written(self, came: Any, result: Any, target: Path) -> dict[str, Any]:
        """Writes a result; returns its info. The record and companions come before the target."""
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
            self._gradients(came.source, target, told)
            if looks := told.pop("looks", None):
                facts["Findings"] = {"Frames": looks}
            elif self.findings and (found := self.looked(came.volume, result, told["warnings"])):
                facts["Findings"] = found
            facts["Warnings"] = told["warnings"]
            self._companions(came.volume, result, target, told)
            facts["Made"] = made_of(recorded(told), self.name_source)
            write_sidecar(target, facts)
            _put(part, target)
        finally:
            _remove(part)
        return told

    def looked(self, before: Any, result: Any, warnings: list[str]) -> dict[str, Any] | None:
        """The record of findings; its warnings are added. None, and a warning, without room."""
        voxels = max(before.array.size, result.value.array.size)
        needed, room = examining(voxels, self.max_memory)
        if needed > room:
            warnings.append(
                f"structures that went or came were not looked for: that takes {needed / 1e9:.2g} "
                f"GB, and {max(room, 0) / 1e9:.2g} GB are left; undrift medical check does it later"
            )
            return None
        found = self._examined(before, result)
        warnings += [text for text in found.warnings if text not in warnings]
        return dict(found.record())

    def _of_people(self, volume: Any, result: Any, warnings: list[str]) -> None:
        """What may tell whose volume it is: a face in samples, a name in DICOM."""
        from undrift.medical.honesty.faces import FACE, shows_face
        from undrift.medical.thinned_guards import thin

        head = result.value if "frames" in result.info else volume
        if self.keep_samples and result.samples and shows_face(thin(head)):
            warnings.append(FACE)
        if self.dicom and not self.anonymous and volume.stored.kind == "dicom":
            from undrift.medical.volumes.dicom_names import names_in

            if held := names_in(volume.stored.header[0]):
                warnings.append(
                    f"{' and '.join(held)} of the source are in the derived series too; "
                    "--anonymize-minimal replaces identifiers and dates, no more"
                )

    def _gradients(self, source: Path, target: Path, told: Mapping[str, Any]) -> None:
        """Of a series; another contrast is weighted otherwise."""
        if "frames" in told and self.task != "translate":
            from undrift.medical.volumes.gradients import copy_gradients

            count = told["shape_in"][3]
            told["warnings"].extend(copy_gradients(source, target, told["frames"], count))

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
            borders=borders or None, floor=noise_floor(result.info),
        )  # fmt: skip


def noise_floor(facts: Mapping[str, Any]) -> float | None:
    """The deviation of Rician noise that a task took off; None for other tasks."""
    return float(facts["sigma"]) if "sigma_from" in facts else None


def examining(voxels: int, max_memory: int | None) -> tuple[float, float]:
    """Bytes that `honesty.examine` takes, and those that there are for it."""
    from undrift.common.allocator import give_freed_memory_back
    from undrift.common.devices import free_memory
    from undrift.medical.tile_memory import resident

    if max_memory is None:
        return _EXAMINED * voxels, free_memory("cpu")
    give_freed_memory_back()
    return _EXAMINED * voxels, max_memory - resident()


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
