"""Fields as ERA5, WeatherBench 2 and HRRR lay them out: ordered inside, given back as they came."""

import warnings
from pathlib import Path
from typing import Any

import cftime
import numpy as np
import pytest
import xarray as xr
from field_files import PACKED, era5, hours, same, trip, values

from undrift.scientific.atmosphere.fields.files import open_fields, open_raw
from undrift.scientific.atmosphere.fields.write import save_fields


@pytest.mark.parametrize("down", [True, False])
@pytest.mark.parametrize("east", [True, False])
@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_era5_comes_back_as_it_was(tmp_path: Path, down: bool, east: bool, suffix: str) -> None:
    era5(down, east).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    before, inside, after = trip(tmp_path / "a.nc", suffix)
    assert inside["t"].dims == ("level", "time", "latitude", "longitude")
    assert (np.diff(inside["latitude"]) > 0).all()
    np.testing.assert_array_equal(inside["longitude"], np.arange(-180, 180, 45.0))
    picked = inside["t"].sel(latitude=37.5, longitude=-90.0, level=500.0).values
    east_of = 270.0 if east else -90.0
    np.testing.assert_array_equal(
        picked, before["t"].sel(latitude=37.5, longitude=east_of, pressure_level=500.0).values
    )
    same(before, after)


def test_stored_numbers_of_packed_fields_do_not_move(tmp_path: Path) -> None:
    era5().to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    trip(tmp_path / "a.nc")
    plain: dict[str, Any] = {"engine": "h5netcdf", "mask_and_scale": False, "decode_times": False}
    raw = [xr.open_dataset(tmp_path / name, **plain) for name in ("a.nc", "again.nc")]
    for name in ("t2m", "valid_time"):
        assert raw[0][name].dtype == raw[1][name].dtype
        np.testing.assert_array_equal(raw[0][name], raw[1][name])
    assert raw[0]["t2m"].dtype == np.int16 and raw[1]["t2m"][0, 0, 0] == -32767
    for one in raw:
        one.close()


def test_values_beyond_the_packing_become_floats_and_the_history_says_so(tmp_path: Path) -> None:
    era5().to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with open_fields(tmp_path / "a.nc") as fields:
        hot = fields.data.load()
        hot["t2m"] = hot["t2m"] + 100  # as int16 this would wrap round to below 273 K
        save_fields(tmp_path / "b.nc", hot, fields.layout)
    after = open_raw(tmp_path / "b.nc")
    assert after["t2m"].encoding["dtype"] == np.float32
    assert "float32: t2m" in after.attrs["history"].splitlines()[0]
    assert float(after["t2m"].min()) > 350


def test_nan_in_a_packed_field_without_fill_value_gets_one(tmp_path: Path) -> None:
    data = era5()
    data["t2m"] = data["t2m"].fillna(280)
    data["t2m"].encoding = {k: v for k, v in PACKED.items() if k != "_FillValue"}
    with warnings.catch_warnings(action="ignore", category=xr.SerializationWarning):
        data.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    trip(tmp_path / "a.nc")
    assert "_FillValue" not in open_raw(tmp_path / "again.nc")["t2m"].encoding
    with open_fields(tmp_path / "a.nc") as fields:
        holed = fields.data.load()
        holed["t2m"][:, 2, 3] = np.nan
        save_fields(tmp_path / "b.nc", holed, fields.layout)
    after = open_raw(tmp_path / "b.nc")["t2m"]
    assert int(after.isnull().sum()) == 3 and after.encoding["dtype"] == np.int16


@pytest.mark.parametrize("calendar", ["noleap", "360_day", "standard"])
def test_calendars_of_models_survive(tmp_path: Path, calendar: str) -> None:
    data = era5().rename(valid_time="time", pressure_level="plev").drop_vars(["expver", "number"])
    day = 30 if calendar == "360_day" else 28
    times = [cftime.datetime(2001, 2, day, hour, calendar=calendar) for hour in (0, 6, 12)]
    data = data.assign_coords(time=("time", times))
    data["time"].encoding = {"units": "days since 1850-01-01", "calendar": calendar}
    data.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    before, inside, after = trip(tmp_path / "a.nc")
    same(before, after)
    assert inside["time"].dt.day.values.tolist() == [day] * 3
    if calendar != "standard":
        assert after["time"].dt.calendar == calendar


def test_the_two_editions_of_era5_are_one_inside(tmp_path: Path) -> None:
    data = era5().drop_vars("expver")[["t2m"]].rename(valid_time="time")
    both = xr.concat([data, data], xr.DataArray([1, 5], dims="expver", name="expver"))
    both["t2m"] = both["t2m"].transpose("time", "expver", "latitude", "longitude")
    both["t2m"][:2, 1], both["t2m"][2:, 0] = np.nan, np.nan
    both["t2m"].encoding = {}
    both.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    before, inside, after = trip(tmp_path / "a.nc")
    assert inside["t2m"].dims == ("time", "latitude", "longitude")
    assert int(inside["t2m"].isnull().sum()) == 1
    same(before, after)


def test_weatherbench_has_its_own_order_of_axes(tmp_path: Path) -> None:
    data = xr.Dataset(
        {
            "2m_temperature": (("time", "longitude", "latitude"), values(2, 8, 4)),
            "temperature": (("time", "level", "longitude", "latitude"), values(2, 3, 8, 4)),
        },
        coords={
            "time": hours(2), "level": [300, 500, 850], "longitude": np.arange(0, 360, 45.0),
            "latitude": np.linspace(-67.5, 67.5, 4),
        },
    ).chunk({"time": 1})  # fmt: skip
    data.to_zarr(tmp_path / "a.zarr", zarr_format=2, consolidated=True)
    before, inside, after = trip(tmp_path / "a.zarr", ".zarr")
    assert inside["temperature"].dims == ("level", "time", "latitude", "longitude")
    assert after["2m_temperature"].dims == ("time", "longitude", "latitude")
    same(before, after)


def hrrr() -> xr.Dataset:
    """x and y of a projection, latitudes and longitudes as coordinates in two dimensions."""
    x, y = np.arange(6) * 3000.0, np.arange(5) * 3000.0
    lat = 38 + y[:, None] / 111e3 + 0.002 * np.arange(6)
    lon = 262 + x / 88e3 - 0.003 * np.arange(5)[:, None]
    return xr.Dataset(
        {
            "u10": (("time", "y", "x"), values(1, 5, 6, mean=0), {
                "units": "m s**-1", "grid_mapping": "lambert", "coordinates": "lat lon"}),
            "lambert": ((), 0, {"grid_mapping_name": "lambert_conformal_conic"}),
        },
        coords={"time": hours(1), "y": ("y", y, {"units": "m"}), "x": ("x", x, {"units": "m"}),
                "lat": (("y", "x"), lat, {"units": "degrees_north"}),
                "lon": (("y", "x"), lon, {"units": "degrees_east"})},
    )  # fmt: skip


@pytest.mark.parametrize("down", [True, False])
def test_projected_fields_keep_both_pairs_of_coordinates(tmp_path: Path, down: bool) -> None:
    data = hrrr()
    data["u10"].encoding["coordinates"] = data["u10"].attrs.pop("coordinates")
    if down:
        data = data.isel(y=slice(None, None, -1))
    data.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    before, inside, after = trip(tmp_path / "a.nc")
    assert (np.diff(inside["lat"].values, axis=0) > 0).all()
    same(before, after)
    assert {"lat", "lon"} <= set(after.coords) and after["u10"].dims == ("time", "y", "x")
    assert after["lambert"].attrs["grid_mapping_name"] == "lambert_conformal_conic"


def test_a_coordinate_with_the_name_of_another_axis_steps_aside(tmp_path: Path) -> None:
    data = era5().drop_vars("expver").assign_coords(time=np.datetime64("2019-12-31", "ns"))
    data.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    before, inside, after = trip(tmp_path / "a.nc")
    assert inside["time"].size == 3
    assert before["time"].ndim == after["time"].ndim == 0 and before.equals(after)
