"""Times of fields and of observations: compared only within one calendar.

A model year of 360 days has a 30th of February and no 31st of March; 1 March of a year without leap
days is another day than that of an almanac. Observations are dated by the almanac, hence they never
belong to such a field, whatever the dates say.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError

if TYPE_CHECKING:
    from xarray import DataArray

STANDARD = frozenset({"standard", "gregorian", "proleptic_gregorian"})  # alike since 1582
_ALIKE = {"365_day": "noleap", "366_day": "all_leap"}


def calendar_of(times: "DataArray") -> str:
    """The calendar of a time axis, under its CF name."""
    if times.dtype.kind == "M":
        return "standard"
    found = str(times.dt.calendar)
    return "standard" if found in STANDARD else _ALIKE.get(found, found)


def check_calendars(first: "DataArray", second: "DataArray", names: tuple[str, str]) -> None:
    """Raises InputError where two time axes count days differently."""
    kinds = calendar_of(first), calendar_of(second)
    if kinds[0] != kinds[1]:
        raise InputError(
            f"{names[0]} counts days in the calendar '{kinds[0]}', {names[1]} in '{kinds[1]}': "
            "their dates are not the same days; convert one (xarray: Dataset.convert_calendar)"
        )


def almanac(times: "DataArray", name: str) -> npt.NDArray[Any]:
    """(n,) datetime64[s] of a time axis. Raises InputError for a calendar without almanac."""
    if (kind := calendar_of(times)) != "standard":
        raise InputError(
            f"{name}: times in the calendar '{kind}', observations are dated by the almanac; "
            "they do not belong together"
        )
    if times.dtype.kind == "M":
        return np.atleast_1d(times.values).astype("datetime64[s]")
    texts = [one.isoformat() for one in np.atleast_1d(times.values)]
    return np.array(texts, "datetime64[s]")


def moment(text: str) -> np.datetime64:
    """A time that a user types, as 2020-01-01T12. Raises InputError."""
    try:
        return np.datetime64(text.strip().removesuffix("Z").replace(" ", "T"), "s")
    except ValueError as error:
        raise InputError(f"time {text!r}: expected a form such as 2020-01-01T12:00") from error


def nearest(times: "DataArray", wanted: np.datetime64, name: str) -> int:
    """The index of a time on the axis. Raises InputError that names the neighbours of another."""
    own = almanac(times, name)
    away = np.abs(own - wanted)
    best = int(away.argmin())
    if away[best] != np.timedelta64(0, "s"):
        raise InputError(f"{name}: has no time {wanted}; the nearest is {own[best]}")
    return best
