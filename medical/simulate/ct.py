"""CT phantoms in Hounsfield units: heads, chests and abdomens, a pure function of their seed.

The anatomy lives in millimetres: a finer or larger grid shows the same patient, which is how data
are made on a finer grid than the one that is reconstructed. Variations within tissues are smooth
random fields, edges have partial volume. Seeds below 100000 are for training, 100000 to 100999 for
validation, 200000 to 200999, with the law `TEST`, for scoring.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError, nearest
from undrift.medical.simulate.ct_abdomen import paint_abdomen
from undrift.medical.simulate.ct_canvas import Canvas, Values
from undrift.medical.simulate.ct_chest import paint_chest
from undrift.medical.simulate.ct_head import paint_head
from undrift.medical.simulate.ct_law import LABELS, TRAIN, CtLaw, Patient
from undrift.medical.volumes.volume import Volume

REGIONS = {"head": paint_head, "chest": paint_chest, "abdomen": paint_abdomen}
FIELD_OF_VIEW = {"head": 230.0, "chest": 370.0, "abdomen": 370.0}  # mm, in the plane
_SWAY = {"head": 2.0, "chest": 3.0, "abdomen": 3.5}


@dataclass(frozen=True, eq=False)
class CtPhantom:
    """hu: (x, y, z) float32 in HU. label: (x, y, z) uint8, numbers of `LABELS`, names by
    `tissues`. spacing: mm. region: a name of `REGIONS`. seed: of the patient.
    """

    hu: Values
    label: npt.NDArray[np.uint8]
    spacing: tuple[float, float, float]
    region: str
    seed: int

    def where(self, tissue: str) -> npt.NDArray[np.bool_]:
        """The voxels of a tissue. Raises InputError for an unknown one."""
        if tissue not in LABELS:
            raise InputError(f"no tissue {tissue!r}; known: {', '.join(LABELS)}")
        return self.label == LABELS[tissue]

    def volume(self) -> Volume:
        """The phantom as a volume in HU, RAS+, with the middle of the grid at (0, 0, 0) mm."""
        return as_volume(self.hu, self.spacing)


def ct_phantom(
    seed: int,
    grid: tuple[int, int, int] = (96, 96, 32),
    spacing: tuple[float, float, float] | None = None,
    region: str | None = None,
    law: CtLaw = TRAIN,
) -> CtPhantom:
    """One patient on a grid.

    spacing: mm; by default the region's field of view over the grid, and 3 mm along z. region:
    "head", "chest" or "abdomen"; by default the seed's turn. Raises InputError for an unknown
    region and a grid or spacing that cannot be.
    """
    region = region or list(REGIONS)[seed % len(REGIONS)]
    if region not in REGIONS:
        raise InputError(
            f"region {region!r} is not one of {', '.join(REGIONS)}{nearest(region, REGIONS)}"
        )
    if spacing is None:
        step = FIELD_OF_VIEW[region] / max(grid[0], grid[1])
        spacing = (step, step, 3.0)
    if min(grid) < 1 or not min(spacing) > 0:
        raise InputError(f"a phantom of {grid} voxels of {spacing} mm; expected positive numbers")
    patient = Patient(np.random.default_rng([seed, list(REGIONS).index(region)]), law)
    canvas = Canvas(grid, spacing, seed, _SWAY[region])
    REGIONS[region](canvas, patient)
    hu = np.maximum(canvas.hu, np.float32(-1000))
    return CtPhantom(hu, canvas.label, spacing, region, seed)


def as_volume(hu: Values, spacing: tuple[float, float, float]) -> Volume:
    """Values (x, y, z) in HU with the middle of the grid at the origin of the world."""
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = [-(n - 1) / 2 * step for n, step in zip(hu.shape, spacing, strict=True)]
    return Volume(np.ascontiguousarray(hu, np.float32), affine, units="HU")
