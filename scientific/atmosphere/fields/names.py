"""What publishers call the axes of a field and its quantities, and what they are called inside.

An axis is known by its CF attributes (standard_name, units such as degrees_north), else by its
name: ERA5 says valid_time and pressure_level since 2024 and time and level before, GRIB
isobaricInhPa, HRRR has x and y with latitudes in two dimensions, ensembles are numbered by number,
member or realization.
"""

from collections.abc import Hashable
from typing import TYPE_CHECKING

from undrift.common.errors import InputError

if TYPE_CHECKING:
    from xarray import DataArray, Dataset, Variable

AXES = {
    "time": ("time", "valid_time", "t0"),
    "level": ("level", "pressure_level", "isobaricInhPa", "isobaricInPa", "plev", "lev"),
    "member": ("member", "number", "realization", "ensemble", "ens"),
    "latitude": ("latitude", "lat"),
    "longitude": ("longitude", "lon"),
    "y": ("y", "south_north", "rlat", "projection_y_coordinate"),
    "x": ("x", "west_east", "rlon", "projection_x_coordinate"),
}
_STANDARD = {
    "time": "time", "air_pressure": "level", "realization": "member", "latitude": "latitude",
    "longitude": "longitude", "projection_y_coordinate": "y", "projection_x_coordinate": "x",
    "grid_latitude": "y", "grid_longitude": "x",
}  # fmt: skip
_UNITS = {
    "degrees_north": "latitude", "degree_north": "latitude", "degrees_n": "latitude",
    "degrees_east": "longitude", "degree_east": "longitude", "degrees_e": "longitude",
}  # fmt: skip

# CF name -> (unit inside, names it goes by). Heights of 2 m and 10 m are quantities of their own.
QUANTITIES = {
    "air_temperature": ("K", ("t", "temperature", "tmp", "ta", "air_temperature")),
    "eastward_wind": ("m s-1", ("u", "u_component_of_wind", "ugrd", "ua", "eastward_wind")),
    "northward_wind": ("m s-1", ("v", "v_component_of_wind", "vgrd", "va", "northward_wind")),
    "geopotential": ("m2 s-2", ("z", "geopotential")),
    "geopotential_height": ("m", ("gh", "zg", "hgt", "geopotential_height")),
    "specific_humidity": ("kg kg-1", ("q", "specific_humidity", "hus", "spfh")),
    "relative_humidity": ("%", ("r", "rh", "relative_humidity", "hur")),
    "air_temperature_2m": ("K", ("t2m", "2m_temperature", "2t", "tas", "t2")),
    "eastward_wind_10m": ("m s-1", ("u10", "10m_u_component_of_wind", "10u", "uas")),
    "northward_wind_10m": ("m s-1", ("v10", "10m_v_component_of_wind", "10v", "vas")),
    "surface_air_pressure": ("Pa", ("sp", "surface_pressure", "ps")),
    "air_pressure_at_mean_sea_level": ("Pa", ("msl", "mean_sea_level_pressure", "psl", "prmsl")),
    "precipitation_amount": ("m", ("tp", "total_precipitation")),
}
_BY_NAME = {name: kind for kind, (_, names) in QUANTITIES.items() for name in names}


def quantity(name: Hashable) -> str | None:
    """The CF name of a variable by its own, in any case; None for a stranger.

    >>> quantity("2m_temperature"), quantity("UGRD"), quantity("albedo")
    ('air_temperature_2m', 'eastward_wind', None)
    """
    text = str(name).lower()
    return _BY_NAME.get(text) or (text if text in QUANTITIES else None)


def axes(data: "Dataset") -> dict[str, str]:
    """Axis inside -> the dimension of `data` that is it; dimensions of other kinds are left out.

    Raises InputError where two dimensions are the same axis, and without a horizontal pair.
    """
    found: dict[str, str] = {}
    for dim in map(str, data.dims):
        axis = _axis(dim, data[dim] if dim in data.coords else None)
        if axis is None:
            continue
        if axis in found:
            raise InputError(
                f"dimensions '{found[axis]}' and '{dim}' both look like the axis {axis}; rename one"
            )
        found[axis] = dim
    for pair in (("latitude", "longitude"), ("y", "x")):
        if set(pair) <= found.keys():
            return found
    known = ", ".join(name for axis in ("latitude", "y") for name in AXES[axis])
    raise InputError(
        f"no horizontal grid among the dimensions {', '.join(map(str, data.dims)) or '(none)'}; "
        f"expected latitude and longitude, or y and x (known as {known})"
    )


def places(data: "Dataset") -> tuple[str, str] | None:
    """Names of the latitudes and longitudes in two dimensions, or None."""
    found = {}
    for name, one in data.variables.items():
        if one.ndim == 2 and (axis := _axis(str(name), one)) in ("latitude", "longitude"):
            found.setdefault(axis, str(name))
    return (found["latitude"], found["longitude"]) if len(found) == 2 else None


def _axis(name: str, one: "DataArray | Variable | None") -> str | None:
    attributes = {} if one is None else {**one.encoding, **one.attrs}
    standard = _STANDARD.get(str(attributes.get("standard_name", "")))
    if standard is not None:
        return standard
    units = _UNITS.get(str(attributes.get("units", "")).lower())
    by_name = next((axis for axis, names in AXES.items() if name in names), None)
    return by_name if by_name is not None else units
