"""Files of fields as their publishers lay them out, and trips through reading and writing them."""

from pathlib import Path

import numpy as np
import xarray as xr

from undrift.scientific.atmosphere.fields.files import open_fields, open_raw
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
