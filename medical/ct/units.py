"""Attenuation and Hounsfield units:  mu = mu_w (1 + HU / 1000)."""

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError

Values = npt.NDArray[np.float32]
MU_WATER = 0.0193  # per mm: water at about 70 keV


def hu_to_mu(hu: npt.ArrayLike, water: float = MU_WATER) -> Values:
    """Attenuation per mm of values in HU; water: that of water."""
    _positive(water)
    return (water * (1 + np.asarray(hu, np.float64) / 1000)).astype(np.float32)


def mu_to_hu(mu: npt.ArrayLike, water: float = MU_WATER) -> Values:
    """HU of attenuation per mm."""
    _positive(water)
    return (1000 * (np.asarray(mu, np.float64) / water - 1)).astype(np.float32)


def _positive(water: float) -> None:
    if not water > 0:
        raise InputError(f"water attenuates by {water:g} per mm; expected more than 0, as .0193")
