"""What tissues are to a scanner: relaxation times and proton density.

At 1.5 T: the discrete model of BrainWeb (McGill), as two public simulators state it; muscle and
skin share its name there. At 3 T: white and grey matter, muscle and blood of Stanisz et al. (Magn.
Reson. Med. 54, 2005), fluid and fat round numbers of textbooks; T2* and PD there are the model's or
our choice. Blood at 1.5 T: Stanisz et al. Deep grey matter, marrow, tumour and oedema are our
choices between published values, for contrast and not for measurement.

Between fields T1 grows about as the cube root of the field (Bottomley et al., Med. Phys. 11, 1984);
that of fluid does not, and T2 hardly changes.
"""

from dataclasses import dataclass, replace

from undrift.common.errors import InputError


@dataclass(frozen=True)
class Tissue:
    """Times in ms, proton density relative to water, ADC in mm2/s, flowing where spins move on."""

    t1: float
    t2: float
    t2s: float
    pd: float
    adc: float = 0.0
    flowing: bool = False


Table = dict[str, Tissue]

T15: Table = {
    "csf": Tissue(2569, 329, 158, 1.0, 3e-3),
    "gm": Tissue(833, 83, 69, 0.86, 0.8e-3),
    "wm": Tissue(500, 70, 61, 0.77, 0.7e-3),
    "fat": Tissue(350, 70, 58, 1.0, 0.05e-3),
    "muscle": Tissue(900, 47, 30, 1.0, 1.5e-3),
    "skin": Tissue(2569, 329, 58, 1.0, 1.5e-3),
    "skull": Tissue(1e9, 1e-3, 1e-3, 0.0),
    "glial": Tissue(833, 83, 69, 0.86, 0.8e-3),
    "lesion": Tissue(752, 237, 204, 0.76, 1.1e-3),
    "deep": Tissue(700, 76, 60, 0.83, 0.75e-3),
    "ventricle": Tissue(2569, 329, 158, 1.0, 3e-3),
    "marrow": Tissue(420, 60, 25, 0.55, 0.3e-3),
    "blood": Tissue(1441, 290, 120, 0.9, 3e-3, flowing=True),
    "tumour": Tissue(1300, 130, 80, 0.9, 1.2e-3),
    "oedema": Tissue(1050, 150, 100, 0.88, 1.4e-3),
}
T30: Table = {
    "csf": Tissue(4000, 2000, 1000, 1.0, 3e-3),
    "gm": Tissue(1820, 99, 50, 0.86, 0.8e-3),
    "wm": Tissue(1084, 69, 45, 0.77, 0.7e-3),
    "fat": Tissue(380, 70, 50, 1.0, 0.05e-3),
    "muscle": Tissue(1412, 50, 30, 1.0, 1.5e-3),
    "skin": Tissue(4000, 2000, 50, 1.0, 1.5e-3),
    "skull": Tissue(1e9, 1e-3, 1e-3, 0.0),
    "glial": Tissue(1820, 99, 50, 0.86, 0.8e-3),
    "lesion": Tissue(1500, 200, 120, 0.8, 1.1e-3),
    "deep": Tissue(1450, 80, 40, 0.83, 0.75e-3),
    "ventricle": Tissue(4000, 2000, 1000, 1.0, 3e-3),
    "marrow": Tissue(550, 55, 18, 0.55, 0.3e-3),
    "blood": Tissue(1932, 275, 90, 0.9, 3e-3, flowing=True),
    "tumour": Tissue(1900, 130, 60, 0.9, 1.2e-3),
    "oedema": Tissue(1700, 150, 80, 0.88, 1.4e-3),
}
_FLUID = ("csf", "ventricle", "skin", "skull")


def table(tesla: float = 1.5) -> Table:
    """The tissues at a field: the tables at 1.5 T and 3 T, scaled from 1.5 T for others below 3 T.

    Raises InputError for a field that is not above 0 and at most 3 T.
    """
    if tesla == 3.0:
        return dict(T30)
    if not 0 < tesla < 3:
        raise InputError(f"tissues at {tesla:g} T: expected a field above 0 and up to 3 T")
    factor = (tesla / 1.5) ** (1 / 3)
    return {
        name: tissue if name in _FLUID else replace(tissue, t1=tissue.t1 * factor)
        for name, tissue in T15.items()
    }
