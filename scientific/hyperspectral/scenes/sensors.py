"""Bands of a sensor: centres and widths, and what they make of a fine spectrum.

A band is a Gaussian of given full width at half maximum, normalised over the fine grid. So the
number of bands is free, and one scene can be seen by many sensors.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError, UsageError, nearest

Axis = npt.NDArray[np.float64]
STEP = 2.0  # nm, of fine spectra


@dataclass(frozen=True, eq=False)
class Sensor:
    """wavelengths, fwhm: (bands,) in nm. Raises InputError for other shapes or widths <= 0."""

    wavelengths: Axis
    fwhm: Axis

    def __post_init__(self) -> None:
        if self.wavelengths.shape != self.fwhm.shape or not (self.fwhm > 0).all():
            raise InputError(
                f"{self.wavelengths.shape} wavelengths and {self.fwhm.shape} widths; expected as "
                "many, widths > 0"
            )

    @property
    def fine(self) -> Axis:
        """The grid of fine spectra in nm, 60 nm beyond the outer bands."""
        return np.arange(self.wavelengths.min() - 60, self.wavelengths.max() + 60, STEP)

    def response(self) -> Axis:
        """(bands, fine): weights that sum to 1 in each band."""
        distance = (self.fine[None] - self.wavelengths[:, None]) / self.fwhm[:, None]
        weights = np.exp(-4 * math.log(2) * distance**2)
        return weights / weights.sum(1, keepdims=True)


def visible() -> Sensor:
    """31 bands from 400 to 700 nm, as the cubes of ICVL and CAVE have."""
    return Sensor(np.linspace(400, 700, 31), np.full(31, 10.0))


def near_infrared() -> Sensor:
    """103 bands from 430 to 860 nm, spaced as ROSIS's."""
    return Sensor(np.linspace(430, 860, 103), np.full(103, 4.2))


def shortwave() -> Sensor:
    """224 bands from 420 to 2450 nm, about as EnMAP's."""
    w = np.concatenate([np.linspace(420, 990, 89), np.linspace(1000, 2450, 135)])
    return Sensor(w, np.where(w < 1000, 8.1, 12.5))


SENSORS = {"visible": visible, "near-infrared": near_infrared, "shortwave": shortwave}


def sensor(name: str) -> Sensor:
    """A sensor by name. Raises UsageError for an unknown one."""
    if name not in SENSORS:
        raise UsageError(f"no sensor '{name}'{nearest(name, SENSORS)}; {', '.join(SENSORS)}")
    return SENSORS[name]()
