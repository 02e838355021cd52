"""`deform` on one file of a command: picklable, and whole or absent."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from undrift.common.errors import InputError
from undrift.common.files import full_suffix, stem
from undrift.common.items import Item
from undrift.medical.made import write_made
from undrift.medical.volumes.volume import Volume


@dataclass(frozen=True)
class DeformFile:
    """The settings of `deform`; labels: a file, or a folder with a file named like each volume's.

    Of several samples the first goes to the target, number k beside it as NAME.sample-k; labels go
    to NAME.labels, displacements (with `fields`) to NAME.field as four-dimensional volumes.
    """

    settings: tuple[tuple[str, Any], ...]
    units: str
    labels: Path | None
    fields: bool
    dtype: str

    def __call__(self, item: Item, target: Path) -> Mapping[str, Any]:
        """Deforms one file; the first sample's volume is written last."""
        from undrift.medical.deformation.tasks import deform

        marks = self._labels(item)
        made = deform(
            item.source, labels=marks, units=self.units, **{**dict(self.settings), "item": item.key}
        )
        images: tuple[Volume, ...] = made.samples or (made.value,)
        for number in reversed(range(len(images))):
            path = _numbered(target, number)
            if marks is not None:
                write_made(_beside(path, "labels"), made.labels[number], made.info, source=marks)
            if self.fields:
                moved = images[number].on_grid(made.fields[number], images[number].affine)
                write_made(_beside(path, "field"), moved, made.info, dtype="float32")
            write_made(path, images[number], made.info, like=made.value, source=item.source,
                       dtype=self.dtype)  # fmt: skip
        least = min(one["least_determinant"] for one in made.info["deformations"])
        return {
            "least_determinant": least, "warnings": made.info["warnings"],
            "units": made.value.units, "shape_out": list(made.value.grid),
        }  # fmt: skip

    def _labels(self, item: Item) -> Path | None:
        if self.labels is None or self.labels.is_file():
            return self.labels
        if not self.labels.is_dir():
            raise InputError(f"{self.labels}: no such file or folder; --labels names one")
        path = self.labels / item.key
        if not path.is_file():
            raise InputError(f"{item.source}: no labels {path}; give them the volume's name")
        return path


def _numbered(target: Path, number: int) -> Path:
    return target if number == 0 else _beside(target, f"sample-{number + 1}")


def _beside(path: Path, word: str) -> Path:
    return path.with_name(f"{stem(path)}.{word}{full_suffix(path)}")
