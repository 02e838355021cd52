"""The law of CT phantoms: which bodies there are, and of what.

Two laws are kept apart. `TRAIN` is for training and validation; `TEST` has bodies, bones, vessels
and nodules of sizes that TRAIN does not make, other textures, and tissues that are some HU off, so
that a score on TEST says how a model does beyond what it learned. HU of tissues are the usual ones;
each is drawn anew for every patient.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from undrift.medical.simulate.ct_canvas import Tissue

Range = tuple[float, float]

# name: HU, spread of patients in HU, variations of fine, middle and coarse scale in HU
TISSUES: Mapping[str, tuple[float, float, float, float, float]] = {
    "air": (-1000, 0, 0, 0, 0),
    "lung": (-850, 25, 18, 14, 22),
    "fat": (-100, 8, 3, 4, 5),
    "water": (5, 5, 0, 0, 1),
    "csf": (8, 3, 0, 1, 1),
    "white matter": (28, 2, 1.5, 1.5, 2),
    "grey matter": (38, 2, 1.5, 1.5, 2),
    "blood": (45, 4, 0, 1, 1),
    "muscle": (50, 5, 5, 4, 4),
    "organ": (55, 8, 4, 4, 5),
    "spongy bone": (300, 60, 70, 35, 30),
    "cortical bone": (1300, 150, 50, 40, 50),
    "contrast": (250, 50, 3, 5, 8),
    "nodule": (40, 25, 12, 10, 0),
    "lesion": (45, 20, 3, 3, 2),
    "metal": (4000, 0, 0, 0, 0),
}
LABELS = {name: number for number, name in enumerate(TISSUES)}


@dataclass(frozen=True)
class CtLaw:
    """Ranges from which a patient is drawn, evenly.

    size: factor of all lengths. slim: of the thickness of the body over its width. fat: mm under
    the skin. bone: factor of the thickness of cortical bone. vessels: factor of their number.
    nodules: how many at most, and their radius in mm. texture: factor of all variations.
    offset: HU that all tissues but air are off; spread: factor of the spread of patients.
    """

    name: str
    size: Range = (0.88, 1.04)
    slim: Range = (0.94, 1.06)
    fat: Range = (5.0, 18.0)
    bone: Range = (0.8, 1.2)
    vessels: Range = (0.7, 1.2)
    nodules: int = 4
    nodule: Range = (3.0, 8.0)
    texture: Range = (0.7, 1.2)
    offset: Range = (-4.0, 4.0)
    spread: float = 1.0


TRAIN = CtLaw("train")
TEST = CtLaw(
    "test",
    size=(1.04, 1.12),
    slim=(0.88, 0.94),
    fat=(18.0, 26.0),
    bone=(1.2, 1.45),
    vessels=(1.2, 1.5),
    nodule=(2.5, 11.0),
    texture=(1.2, 1.45),
    offset=(6.0, 12.0),
    spread=1.3,
)
LAWS = {law.name: law for law in (TRAIN, TEST)}


class Patient:
    """What is drawn for one patient; `between` and `tissue` draw more, in order."""

    def __init__(self, rng: np.random.Generator, law: CtLaw):
        self.rng, self.law = rng, law
        self.size = self.between(law.size)
        self.slim = self.between(law.slim)
        self.fat = self.between(law.fat)
        self.bone = self.between(law.bone)
        self.vessels = self.between(law.vessels)
        self.texture = self.between(law.texture)
        offset = self.between(law.offset)
        self.shift = {
            name: (offset if name not in ("air", "metal") else 0.0) + law.spread * spread * normal
            for (name, (_, spread, *_)), normal in zip(
                TISSUES.items(), rng.standard_normal(len(TISSUES)).clip(-2.5, 2.5), strict=True
            )
        }

    def between(self, ends: Range) -> float:
        """An even draw from a range."""
        return float(self.rng.uniform(*ends))

    def jitter(self, point: tuple[float, float, float], mm: float) -> tuple[float, float, float]:
        """A point moved by up to `mm` along each axis, and both scaled by the patient's size."""
        x, y, z = (self.size * (c + self.between((-mm, mm))) for c in point)
        return x, y, z

    def chance(self, share: float) -> bool:
        """True with this probability."""
        return bool(self.rng.random() < share)

    def tissue(self, name: str, extra: float = 0.0, hu: float | None = None) -> Tissue:
        """A tissue as this patient has it; extra: HU more; hu: another mean than the table's."""
        mean, _, *scales = TISSUES[name]
        fine, middle, coarse = (self.texture * s for s in scales)
        value = (mean if hu is None else hu) + self.shift[name] + extra
        return Tissue(value, LABELS[name], fine, middle, coarse)
