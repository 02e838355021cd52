"""Files that are cut off, grids that are none, calendars nobody knows: named, and why."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from field_files import era5, trip

from undrift.common.errors import InputError
from undrift.scientific.atmosphere.fields.files import open_fields
from undrift.scientific.atmosphere.fields.write import save_fields


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
