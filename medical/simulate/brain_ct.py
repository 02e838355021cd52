"""CT of a brain phantom: Hounsfield units of the very subject whose MR contrasts are made.

A voxel is the sum over tissues of membership times HU, and what no tissue fills is air,

    HU(p) = sum_t m_t(p) (h_t + f_t F(p) + m_t M(p) + c_t C(p)) - 1000 (1 - sum_t m_t(p)),

linear in the shares, as attenuation is: partial volume. h_t is the subject's own value of a tissue
and f, m, c the deviations of textures with three scales, all by the law of the CT phantoms
(`ct_law`). Textures and values have random numbers of their own: no contrast of MR tells how dense
this subject's bone is, so the best estimate from MR is off by that much.
"""

from collections.abc import Mapping

import numpy as np

from undrift.medical.simulate.anatomy import Phantom
from undrift.medical.simulate.ct_canvas import AIR, SCALES, Tissue
from undrift.medical.simulate.ct_law import TEST, TRAIN, CtLaw, Patient
from undrift.medical.simulate.fields import Axes, random_field, stream
from undrift.medical.simulate.law import SHIFTED, TRAINING, UNVARIED, BrainLaw
from undrift.medical.volumes.geometry import spacing
from undrift.medical.volumes.volume import Stored, Volume

# tissue of the brain: tissue of the CT law, and HU more; those of lesions are our choice between
# published values (oedema and demyelination 5 to 15 HU below white matter, solid tumours near grey)
AS_IN_CT: Mapping[str, tuple[str, float]] = {
    "fat": ("fat", 0.0),
    "muscle": ("muscle", 0.0),
    "skull": ("cortical bone", 0.0),
    "marrow": ("spongy bone", 0.0),
    "csf": ("csf", 0.0),
    "gm": ("grey matter", 0.0),
    "wm": ("white matter", 0.0),
    "deep": ("grey matter", 0.0),
    "ventricle": ("csf", 0.0),
    "blood": ("blood", 0.0),
    "lesion": ("white matter", -6.0),
    "tumour": ("grey matter", -2.0),
    "oedema": ("white matter", -10.0),
}
FIXED = CtLaw("unvaried", texture=(0.0, 0.0), offset=(0.0, 0.0), spread=0.0)
_LAWS: Mapping[BrainLaw, CtLaw] = {TRAINING: TRAIN, SHIFTED: TEST, UNVARIED: FIXED}


def subject_ct(phantom: Phantom, law: CtLaw | None = None) -> dict[str, Tissue]:
    """The tissues of a subject as CT shows them: HU and textures.

    law: by default the one that goes with the phantom's, `TRAIN` for a law of your own.
    """
    patient = Patient(stream(phantom.seed, "hu"), law or _LAWS.get(phantom.law, TRAIN))
    return {name: patient.tissue(kind, extra=more) for name, (kind, more) in AS_IN_CT.items()}


def brain_ct(phantom: Phantom, law: CtLaw | None = None) -> Volume:
    """The volume (x, y, z) in HU on the phantom's grid, without a scanner's noise; see the module.

    law: see `subject_ct`. Stored as 16-bit integers, as CT is.
    """
    tissues = subject_ct(phantom, law)
    axes = _axes(phantom)
    share = np.zeros(phantom.grid, np.float32)
    hu = np.zeros(phantom.grid, np.float32)
    sizes = {scale: np.zeros(phantom.grid, np.float32) for scale in SCALES}
    for name, member in phantom.memberships.items():
        share += member
        hu += member * np.float32(tissues[name].hu)
        for scale, size in sizes.items():
            size += member * np.float32(getattr(tissues[name], scale))
    for scale, size in sizes.items():
        if size.any():
            hu += size * random_field(phantom.seed, f"ct {scale}", SCALES[scale]).on(axes)
    hu += np.float32(AIR) * np.clip(1 - share, 0, 1)
    stored = Stored(dtype="int16")
    return Volume(np.maximum(hu, np.float32(AIR)), phantom.affine.copy(), "HU", stored)


def _axes(phantom: Phantom) -> Axes:
    """Millimetres of the voxels along each axis."""
    x, y, z = (
        (np.arange(n) * step + first).astype(np.float32)
        for n, step, first in zip(
            phantom.grid, spacing(phantom.affine), phantom.affine[:3, 3], strict=True
        )
    )
    return x, y, z
