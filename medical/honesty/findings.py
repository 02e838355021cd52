"""All questions to one result at once: what `examine` finds, as words, JSON and pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError
from undrift.medical.honesty.across import unexplained
from undrift.medical.honesty.body import body_of
from undrift.medical.honesty.components import THRESHOLD, Component, changed_components
from undrift.medical.honesty.consistency import Flicker, Seams, flicker, seams
from undrift.medical.honesty.guards import ModelSignal, guard
from undrift.medical.honesty.tissues import Tissue, tissue_volumes, tissue_warnings
from undrift.medical.resampling import resample
from undrift.medical.slice_profile import averaged, divides
from undrift.medical.volumes.geometry import same_grid
from undrift.medical.volumes.volume import Values, Volume

LISTED = 50  # components in a record


@dataclass(frozen=True, eq=False)
class Findings:
    """What was found out about a result.

    warnings: one sentence each.  before, after, std, invented: on the grid of the comparison, the
    coarser of both; `same_contrast` says whether after - before has a meaning.
    """

    warnings: tuple[str, ...]
    components: tuple[Component, ...]
    flicker: Flicker | None
    seams: Seams | None
    tissues: tuple[Tissue, ...]
    before: Volume = field(repr=False)
    after: Volume = field(repr=False)
    std: Values | None = field(default=None, repr=False)
    invented: Values | None = field(default=None, repr=False)
    same_contrast: bool = True
    measured: Mapping[str, Any] = field(default_factory=dict)

    @property
    def residual(self) -> Values | None:
        """after - before; None between contrasts."""
        return self.after.array - self.before.array if self.same_contrast else None

    def record(self) -> dict[str, Any]:
        """For the record beside an output: finite numbers, lists and words only."""
        found: dict[str, Any] = {
            "Warnings": list(self.warnings),
            "Components": [one.record() for one in self.components[:LISTED]],
            "ComponentsFound": len(self.components),
            "Tissues": [one.record() for one in self.tissues],
            **self.measured,
        }
        if self.flicker is not None:
            found["FlickerIndex"] = list(self.flicker.index)
        if self.seams is not None:
            found["SeamIndex"] = {
                "Index": self.seams.index,
                "Axis": "xyz"[self.seams.axis],
                "Plane": self.seams.plane,
            }
        if self.residual is not None:
            found["ChangeRootMeanSquare"] = float(
                np.sqrt(np.mean(np.square(self.residual, dtype=np.float64)))
            )
        if self.std is not None:
            found["MeanStandardDeviation"] = float(self.std.mean(dtype=np.float64))
        return found

    def pictures(self) -> dict[str, npt.NDArray[np.uint8]]:
        """Caption -> (3, h, w) uint8: three planes of every map, for `Row.further` of a report."""
        from undrift.medical.triplanar import pictures

        return pictures(self)


def examine(
    before: Volume,
    after: Volume,
    *,
    std: Volume | Values | None = None,
    model_signal: ModelSignal | None = None,
    same_contrast: bool = True,
    borders: Mapping[int, Sequence[int]] | None = None,
    invented: Values | None = None,
    measured: Any = None,
    k: float = THRESHOLD,
    floor: float | None = None,
) -> Findings:
    """Asks everything that can be asked of an input and what was made of it.

    before, after: (x, y, z); where the grids differ, both are compared on the coarser one. std: of
    the samples, on the grid of `after`. model_signal: section `signal` of the model, for ranges.
    same_contrast: False for a translation. borders: axis -> first voxels of tiles. invented: a
    null-space map (x, y, z) on the grid of `after`. measured: a `MeasurementCheck`. floor: the
    deviation of the noise of magnitudes of MR, below which nothing went or came.

    Slices and seams are looked for in the change, between contrasts in what the input does not
    explain of the result.
    Raises InputError for a series in time, values that are not finite, or shapes that do not fit.
    """
    _check(before, after)
    spread = std.array if isinstance(std, Volume) else std
    extra = {"std": spread, "invented": invented}
    warnings = [*guard(before, model_signal)]
    tissues = tissue_volumes(before, after, same_contrast)
    one, other, maps = _on_one_grid(before, after, extra)
    components = changed_components(
        one, other, maps["std"], same_contrast=same_contrast, k=k, floor=floor
    )
    body = body_of(one)
    if same_contrast:
        residual = other.array - one.array
        warnings += tissue_warnings(tissues)
    else:
        residual = unexplained(other.array, one.array, body)
    flickers = flicker(residual, body, one.array)
    edges = seams(residual, body, borders if other is after else None)
    warnings += [*flickers.warnings(), *(edges.warnings() if edges and edges.known else ())]
    warnings += _said(components) + ([] if measured is None else list(measured.warnings()))
    return Findings(
        tuple(dict.fromkeys(warnings)), components, flickers, edges, tissues, one, other,
        maps["std"], maps["invented"], same_contrast,
        {} if measured is None else {"Measurement": measured.record()},
    )  # fmt: skip


def _said(components: tuple[Component, ...]) -> list[str]:
    found = []
    for kind in ("disappeared", "appeared"):
        own = [one for one in components if one.kind == kind]
        if own:
            total = sum(one.volume for one in own)
            many = "structure" if len(own) == 1 else "structures"
            found.append(
                f"{len(own)} {many} {kind} ({total:.0f} mm^3 together); the largest {own[0]}"
            )
    return found


def _check(before: Volume, after: Volume) -> None:
    for name, volume in (("the input", before), ("the result", after)):
        if volume.array.ndim != 3:
            raise InputError(f"{name} has {volume.frames} time points; examine one at a time")
        if bad := int((~np.isfinite(volume.array)).sum()):
            raise InputError(f"{name} has {bad} voxels that are not finite numbers")


def _on_one_grid(
    before: Volume, after: Volume, maps: Mapping[str, Values | None]
) -> tuple[Volume, Volume, dict[str, Values | None]]:
    """Input, result and the maps beside it on the coarser of both grids.

    Voxels that divide those of the input are averaged: a result that explains thick slices has
    lost and gained nothing, though it differs from them between their middles.
    """
    for name, values in maps.items():
        if values is not None and values.shape != after.array.shape:
            raise InputError(f"{name} of {values.shape} for a result of {after.array.shape}")
    if same_grid(before, after):
        return before, after, dict(maps)
    sizes = [abs(np.linalg.det(v.affine[:3, :3])) for v in (before, after)]
    if sizes[0] < sizes[1]:
        return resample(before, after.affine, after.grid), after, dict(maps)

    def brought(values: Values) -> Values:
        if divides(after, before):
            return averaged(values, before.grid)
        return resample(after.with_array(values), before.affine, before.grid).array

    return (
        before,
        before.with_array(brought(after.array), after.units),
        {name: None if v is None else brought(v) for name, v in maps.items()},
    )
