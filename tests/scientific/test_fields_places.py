"""Places on grids, calendars, units, and observations as they are asked for."""

from datetime import datetime
from pathlib import Path
from typing import Any

import cftime
import numpy as np
import pytest
import xarray as xr

from undrift.common.errors import InputError, UsageError
from undrift.scientific.atmosphere.fields.channels_of import find, put, take
from undrift.scientific.atmosphere.fields.finer import centres, finer_coordinates
from undrift.scientific.atmosphere.fields.grid import Grid
from undrift.scientific.atmosphere.fields.layout import normalise
from undrift.scientific.atmosphere.fields.observations import parse
from undrift.scientific.atmosphere.fields.times import almanac, check_calendars, moment, nearest
from undrift.scientific.atmosphere.fields.units import changes, pascals
from undrift.scientific.atmosphere.sources import Place, Radiosondes, Stations

SAMPLE = Path(__file__).parents[1] / "reference/scientific/igra_sample.txt"


def globe(step: float = 45.0) -> xr.Dataset:
    lat, lon = np.arange(-90 + step / 2, 90, step), np.arange(0, 360, step)
    values = np.zeros((len(lat), len(lon)), np.float32)
    coords = {"latitude": lat[::-1], "longitude": lon}
    return xr.Dataset({"t2m": (("latitude", "longitude"), values, {"units": "K"})}, coords)


def test_places_on_latitudes_and_longitudes() -> None:
    grid = Grid.of(normalise(globe())[0])  # -67.5 ... 67.5, -180 ... 135
    assert grid.around and grid.shape == (4, 8)
    found = grid.indices([-67.5, 0, 67.5, 22.5, 80], [0, 157.5, 202.5, -180, 0])
    np.testing.assert_allclose(
        found, [[0, 4], [1.5, 7.5], [3, 0.5], [2, 0], [np.nan, 4]], atol=1e-9
    )
    region = Grid.of(normalise(globe().isel(longitude=[7, 0, 1]))[0])  # 315, 0, 45
    assert not region.around
    np.testing.assert_allclose(region.indices([0, 0, 0], [-45, 22.5, 50])[:, 1], [0, 1.5, np.nan])


def lambert(i: Any, j: Any) -> tuple[np.ndarray, np.ndarray]:
    """Latitude, longitude of rows and columns of a cone through 38.5 N, 3 km a cell (Snyder 1987,
    Eqs. 15-1 to 15-11, sphere)."""
    phi1, lam0, radius = np.deg2rad(38.5), np.deg2rad(-97.5), 6371.229e3
    n = np.sin(phi1)
    f = np.cos(phi1) * np.tan(np.pi / 4 + phi1 / 2) ** n / n
    rho0 = radius * f / np.tan(np.pi / 4 + phi1 / 2) ** n
    x, y = 3000.0 * (np.asarray(j) - 20), 3000.0 * (np.asarray(i) - 15)
    rho, theta = np.hypot(x, rho0 - y), np.arctan2(x, rho0 - y)
    phi = 2 * np.arctan((radius * f / rho) ** (1 / n)) - np.pi / 2
    return np.rad2deg(phi), np.rad2deg(lam0 + theta / n)


@pytest.mark.parametrize("turn", [0.0, 360.0])
def test_places_on_a_lambert_cone(turn: float) -> None:
    i, j = np.mgrid[:31, :41]
    lat, lon = lambert(i, j)
    data = xr.Dataset(
        {"u": (("y", "x"), lat * 0)},
        {"lat": (("y", "x"), lat, {"units": "degrees_north"}),
         "lon": (("y", "x"), lon + turn, {"units": "degrees_east"})},
    )  # fmt: skip
    grid = Grid.of(normalise(data)[0])
    wanted = np.random.default_rng(0).uniform(0, [30, 40], (50, 2))
    found = grid.indices(*lambert(*wanted.T))
    np.testing.assert_allclose(found, wanted, atol=1e-4)  # between points a cone bends by 5e-5
    outside = grid.indices(*lambert([-1.0, 15, 31], [5, 42, 5]))
    assert np.isnan(outside).all()


def test_a_projection_without_places_is_told() -> None:
    data = normalise(globe().rename(latitude="y", longitude="x").drop_vars(["x", "y"]))[0]
    with pytest.raises(InputError, match=r"latitude\(y, x\).*where the field lies is not known"):
        Grid.of(data)


def test_finer_cells_share_the_coarse_one() -> None:
    np.testing.assert_allclose(centres(np.array([10.0, 20]), 4), np.arange(6.25, 25, 2.5))
    poles = centres(np.array([-90.0, 0, 90]), 3, 90)
    assert poles[0] == -82.5 and poles[-1] == 82.5  # the cells at the poles are halves
    i, j = np.mgrid[:6, :8]
    lat, lon = lambert(i * 4.0, j * 4.0)
    north, east = {"units": "degrees_north"}, {"units": "degrees_east"}
    places = {"lat": (("y", "x"), lat, north), "lon": (("y", "x"), lon % 360, east)}
    data = xr.Dataset({"u": (("y", "x"), lat * 0)}, places)
    fine = finer_coordinates(data, 4)
    wanted = lambert(*(np.mgrid[:24, :32] - 1.5))
    np.testing.assert_allclose(fine["lat"][1], wanted[0], atol=1e-3)
    np.testing.assert_allclose(fine["lon"][1] % 360, wanted[1] % 360, atol=1e-3)


def test_units_come_in_and_go_out() -> None:
    data = globe().rename(t2m="tas").assign(
        u10=(("latitude", "longitude"), np.ones((4, 8)), {"units": "knots"}),
        albedo=(("latitude", "longitude"), np.ones((4, 8))),
    )  # fmt: skip
    data["tas"].attrs["units"] = "degC"
    inside, layout = normalise(data, changes(data))
    assert float(inside["tas"][0, 0]) == pytest.approx(273.15)
    assert float(inside["u10"][0, 0]) == pytest.approx(0.514444, abs=1e-6)
    assert layout.changes.keys() == {"tas", "u10"}
    data["u10"].attrs, data["tas"].attrs["units"] = {}, "Pa"
    with pytest.raises(InputError, match=r"2 problem(?s:.*)tas: units 'Pa'(?s:.*)u10: no units"):
        changes(data)
    assert changes(data, {"u10": "m/s", "tas": "Celsius"})["tas"] == (1.0, 273.15)
    assert pascals("hPa", "plev") == pascals(None, "isobaricInhPa") == 100
    with pytest.raises(InputError, match="levels without units"):
        pascals(None, "level")


def axis(calendar: str, day: int = 28) -> xr.DataArray:
    times = [cftime.datetime(2001, 2, day, hour, calendar=calendar) for hour in (0, 12)]
    return xr.DataArray(times, dims="time", name="time")


def test_calendars_do_not_mix() -> None:
    check_calendars(axis("noleap"), axis("365_day"), ("a", "b"))
    check_calendars(axis("standard"), xr.DataArray(np.array(["2001-02-28"], "M8[ns]")), ("a", "b"))
    with pytest.raises(InputError, match="'360_day', b in 'standard'"):
        check_calendars(axis("360_day", 30), axis("gregorian"), ("a", "b"))
    with pytest.raises(InputError, match="dated by the almanac"):
        almanac(axis("360_day", 30), "a")
    assert nearest(axis("gregorian"), moment("2001-02-28T12"), "a") == 1
    with pytest.raises(InputError, match="nearest is 2001-02-28T12"):
        nearest(axis("standard"), moment("2001-02-28 18:00Z"), "a")
    with pytest.raises(InputError, match="expected a form"):
        moment("noon")


def test_channels_are_found_by_name_or_by_quantity_and_level() -> None:
    from undrift.scientific.atmosphere.channels import CHANNELS

    levels = ("level", [500, 250], {"units": "hPa"})
    wind = np.arange(2 * 4 * 8.0).reshape(2, 4, 8)
    data = globe().rename(t2m="t").assign_coords(level=levels).assign(
        u_component_of_wind=(("level", "latitude", "longitude"), wind, {"units": "m s-1"}),
        v=(("level", "latitude", "longitude"), -wind, {"standard_name": "northward_wind"}),
    )  # fmt: skip
    inside, layout = normalise(data)
    places = find(inside, ("t", "u250", "v250"), CHANNELS)
    values = take(inside, places)
    np.testing.assert_array_equal(values[1], inside["u_component_of_wind"].sel(level=250))
    np.testing.assert_array_equal(values[2], -values[1])
    back = put(values[:, None], inside, places, {n: inside[n] for n in ("latitude", "longitude")})
    assert back["u_component_of_wind"].sizes["level"] == 1 and back.sizes["member"] == 1
    assert float(back["level"][0]) == 250
    with pytest.raises(InputError, match=r"lacks u750 \(eastward_wind at 750 hPa\)"):
        find(inside, ("t", "u750"), CHANNELS)
    assert layout.names["level"] == "level"


def test_stations_of_a_table(tmp_path: Path) -> None:
    table = tmp_path / "s.csv"
    table.write_text("station,lat,lon,time,t,u250\nA,0,0,2020-01-01T12:00,281.5,3\n"
                     "B,22.5,-45,2020-01-01T12:30,,4\nC,0,0,2020-01-01T18:00,270,5\n")  # fmt: skip
    asked = parse(f"stations:{table},std.t=0.5,std.u250=2,window=30")
    (source,) = asked.sources(moment("2020-01-01T12"))
    assert isinstance(source, Stations)
    grid = Grid.of(normalise(globe())[0])
    seen = source.observe(Place(("t", "u250"), (4, 8), (False, True), grid))
    np.testing.assert_allclose(sorted(seen.values.tolist()), [1.5, 2, 563])  # in errors; NaN is out
    assert asked.sources(moment("2020-01-02T12")) == []
    with pytest.raises(InputError, match="no column 'v250'"):
        parse(f"stations:{table},std.v250=1").sources(None)
    table.write_text("lat,lon,t\n0,0,281\n0,0\n")
    with pytest.raises(InputError, match="line 3: 2 cells for 3 columns"):
        parse(f"stations:{table},std.t=1,window=1").sources(None)


def test_soundings_of_a_time(tmp_path: Path) -> None:
    asked = parse(f"igra:{SAMPLE},std.u250=2,std.t=0.7,layer.t=250-750,reference.t=250")
    assert asked.layers == {"t": (250.0, 750.0)} and asked.reference == {"t": 250.0}
    from undrift.scientific.atmosphere.soundings import read_igra

    time = next(one.time for one in read_igra(SAMPLE) if isinstance(one.time, datetime))
    (source,) = asked.sources(np.datetime64(time, "s"))
    assert isinstance(source, Radiosondes) and {one.time for one in source.soundings} == {time}
    assert asked.sources(np.datetime64("1900-01-01", "s")) == []


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("igrb:file.txt,std.t=1", "did you mean 'igra'"),
        ("file.txt", "expected igra:FILE"),
        ("igra:file.txt", "says no error"),
        ("igra:file.txt,std.t=0", "says no error"),
        ("igra:file.txt,std.t=cold", "expected a number"),
        ("igra:file.txt,error=1", "unknown setting 'error=1'"),
    ],
)
def test_observations_asked_for_wrongly(text: str, match: str) -> None:
    with pytest.raises(UsageError, match=match):
        parse(text)
