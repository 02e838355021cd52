"""The laws that brain phantoms follow: what is drawn for a subject, and from which ranges.

Training draws from `TRAINING`. Results are told on `SHIFTED`: six ranges of shape lie apart from
those of training, and the tissues relax differently, so that no test subject could have been drawn
in training. `UNVARIED` has the tissues of the tables and no variation, for closed forms.
"""

from dataclasses import dataclass

Range = tuple[float, float]


@dataclass(frozen=True)
class BrainLaw:
    """Ranges are (from, to) and uniform; lengths in mm.

    size: factor of all lengths. stretch: further factor of each axis. deformation: deviation of the
    velocity of the random deformation. fold: distance over which cortical folds change, fold_depth:
    of the sulci. sulcus: half their width. cortex: thickness of grey matter. ventricles: factor of
    the ventricles' width. skull, scalp: thickness. gap: fluid between brain and skull.
    vessel: radius. lesions: mean number in white matter. lesion_size: radius. tumour: probability
    of one, with oedema; tumour_size: its radius.
    spread: relative deviation of T1, T2 and PD of each tissue between subjects. t1, t2, pd: factors
    of all tissues. variation: relative deviation within a tissue. timing: factor of TR, TE and TI.
    """

    size: Range = (0.93, 1.05)
    stretch: Range = (0.96, 1.04)
    deformation: Range = (1.5, 4.0)
    fold: Range = (6.4, 8.0)
    fold_depth: Range = (15.0, 24.0)
    sulcus: Range = (0.3, 0.9)
    cortex: Range = (2.3, 3.0)
    ventricles: Range = (0.7, 1.3)
    skull: Range = (5.0, 7.5)
    scalp: Range = (3.5, 7.0)
    gap: Range = (1.5, 3.5)
    vessel: Range = (0.5, 0.9)
    lesions: float = 3.0
    lesion_size: Range = (1.5, 6.0)
    tumour: float = 0.25
    tumour_size: Range = (6.0, 14.0)
    spread: float = 0.05
    t1: float = 1.0
    t2: float = 1.0
    pd: float = 1.0
    variation: float = 0.035
    timing: Range = (0.97, 1.03)


TRAINING = BrainLaw()
SHIFTED = BrainLaw(
    size=(1.05, 1.09),
    deformation=(4.3, 5.5),
    fold=(5.6, 6.2),
    cortex=(3.0, 3.3),
    ventricles=(1.35, 1.8),
    skull=(7.5, 9.0),
    lesions=5.0,
    lesion_size=(2.0, 8.0),
    tumour=0.4,
    t1=1.06,
    t2=0.94,
    timing=(1.03, 1.06),
)
UNVARIED = BrainLaw(spread=0.0, variation=0.0, timing=(1.0, 1.0))
LAWS = {"training": TRAINING, "shifted": SHIFTED, "unvaried": UNVARIED}
