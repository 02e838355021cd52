"""Volumes of tissues before and after: a task must not make a brain larger or a bone thinner.

CT has a unit, so classes are bands of HU within the body. MR has none: the foreground is cut by
two thresholds of the input (multi-Otsu) into dark, medium and bright, and the same thresholds
count the output, where both have one contrast. Both are smoothed first, since noise alone moves
voxels across a threshold. They are no segmentation: compare before and after.
"""

from dataclasses import dataclass, replace

import numpy as np

from undrift.medical.honesty.body import AIR, body_of
from undrift.medical.honesty.invented import smoothed
from undrift.medical.volumes.volume import Values, Volume

# HU, common bands of abdominal and chest CT.
BANDS = {
    "lung and borders": (-950.0, AIR),
    "fat": (-190.0, -30.0),
    "soft tissue": (-30.0, 150.0),
    "bone": (250.0, np.inf),
}
CHANGE = 0.05  # of the whole body, above which a warning
SMALLEST = 0.02  # share of the body below which a class gives no warning


@dataclass(frozen=True)
class Tissue:
    """Millilitres of one class in the input and in the output."""

    name: str
    before: float
    after: float

    def record(self) -> dict[str, float | str]:
        """For JSON."""
        return {
            "Tissue": self.name,
            "MillilitresBefore": round(self.before, 3),
            "MillilitresAfter": round(self.after, 3),
        }


def tissue_volumes(before: Volume, after: Volume, same_contrast: bool = True) -> tuple[Tissue, ...]:
    """The body first, then its classes; only the body where the contrasts differ.

    The grids may differ, since millilitres are compared. Constant volumes count as all body.
    """
    wide = 1.5 * max(*before.spacing, *after.spacing)
    before, after = (replace(v, array=smoothed(v.array, v.spacing, wide)) for v in (before, after))
    bodies = [_millilitres(v, body_of(v)) for v in (before, after)]
    found = [Tissue("body", bodies[0], bodies[1])]
    if not same_contrast:
        return tuple(found)
    bands = BANDS if before.units == "HU" else _bands(before)
    for name, (low, high) in bands.items():
        first, last = (
            _millilitres(v, (v.array >= low) & (v.array < high)) for v in (before, after)
        )
        found.append(Tissue(name, first, last))
    return tuple(found)


def tissue_warnings(tissues: tuple[Tissue, ...]) -> tuple[str, ...]:
    """Says which volumes changed by more than 5 %, of those that are 2 % of the body or more."""
    body = tissues[0].before
    found = []
    for one in tissues:
        if one.before < SMALLEST * body or not one.before:
            continue
        share = one.after / one.before - 1
        if abs(share) > CHANGE:
            found.append(
                f"{one.name}: {one.before:.0f} ml became {one.after:.0f} ml ({100 * share:+.0f} %)"
            )
    return tuple(found)


def _bands(volume: Volume) -> dict[str, tuple[float, float]]:
    values: Values = volume.array[body_of(volume)]
    if values.size < 3 or values.min() == values.max():
        return {}
    from skimage.filters import threshold_multiotsu

    try:
        low, high = (float(v) for v in threshold_multiotsu(values, classes=3, nbins=128))
    except ValueError:  # fewer than three different values
        return {}
    least = float(values.min())
    return {"dark": (least, low), "medium": (low, high), "bright": (high, np.inf)}


def _millilitres(volume: Volume, mask: np.ndarray) -> float:
    return float(mask.sum()) * float(abs(np.linalg.det(volume.affine[:3, :3]))) / 1000
