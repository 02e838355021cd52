"""Data sets of fields and soundings: folders of the published layout, made here; and wrong ones."""

import zipfile
from pathlib import Path
from shutil import copyfile
from typing import Any

import numpy as np
import pytest
import xarray as xr

from undrift.cli import main
from undrift.common.errors import InputError
from undrift.scientific.atmosphere.datasets import AtmosphereData

SAMPLE = Path(__file__).parents[1] / "reference/scientific/igra_sample.txt"


def netcdf(path: Path, dims: tuple[str, ...], **coords: Any) -> np.ndarray:
    shape = tuple(np.shape(coords[dim])[0] for dim in dims)
    values = np.random.default_rng(len(path.name)).random(shape).astype(np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    data = xr.Dataset({"t2m": (dims, values, {"units": "K"})}, coords)
    if path.suffix == ".zarr":
        data.to_zarr(path, zarr_format=2, consolidated=False)
    else:
        data.to_netcdf(path, engine="h5netcdf")
    return values


HOURS = np.array(["2020-01-01T00", "2020-01-01T06"], "M8[ns]")
GRID = {"latitude": [90.0, 0, -90], "longitude": np.arange(0, 360, 90.0)}


def verify(card: str, root: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = main(["data", "verify", card, "--root", str(root)])
    return code, capsys.readouterr().err


def test_era5_as_it_is_unpacked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "june/data_stream-oper_stepType-instant.nc"
    given = netcdf(file, ("valid_time", "latitude", "longitude"), valid_time=HOURS, **GRID)
    (item,) = AtmosphereData("era5", tmp_path)
    assert item.name == "june/oper-instant"
    with item.open() as fields:
        found = fields.data["t2m"].sel(latitude=0, longitude=-90)
        np.testing.assert_array_equal(found, given[:, 1, 3])
    assert verify("era5", tmp_path, capsys)[0] == 0
    netcdf(file.with_name("data_stream-oper_stepType-accum.nc"), ("latitude", "longitude"), **GRID)
    code, told = verify("era5", tmp_path, capsys)
    assert code == 3 and "stepType-accum.nc: has no time" in told


def test_weatherbench_as_a_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = tmp_path / "era5/1959-2022-6h-64x32_equiangular_conservative.zarr"
    order = ("time", "longitude", "latitude")
    netcdf(store, order, time=HOURS, longitude=GRID["longitude"], latitude=[-45.0, 45.0])
    (item,) = AtmosphereData("weatherbench2", tmp_path)
    with item.open() as fields:
        assert fields.data["t2m"].dims == ("time", "latitude", "longitude")
    assert verify("weatherbench2", tmp_path, capsys)[0] == 0
    (store / ".zgroup").unlink()
    code, told = verify("weatherbench2", tmp_path, capsys)
    assert code == 3 and "no Zarr store" in told


def test_hrrr_needs_places(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    y, x = np.arange(3) * 3000.0, np.arange(4) * 3000.0
    lat = ("y", "x"), 38 + np.add.outer(y, 0 * x) / 111e3
    lon = ("y", "x"), -97 + np.add.outer(0 * y, x) / 88e3
    netcdf(tmp_path / "a.nc", ("y", "x"), y=y, x=x, latitude=lat, longitude=lon)
    (item,) = AtmosphereData("hrrr", tmp_path, view="netcdf")
    with item.open() as fields:
        assert not fields.layout.regular
    assert verify("hrrr", tmp_path, capsys)[0] == 0
    netcdf(tmp_path / "b.nc", ("y", "x"), y=y, x=x)
    code, told = verify("hrrr", tmp_path, capsys)
    assert code == 3 and "b.nc: x and y without latitude" in told


def test_igra_zipped_or_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with zipfile.ZipFile(tmp_path / "USM00072469-data.txt.zip", "w") as archive:
        archive.write(SAMPLE, "USM00072469-data.txt")
    data = AtmosphereData("igra", tmp_path)
    assert data.of_stations and data[0].group == "USM00072469"
    assert len(data[0].soundings()) >= 1
    copyfile(SAMPLE, tmp_path / "GMM00010393-data.txt")
    assert verify("igra", tmp_path, capsys)[0] == 0
    text = (tmp_path / "GMM00010393-data.txt").read_text().splitlines()
    (tmp_path / "GMM00010393-data.txt").write_text("\n".join(text[:3]))
    code, told = verify("igra", tmp_path, capsys)
    assert code == 3 and "levels announced" in told


def test_a_root_that_is_one_folder_off(tmp_path: Path) -> None:
    netcdf(tmp_path / "era5/a.zarr", ("time", "latitude", "longitude"), time=HOURS, **GRID)
    with pytest.raises(InputError, match="use that as the root"):
        AtmosphereData("weatherbench2", tmp_path / "era5")
