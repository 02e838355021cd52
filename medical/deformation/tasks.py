"""The task call `deform`: other shapes of a volume, with its labels moved along."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from undrift.common.errors import InputError, UsageError, nearest
from undrift.common.noise import Noise
from undrift.common.results import Restored
from undrift.common.wishes import counted
from undrift.medical.deformation.fields import pull
from undrift.medical.deformation.learned import Learned
from undrift.medical.deformation.random_fields import (
    PHYSICS,
    Deformation,
    Physics,
    diffeomorphism,
    random_velocity,
)
from undrift.medical.given import Given, given
from undrift.medical.keywords import keywords
from undrift.medical.made import write_made
from undrift.medical.notice import NOTICE
from undrift.medical.volumes.checks import check_pair, check_volume
from undrift.medical.volumes.geometry import Turn, turned
from undrift.medical.volumes.volume import Values, Volume

SCALES = (8.0, 16.0, 32.0, 64.0)  # mm


@dataclass(frozen=True, eq=False)
class Deformed(Restored):
    """A `Restored` with what belongs to shapes.

    labels: of the samples, kind as given, or (). fields: of the samples, float32 (x, y, z, 3), the
    displacement in mm to the right, anterior and superior: the deformed volume at a place shows
    the original at that place plus the displacement.
    """

    labels: tuple[Any, ...] = ()
    fields: tuple[Values, ...] = ()


@dataclass(frozen=True)
class Asked:
    """The own keywords of `deform`; see there. Raises UsageError for what cannot be."""

    strength: float = 4.0
    scales: tuple[float, ...] = SCALES
    physics: Physics = "smooth"
    samples: int = 1
    seed: int = 0
    item: str = ""
    model: str | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        counted("samples", self.samples)
        counted("seed", self.seed, least=0)
        if self.physics not in PHYSICS:
            hint = nearest(str(self.physics), PHYSICS)
            raise UsageError(f"physics {self.physics!r}{hint}; expected {', '.join(PHYSICS)}")
        if self.model is not None and self.physics != "smooth":
            raise UsageError(f"physics {self.physics} is without a model; leave one of them out")
        if isinstance(self.strength, str | bool) or not 0 < self.strength < 1e3:
            raise UsageError(f"strength {self.strength!r}: expected millimetres above 0")
        if not self.scales or not all(0 < scale < 1e4 for scale in self.scales):
            raise UsageError(f"scales {self.scales}: expected lengths in mm above 0")


def deform(
    volume: Any,
    *,
    labels: Any = None,
    units: str = "unknown",
    spacing: Sequence[float] | None = None,
    **settings: Any,
) -> Deformed:
    """Draws deformed versions of a volume; nothing folds, and labels stay labels.

    volume: a path, a `Volume`, an image of nibabel, or an array (x, y, z) with its `spacing` in
    mm. labels: of the same kind and on the same grid, whole numbers; moved by nearest neighbour,
    the volume linearly between its voxels. units: what a value counts, "HU" for CT.

    strength: root mean square of the displacement, mm. scales: mm between control points; those
    above half of the box are left out. physics: "smooth", or "incompressible", which keeps the
    volume of everything. Both are geometry, not anatomy: bones bend. model: a weight file trained
    by the recipe `drdm`, which undoes what does not look like its training; `strength` then says
    how far it starts, and scales below two of its voxels are left out. samples, seed, item, device:
    as everywhere.

    value is the first sample; samples, labels and fields (mm) hold all; info tells the least and
    the largest determinant of each, both above 0.
    Raises InputError for bad volumes and labels, UsageError for unknown names and numbers.
    """
    if "scales" in settings:
        settings["scales"] = tuple(settings["scales"])
    asked = keywords(Asked, settings)
    got = given(volume, units, spacing)
    check_volume(got.volume, got.name)
    marks = None if labels is None else _labels(labels, got, spacing)
    canonical, turn = turned(got.volume)
    notes: list[str] = []
    learned = None if asked.model is None else Learned.of(asked.model, asked.device)
    found = [
        _drawn(canonical, asked, learned, number, notes, got.source)
        for number in range(asked.samples)
    ]
    images = [_moved(got.volume, canonical, turn, one, nearest_voxel=False) for one in found]
    moved = () if marks is None else tuple(
        marks.back(_moved(marks.volume, turned(marks.volume)[0], turn, one, nearest_voxel=True))
        for one in found
    )  # fmt: skip
    kept = tuple(got.back(image) for image in images)
    return Deformed(
        value=kept[0],
        samples=kept if asked.samples > 1 else (),
        info=_info(asked, got, canonical, found, notes) | (learned.record() if learned else {}),
        writer=_writer(got, images[0]),
        labels=moved,
        fields=tuple(_millimetres(canonical, turn, one.field) for one in found),
    )


def _labels(labels: Any, got: Given, spacing: Sequence[float] | None) -> Given:
    marks = given(labels, "label", spacing)
    check_pair(got.volume, marks.volume, (got.name, "labels"))
    if marks.volume.frames > 1 or not np.array_equal(marks.volume.array,
                                                     np.rint(marks.volume.array)):  # fmt: skip
        raise InputError("labels: expected whole numbers (x, y, z); give the volume first")
    return marks


def _drawn(
    volume: Volume, asked: Asked, learned: Learned | None, number: int, notes: list[str],
    source: Path | None,
) -> Deformation:  # fmt: skip
    """One deformation of a volume in canonical axes."""
    item = asked.item or (source.name if source is not None else "")
    noise = Noise(asked.seed, item, number)
    box = max(n * step for n, step in zip(volume.grid, volume.spacing, strict=True))
    scales = tuple(s for s in asked.scales if s <= box / 2) or (min(asked.scales),)
    if learned is not None:
        found = learned.deformation(volume, asked.strength, scales, noise, notes)
    else:
        velocity = random_velocity(
            volume.grid, volume.spacing, noise, strength=asked.strength, scales=scales,
            physics=asked.physics,
        )  # fmt: skip
        found = diffeomorphism(velocity.float())
    if found.share < 1:
        notes.append(
            f"sample {number + 1}: {asked.strength:g} mm at these scales would fold; "
            f"{found.share:g} of it was taken"
        )
    return found


def _moved(
    original: Volume, canonical: Volume, turn: Turn, one: Deformation, *, nearest_voxel: bool
) -> Volume:
    values = torch.from_numpy(np.ascontiguousarray(canonical.array))[None, None]
    made = pull(values, one.field, nearest_voxel)[0, 0].numpy()
    return original.with_array(np.ascontiguousarray(turn.undo(made), dtype=np.float32))


def _millimetres(canonical: Volume, turn: Turn, field: torch.Tensor) -> Values:
    """(x, y, z, 3) on the grid that was given, along the world's axes."""
    world = np.einsum("dc,cxyz->xyzd", canonical.affine[:3, :3], field[0].double().numpy())
    return np.ascontiguousarray(turn.undo(world), dtype=np.float32)


def _info(
    asked: Asked, got: Given, canonical: Volume, found: Sequence[Deformation], notes: list[str]
) -> dict[str, Any]:
    import undrift

    steps = np.asarray(canonical.spacing).reshape(1, 3, 1, 1, 1)
    each = []
    for one in found:
        length = np.linalg.norm(one.field.double().numpy() * steps, axis=1)
        each.append({
            "least_determinant": round(one.least, 6), "largest_determinant": round(one.most, 6),
            "share": one.share, "rms_mm": round(float(np.sqrt((length**2).mean())), 4),
            "most_mm": round(float(length.max()), 4),
        })  # fmt: skip
    return {
        "undrift": undrift.__version__, "task": "deform",
        "method": "recovery of random deformations (DRDM)" if asked.model else
        "random diffeomorphism, not learned",
        "physics": asked.physics, "strength_mm": asked.strength, "scales_mm": list(asked.scales),
        "seed": asked.seed, "item": asked.item or (got.source.name if got.source else ""),
        "samples": asked.samples, "deformations": each, "synthetic": True, "notice": NOTICE,
        "warnings": [*got.volume.notes, *notes],
    }  # fmt: skip


def _writer(got: Given, image: Volume) -> Any:
    def write(path: Path, _: Any, info: Mapping[str, Any]) -> None:
        write_made(path, image, info, like=got.volume, source=got.source)

    return write
