"""Fields as ERA5, WeatherBench 2 and HRRR lay them out: ordered inside, given back as they came."""

import warnings
from pathlib import Path
from typing import Any

import cftime
import numpy as np
import pytest
import xarray as xr

from undrift.common.errors import InputError
from undrift.scientific.atmosphere.fields.files import open_fields, open_raw
from undrift.scientific.atmosphere.fields.longitudes import Circle
from undrift.scientific.atmosphere.fields.write import save_fields

PACKED = {"dtype": "i2", "scale_factor": 0.002, "add_offset": 273.0, "_FillValue": np.int16(-32767)}


def values(*shape: int, mean: float = 280.0) -> np.ndarray:
    return np.random.default_rng(len(shape)).normal(mean, 5, shape).astype(np.float32)


def hours(count: int, step: int = 6) -> np.ndarray:
    return np.datetime64("2020-01-01T00", "ns") + np.arange(count) * np.timedelta64(step, "h")


def era5(down: bool = True, east: bool = True) -> xr.Dataset:
    """As the Climate Data Store gives it since 2024."""
    lat, lon = np.linspace(60, 30, 5), np.arange(0, 360, 45.0)
    data = xr.Dataset(
        {
            "t2m": (("valid_time", "latitude", "longitude"), values(3, 5, 8), {
                "units": "K", "long_name": "2 metre temperature", "GRIB_paramId": 167}),
            "t": (("valid_time", "pressure_level", "latitude", "longitude"), values(3, 2, 5, 8),
                  {"units": "K", "standard_name": "air_temperature"}),
        },
        coords={
            "valid_time": ("valid_time", hours(3), {"standard_name": "time"}),
            "pressure_level": ("pressure_level", [850.0, 500.0], {"units": "hPa"}),
            "latitude": ("latitude", lat if down else lat[::-1], {"units": "degrees_north"}),
            "longitude": ("longitude", lon if east else lon - 180, {"units": "degrees_east"}),
            "number": ((), 0, {"standard_name": "realization"}),
            "expver": ("valid_time", np.array(["0001", "0001", "0005"], "U4")),
        },
        attrs={"institution": "made up", "history": "2020-01-02 first"},
    )  # fmt: skip
    data["t2m"][0, 0, 0] = np.nan
    data["t2m"].encoding = dict(PACKED)
    data["valid_time"].encoding = {"units": "seconds since 1970-01-01", "dtype": "i8"}
    return data


def same(first: xr.Dataset, second: xr.Dataset) -> None:
    """Values, order, attributes and what matters of the encodings."""
    attributes = dict(first.attrs)
    assert (
        second.attrs.pop("history").splitlines()[1:] == attributes.pop("history", "").splitlines()
    )
    assert {**attributes, "Conventions": second.attrs["Conventions"]} == second.attrs
    xr.testing.assert_identical(first.drop_attrs(deep=False), second.drop_attrs(deep=False))
    for name in map(str, first.variables):
        one, other = first[name], second[name]
        assert one.dims == other.dims
        for key in ("dtype", "scale_factor", "add_offset", "_FillValue", "units", "calendar"):
            if key in one.encoding and one.dtype.kind in "fM":
                wanted, found = one.encoding[key], other.encoding.get(key)
                if key == "units":  # xarray leaves midnight out of the reference date
                    wanted, found = (
                        str(text).removesuffix(" 00:00:00") for text in (wanted, found)
                    )
                np.testing.assert_equal(found, wanted, f"{name} {key}")


def trip(path: Path, suffix: str = ".nc") -> tuple[xr.Dataset, xr.Dataset, xr.Dataset]:
    """The file, what was inside, and the file written from that."""
    out = path.with_name(f"again{suffix}")
    with open_fields(path) as fields:
        inside = fields.data.load()
        save_fields(out, inside, fields.layout, "undrift: a test")
    return open_raw(path).load(), inside, open_raw(out).load()


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


@pytest.mark.parametrize(
    ("user", "inside", "around"),
    [
        ([0, 90, 180, 270], [-180, -90, 0, 90], True),
        ([350, 355, 0, 5], [-10, -5, 0, 5], False),  # a region across Greenwich
        ([170, 175, 180, 185], [170, 175, 180, 185], False),  # across the date line
        ([175, -180, -175], [175, 180, 185], False),
        ([30, 20, 10], [10, 20, 30], False),
        ([200.0], [-160], False),
    ],
)
def test_longitudes_ascend_in_one_piece(user: list, inside: list, around: bool) -> None:
    circle = Circle.of(np.array(user, np.float32))
    np.testing.assert_array_equal(circle.inside, np.float32(inside))
    assert circle.around == around
    order, back = circle.outside(circle.inside)
    np.testing.assert_array_equal(back, np.float32(user))
    np.testing.assert_array_equal(np.float32(user)[circle.order][order], np.float32(user))


@pytest.mark.parametrize(
    ("user", "finer", "wanted"),
    [
        ([0, 90, 180, 270], [-202.5, -157.5, -22.5, 22.5], [22.5, 157.5, 202.5, 337.5]),
        ([350, 355, 0, 5], [-11.25, -10, 3.75, 5], [348.75, 350, 3.75, 5]),
        ([170, 175, 180, 185], [168.75, 181.25], [168.75, 181.25]),
        ([-180, -90, 0, 90], [-202.5, -157.5, 112.5], [-157.5, 112.5, 157.5]),
        ([2, 4, 6], [-0.25, 0.25], [-0.25, 0.25]),
    ],
)
def test_finer_longitudes_follow_the_convention(user: list, finer: list, wanted: list) -> None:
    circle = Circle.of(np.array(user, np.float64))
    order, found = circle.outside(np.array(finer))
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    np.testing.assert_allclose((np.array(finer)[order] - found) % 360 % 360, 0, atol=1e-9)


def test_odd_longitudes_to_the_last_bit() -> None:
    user = (np.arange(3600, dtype=np.float32) * np.float32(0.1)).astype(np.float32)
    circle = Circle.of(user)
    assert circle.around and (np.diff(circle.inside) > 0).all()
    np.testing.assert_array_equal(circle.outside(circle.inside)[1], user)


def cut(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


@pytest.mark.parametrize("format_", ["NETCDF4", "NETCDF3_64BIT"])
def test_a_file_cut_off_is_named(tmp_path: Path, format_: Any) -> None:
    data = era5()[["t"]].drop_vars("expver")
    engine: Any = "h5netcdf" if format_ == "NETCDF4" else "scipy"
    data.to_netcdf(tmp_path / "a.nc", engine=engine, format=format_)
    if engine == "scipy":  # as older ERA5 came
        before, _, after = trip(tmp_path / "a.nc")
        assert before.equals(after)
    cut(tmp_path / "a.nc")
    with pytest.raises(InputError, match=r"a\.nc: cannot be read"), open_fields(tmp_path / "a.nc"):
        pass


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda d: d.assign_coords(latitude=d["latitude"] + 45), "within"),
        (lambda d: d.isel(latitude=[0, 2, 1, 3]), "in order"),
        (lambda d: d.assign_coords(longitude=np.linspace(0, 360, 8)), "repeat on the circle"),
        (lambda d: d.rename(latitude="row").drop_attrs(), "no horizontal grid"),
        (lambda d: d.isel(valid_time=[0, 0, 1]), "same time twice"),
        (lambda d: d.expand_dims(lat=2), "both look like the axis latitude"),
    ],
)
def test_grids_that_are_none_are_refused(tmp_path: Path, change: Any, match: str) -> None:
    change(era5().drop_vars("expver")).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with pytest.raises(InputError, match=match):
        open_fields(tmp_path / "a.nc")


def test_a_calendar_nobody_knows_and_a_page_of_text(tmp_path: Path) -> None:
    import h5py

    era5().to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with h5py.File(tmp_path / "a.nc", "r+") as file:
        file["valid_time"].attrs["calendar"] = "lunar"
    with pytest.raises(InputError, match="calendar"):
        open_fields(tmp_path / "a.nc")
    (tmp_path / "b.nc").write_text("<html>not found</html>")
    with pytest.raises(InputError, match="neither NetCDF, GRIB nor Zarr"):
        open_fields(tmp_path / "b.nc")
    era5().to_netcdf(tmp_path / "c.nc", engine="h5netcdf")
    with open_fields(tmp_path / "c.nc") as fields, pytest.raises(InputError, match="only read"):
        save_fields(tmp_path / "c.grib", fields.data, fields.layout)
