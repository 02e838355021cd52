"""`undrift atmos`: simulated states down to coarse fields and up again, on files of every kind."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from gaussian_fields import gaussian_prior
from torch import Tensor

from undrift.cli import main
from undrift.common.denoisers import Estimate
from undrift.common.manifest import read
from undrift.scientific.atmosphere import tasks as module
from undrift.scientific.atmosphere.fields.files import open_raw

FACTOR, HALF_A_DAY = 4, np.timedelta64(12, "h")


@pytest.fixture
def prior(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exact prior of a Gaussian field of 16 x 16 points, 280 +- 5 K."""
    exact = gaussian_prior(mean=280.0, std=5.0)

    def denoise(x: Tensor, t: float, y: Any = None, level: Any = None) -> Estimate:
        return Estimate(exact.prior.denoise(x.double(), t, y, level).x0.to(x.dtype))

    known = replace(exact, prior=replace(exact.prior, denoise=denoise))
    monkeypatch.setattr(module, "read_field_prior", lambda model, device="auto": known)
    from undrift.scientific.atmosphere.fields import downscaling

    downscaling._prior.cache_clear()


def coarse(path: Path, times: int = 2) -> Path:
    """4 x 4 cells from 47.5 N to 32.5 N, longitudes across Greenwich, in degrees Celsius."""
    rng = np.random.default_rng(0)
    data = xr.Dataset(
        {"t": (("valid_time", "latitude", "longitude"),
               (7 + rng.normal(0, 2, (times, 4, 4))).astype(np.float32),
               {"units": "degC", "long_name": "temperature"})},
        {"valid_time": np.datetime64("2020-01-01", "ns") + np.arange(times) * HALF_A_DAY,
         "latitude": [47.5, 42.5, 37.5, 32.5], "longitude": [352.5, 357.5, 2.5, 7.5]},
    )  # fmt: skip
    if path.suffix == ".zarr":
        data.to_zarr(path, zarr_format=2, consolidated=False)
    else:
        data.to_netcdf(path, engine="h5netcdf")
    return path


def go(*args: object) -> int:
    return main(["atmos", "downscale", *map(str, args), "--members", "3", "--steps", "6", "-q"])


def test_a_coarse_file_becomes_an_ensemble(tmp_path: Path, prior: None) -> None:
    source, out = coarse(tmp_path / "a.nc"), tmp_path / "b.nc"
    assert go(source, "-o", out, "--factor", FACTOR, "--coarse-std", 0.1) == 0
    with open_raw(out) as fine, open_raw(source) as given:
        assert fine["t"].dims == ("member", "valid_time", "latitude", "longitude")
        assert fine["t"].shape == (3, 2, 16, 16)
        assert fine["t"].attrs == given["t"].attrs  # degC again
        np.testing.assert_allclose(fine["latitude"][:2], [49.375, 48.125])
        np.testing.assert_allclose(fine["longitude"][[0, 7, 8]], [350.625, 359.375, 0.625])
        area = fine["latitude"].copy(data=np.cos(np.deg2rad(fine["latitude"].values)))
        blocks = (fine["t"] * area).coarsen(latitude=4, longitude=4).sum()
        means = blocks.values / (4 * area.coarsen(latitude=4).sum().values[:, None])
        np.testing.assert_allclose(means.mean(0), given["t"], atol=0.3)
        assert fine["t"].std("member").mean() > 0.05
        assert fine["member"].attrs["standard_name"] == "realization"
        assert "made up below the coarse grid" in fine.attrs["history"]
        assert fine["chi"].sizes == {"source": 1, "valid_time": 2}
    (record,) = read(tmp_path / "undrift.jsonl")
    assert record["status"] == "written" and record["task"] == "downscale"
    assert go(source, "-o", out, "--factor", FACTOR, "--coarse-std", 0.1) == 0
    assert read(tmp_path / "undrift.jsonl")[-1] == record  # skipped: nothing was written again


def test_stations_pull_the_field(tmp_path: Path, prior: None) -> None:
    source = coarse(tmp_path / "a.nc")
    table = tmp_path / "s.csv"
    table.write_text("latitude,longitude,time,t\n40.6,-1.9,2020-01-01T12,286\n"
                     "90,0,2020-01-01T12,1\n")  # fmt: skip
    obs = ("--obs", f"stations:{table},std.t=0.3", "--coarse-std", "5")
    page = tmp_path / "page.html"
    asked = ("--time", "2020-01-01T12", "--report", page, *obs)
    assert go(source, "-o", tmp_path / "b.nc", *asked) == 0
    assert "1 sensors on the mean" in page.read_text() and "spectra" in page.read_text()
    with open_raw(tmp_path / "b.nc") as fine:
        assert fine.sizes["valid_time"] == 1
        near = fine["t"].sortby("longitude").sel(latitude=40.6, longitude=358.1, method="nearest")
        assert abs(float(near.mean()) - (286 - 273.15)) < 1.5  # the coarse cell says some 7
        assert fine["source"].values.tolist() == ["coarse", "stations:s.csv"]
        assert np.isfinite(fine["chi"]).all()


def test_a_store_is_done_piece_by_piece_to_the_same_bytes(tmp_path: Path, prior: None) -> None:
    store, file = coarse(tmp_path / "a.zarr", 3), tmp_path / "b.nc"
    assert go(store, "-o", tmp_path / "b.zarr", "--chunk-times", 2) == 0
    (tmp_path / "c").mkdir()
    assert go(store, "-o", tmp_path / "c/d.zarr", "--chunk-tiles", 5) == 0
    assert go(store, "-o", file) == 0
    opened = [open_raw(p) for p in (tmp_path / "b.zarr", tmp_path / "c/d.zarr", file)]
    values = {one["t"].transpose("valid_time", "member", ...).values.tobytes() for one in opened}
    assert len(values) == 1
    assert go(store, "-o", tmp_path / "b.zarr", "--chunk-times", 2) == 0  # skipped, not nested
    assert not (tmp_path / "b.zarr/a.zarr").exists()


def test_a_data_set_comes_back_as_one(tmp_path: Path, prior: None) -> None:
    from undrift.scientific.atmosphere.fields.dataset_call import downscale_dataset

    with open_raw(coarse(tmp_path / "a.nc")) as data:
        result = downscale_dataset(data.load(), members=3, steps=6, item="a.nc")
    assert go(tmp_path / "a.nc", "-o", tmp_path / "b.nc") == 0
    with open_raw(tmp_path / "b.nc") as file:
        for k in range(3):
            np.testing.assert_allclose(result.samples[k]["t"], file["t"][k], atol=1e-5)
        np.testing.assert_allclose(result.std["t"], file["t"].std("member", ddof=1), atol=1e-4)
    assert result.value["t"].dims == ("valid_time", "latitude", "longitude")
    assert result.value["t"].attrs["units"] == "degC" and set(result.info["chi"]) == {"coarse"}
    result.save(tmp_path / "c.nc")
    with open_raw(tmp_path / "c.nc") as mean:
        np.testing.assert_allclose(mean["t"], result.value["t"], atol=1e-6)


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (["--obs", "igra:none.txt,std.t=1"], 3, "no such file"),
        (["--obs", "stations:x.csv"], 2, "says no error"),
        (["--time", "2020-01-01T06"], 4, "nearest is 2020-01-01T00"),
        (["--units", "t"], 2, "expected NAME=UNIT"),
        (["--units", "t=Pa"], 4, "units 'Pa' for air_temperature"),
        (["--scheduler", "tcp://127.0.0.1:9", "--workers", "2"], 2, "exclude each other"),
    ],
)
def test_what_is_wrong_is_told(
    args: list[str], code: int, told: str, tmp_path: Path, prior: None,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    coarse(Path("a.nc"))
    assert go("a.nc", "-o", "b.nc", *args) == code
    assert told in capsys.readouterr().err
    assert not Path("b.nc").exists()


def test_units_that_are_missing_are_asked_for(
    tmp_path: Path, prior: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_raw(coarse(tmp_path / "a.nc")) as data:
        bare = data.load().drop_attrs()
    bare.to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
    assert go(tmp_path / "b.nc", "-o", tmp_path / "c.nc") == 4
    assert "t: no units; expected K" in capsys.readouterr().err
    assert go(tmp_path / "b.nc", "-o", tmp_path / "c.nc", "--units", "t=degC") == 0


def test_simulated_states_with_their_coarse_means_and_stations(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["atmos", "simulate", "--seed", "200003", "--n", "16", "--states", "2"]
    args += ["--spin-up", "1", "--apart", "0.5"]
    assert main([*args, "-o", str(tmp_path / "a.nc"), "--factor", "4", "--stations", "5",
                 "--json"]) == 0  # fmt: skip
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [Path(r["file"]).name for r in lines] == ["a.nc", "a.coarse-x4.nc", "a.stations.csv"]
    with open_raw(tmp_path / "a.nc") as fine, open_raw(tmp_path / "a.coarse-x4.nc") as given:
        assert "synthetic" in fine.attrs["source"] and "200003" in fine.attrs["source"]
        told = {"standard_name": "air_temperature", "units": "K", "pressure_hPa": 850.0}
        assert fine["t850"].attrs == told
        means = fine["u850"].values.reshape(2, 4, 4, 4, 4).mean((2, 4))
        np.testing.assert_allclose(given["u850"], means, rtol=1e-5)
    rows = (tmp_path / "a.stations.csv").read_text().splitlines()
    assert rows[0] == "row,column,time,t850,u850,v850" and len(rows) == 1 + 2 * 5
    assert main([*args, "-o", str(tmp_path / "a.nc")]) == 3  # there already
    assert main([*args, "-o", str(tmp_path / "b.zarr")]) == 0
    with open_raw(tmp_path / "b.zarr") as again, open_raw(tmp_path / "a.nc") as fine:
        np.testing.assert_array_equal(again["v850"], fine["v850"])
    capsys.readouterr()
    assert main([*args, "-o", str(tmp_path / "c.nc"), "--channels", "t,u205"]) == 2
    assert "did you mean 'u250'" in capsys.readouterr().err
