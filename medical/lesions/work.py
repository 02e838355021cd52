"""`lesion` on one file of a command: picklable, and whole or absent."""

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
class LesionFile:
    """The settings of `lesion`; mask: a file, a folder with files named like the volumes, or None.

    ball: centre and radius in mm, where there is no mask. Of several samples the first goes to the
    target, number k beside it as NAME.sample-k.
    """

    settings: tuple[tuple[str, Any], ...]
    units: str
    mask: Path | None
    ball: tuple[tuple[float, float, float], float] | None
    dtype: str

    def __call__(self, item: Item, target: Path) -> Mapping[str, Any]:
        """Makes lesions in one file; the first sample is written last."""
        from undrift.medical.lesions.tasks import lesion

        made = lesion(
            item.source, self._place(item), units=self.units,
            **{**dict(self.settings), "item": item.key},
        )  # fmt: skip
        images: tuple[Volume, ...] = made.samples or (made.value,)
        for number in reversed(range(len(images))):
            name = f"{stem(target)}.sample-{number + 1}{full_suffix(target)}"
            path = target if number == 0 else target.with_name(name)
            write_made(path, images[number], made.info, like=made.value, source=item.source,
                       dtype=self.dtype)  # fmt: skip
        return {
            "lesions": made.info["lesions"], "warnings": made.info["warnings"],
            "units": made.value.units, "shape_out": list(made.value.grid),
        }  # fmt: skip

    def _place(self, item: Item) -> Any:
        if self.mask is None:
            centre, radius = self.ball or ((0.0, 0.0, 0.0), 0.0)
            return {"centre": centre, "radius": radius}
        if self.mask.is_file():
            return self.mask
        if not self.mask.is_dir():
            raise InputError(f"{self.mask}: no such file or folder; --mask names one")
        path = self.mask / item.key
        if not path.is_file():
            raise InputError(f"{item.source}: no mask {path}; give it the volume's name")
        return path
