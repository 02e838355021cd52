"""Units at the door: known quantities are K, m s-1, Pa and so on inside, and come back as given.

A quantity without a unit is refused where the unit matters: 288 could be anything, and 15 is more
likely Celsius than Kelvin, but nobody knows.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from undrift.common.errors import InputError
from undrift.scientific.atmosphere.fields.names import QUANTITIES, quantity

if TYPE_CHECKING:
    from xarray import Dataset

Change = tuple[float, float]  # value inside = factor * value + offset

# (unit given, unit inside) -> change; spellings are made equal first.
_CHANGES: dict[tuple[str, str], Change] = {
    ("degc", "k"): (1.0, 273.15),
    ("celsius", "k"): (1.0, 273.15),
    ("degf", "k"): (5 / 9, 273.15 - 32 * 5 / 9),
    ("hpa", "pa"): (100.0, 0.0),
    ("mbar", "pa"): (100.0, 0.0),
    ("millibars", "pa"): (100.0, 0.0),
    ("knots", "m s-1"): (1852 / 3600, 0.0),
    ("kt", "m s-1"): (1852 / 3600, 0.0),
    ("km h-1", "m s-1"): (1 / 3.6, 0.0),
    ("g kg-1", "kg kg-1"): (1e-3, 0.0),
    ("mm", "m"): (1e-3, 0.0),
    ("1", "%"): (100.0, 0.0),
}
_SPELLINGS = {
    "kelvin": "k", "degk": "k", "deg_c": "degc", "degree_celsius": "degc",
    "degrees_celsius": "degc", "°c": "degc", "c": "degc", "m/s": "m s-1", "m s**-1": "m s-1",
    "m.s-1": "m s-1", "m s^-1": "m s-1", "ms-1": "m s-1", "km/h": "km h-1",
    "m**2 s**-2": "m2 s-2", "m^2 s^-2": "m2 s-2", "m2/s2": "m2 s-2", "kg kg**-1": "kg kg-1",
    "kg/kg": "kg kg-1", "g/kg": "g kg-1", "g kg**-1": "g kg-1", "mb": "mbar", "percent": "%",
    "gpm": "m", "meter": "m", "metre": "m", "fraction": "1", "0-1": "1",
}  # fmt: skip
_LEVELS = {"pa": 1.0, "hpa": 100.0, "mbar": 100.0, "millibars": 100.0}


def change(given: str, inside: str) -> Change | None:
    """How to come from one unit to the other; None where there is no known way.

    >>> change("m s**-1", "m s-1"), change("Celsius", "K"), change("K", "Pa")
    ((1.0, 0.0), (1.0, 273.15), None)
    """
    first, second = _plain(given), _plain(inside)
    return (1.0, 0.0) if first == second else _CHANGES.get((first, second))


def changes(data: "Dataset", units: Mapping[str, str] | None = None) -> dict[str, Change]:
    """Variable -> change, of the quantities that are known; others stay as they are.

    units: of variables whose file says none, or says it wrongly. Raises InputError that names all
    quantities without a unit, and those with a unit that does not fit.
    """
    found, problems = {}, []
    for name, one in data.data_vars.items():
        kind = quantity(name) or quantity(one.attrs.get("standard_name", ""))
        if kind is None:
            continue
        inside = QUANTITIES[kind][0]
        given = (units or {}).get(str(name), one.attrs.get("units"))
        if given is None or not str(given).strip():
            problems.append(f"{name}: no units; expected {inside} ({kind}); say {name}=UNIT")
            continue
        way = change(str(given), inside)
        if way is None:
            problems.append(f"{name}: units '{given}' for {kind}; expected {inside}")
            continue
        found[str(name)] = way
    if problems:
        raise InputError("\n  ".join([f"{len(problems)} problem(s) of units", *problems]))
    return found


def pascals(given: str | None, name: str) -> float:
    """The factor from the unit of a pressure axis to Pa; hPa where the name says so.

    Raises InputError for another unit, and for none where the name does not tell.
    """
    if given is None or not given.strip():
        if name == "isobaricInhPa":
            return 100.0
        raise InputError(f"{name}: levels without units; expected hPa or Pa; set the attribute")
    factor = _LEVELS.get(_plain(given))
    if factor is None:
        raise InputError(f"{name}: levels in '{given}'; expected pressure in hPa or Pa")
    return factor


def _plain(unit: str) -> str:
    text = " ".join(unit.strip().lower().split())
    return _SPELLINGS.get(text, text)
