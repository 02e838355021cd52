"""One ascent of a radiosonde, and its values at the levels of a model.

Between levels, temperature and wind are linear in the logarithm of pressure, which is linear in
height where the air is isothermal. There is no extrapolation, and no bridge over a gap of more
than `gap` in ln p: a value from far above and far below is no observation.
"""

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError

Array = npt.NDArray[np.float64]
PROFILES = ("temperature", "eastward_wind", "northward_wind", "height", "relative_humidity")


@dataclass(frozen=True, eq=False)
class Sounding:
    """station: its name. time: nominal, UTC; None where the hour is not known. latitude, longitude:
    degrees, east positive. release: minutes after midnight, or None.

    Each (levels,), in the order of the file, NaN where missing: pressure in Pa, height in m,
    temperature in K, relative_humidity in %, dewpoint_depression in K, wind_direction in degrees
    (from where it blows, 360 is north), wind_speed in m/s, elapsed in s since release. level_type,
    level_kind: the two digits of IGRA (1 standard, 2 other pressure, 3 no pressure; 1 surface, 2
    tropopause). flags: quality letters by quantity, "" where blank.
    """

    station: str
    time: datetime | None
    latitude: float
    longitude: float
    release: int | None
    pressure: Array
    height: Array
    temperature: Array
    relative_humidity: Array
    dewpoint_depression: Array
    wind_direction: Array
    wind_speed: Array
    elapsed: Array
    level_type: npt.NDArray[np.int64]
    level_kind: npt.NDArray[np.int64]
    flags: dict[str, npt.NDArray[np.str_]] = field(default_factory=dict)
    date: str = ""

    @property
    def eastward_wind(self) -> Array:
        """u in m/s."""
        return -self.wind_speed * np.sin(np.deg2rad(self.wind_direction))

    @property
    def northward_wind(self) -> Array:
        """v in m/s."""
        return -self.wind_speed * np.cos(np.deg2rad(self.wind_direction))

    def at(self, pressures: npt.ArrayLike, quantity: str, gap: float = 0.5) -> Array:
        """Values of a quantity of `PROFILES` at pressures in Pa, NaN where none is known.

        gap: the largest distance of two levels in ln p between which values are interpolated; a
        level that is hit exactly needs no neighbour. Raises InputError for another quantity and
        pressures that are not positive.
        """
        wanted = np.asarray(pressures, np.float64)
        if quantity not in PROFILES or not (wanted > 0).all():
            raise InputError(
                f"got '{quantity}' at {wanted.tolist()} Pa; expected one of {', '.join(PROFILES)} "
                "at pressures > 0"
            )
        values = np.asarray(getattr(self, quantity))
        known = np.isfinite(values) & np.isfinite(self.pressure) & (self.pressure > 0)
        if not known.any():
            return np.full(wanted.shape, np.nan)
        place, first = np.unique(np.log(self.pressure[known]), return_index=True)
        values, x = values[known][first], np.log(wanted)
        out = np.interp(x, place, values, left=np.nan, right=np.nan)
        after = np.searchsorted(place, x).clip(0, len(place) - 1)
        before = (after - 1).clip(0)
        nearest = np.minimum(np.abs(place[after] - x), np.abs(place[before] - x))
        wide = (place[after] - place[before] > gap) & (nearest > 1e-9)
        return np.where(wide, np.nan, out)
