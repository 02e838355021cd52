"""Papers on fields: stores and files of the published layout, made here; runs on them."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from paper_task import task

from undrift.cli import main
from undrift.common.errors import InputError
from undrift.common.reproduce.papers import find_paper
from undrift.scientific.atmosphere.cwa import open_cwa
from undrift.scientific.atmosphere.datasets import AtmosphereData
from undrift.scientific.papers import corrdiff_smoke, multimodal_smoke
from undrift.scientific.papers.corrdiff import COLUMNS, CORRDIFF, REGRESSION
from undrift.scientific.papers.corrdiff_runs import tables as samples
from undrift.scientific.papers.multimodal_runs import tables as members


def store(path: Path) -> dict[str, np.ndarray]:
    """Five times, of which the second is not valid and the last two lie in 2021."""
    rng = np.random.default_rng(0)
    hours = ["2019-06-01T00", "2020-01-01T00", "2020-01-01T01", "2021-02-02T00", "2021-02-02T01"]
    grid, arrays = ("south_north", "west_east"), {}
    for kind in ("cwb", "era5"):
        axis = f"{kind}_channel"
        values = rng.random((5, 20, 6, 6)).astype(np.float32)
        valid = np.ones((5, 20), bool)
        valid[1, 3] = kind == "cwb"
        arrays |= {
            kind: (("time", axis, *grid), values),
            f"{kind}_center": ((axis,), rng.random(20).astype(np.float32)),
            f"{kind}_scale": ((axis,), 1 + rng.random(20).astype(np.float32)),
            f"{kind}_variable": ((axis,), np.array([f"{kind} {k}" for k in range(20)])),
            f"{kind}_valid": (("time",), valid[:, 3]) if kind == "cwb" else (("time", axis), valid),
        }  # fmt: skip
    xr.Dataset(arrays, {"time": np.array(hours, "M8[ns]")}).to_zarr(
        path, zarr_format=2, consolidated=True
    )
    return {name: parts[1] for name, parts in arrays.items()}


@pytest.mark.parametrize("name", ["multimodal-sr", "corrdiff"])
def test_descriptions_say_what_is_missing(
    name: str, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paper = find_paper(name)
    assert paper.domain == "scientific"
    assert not paper.whole
    assert main(["reproduce", "show", name]) == 0
    assert "missing" in capsys.readouterr().out
    assert main(["cite", paper.citation]) == 0


def test_pairs_over_taiwan(tmp_path: Path) -> None:
    given = store(tmp_path / "cwa.zarr")
    train, test = (open_cwa(tmp_path / "cwa.zarr", split, side=4) for split in ("train", "test"))
    assert train.times.tolist() == [0, 2]
    assert test.times.tolist() == [3, 4]
    assert train.names == ["cwb 0", "cwb 17", "cwb 18", "cwb 19"]
    fine, coarse = test[0]
    assert fine.shape == (4, 4, 4)
    assert coarse.shape == (12, 4, 4)
    law = given["cwb_center"][17], given["cwb_scale"][17]
    np.testing.assert_allclose(fine[1], (given["cwb"][3, 17, :4, :4] - law[0]) / law[1], rtol=1e-5)
    np.testing.assert_allclose(
        test.physical(fine), given["cwb"][3, [0, 17, 18, 19], :4, :4], rtol=1e-5
    )
    law = given["era5_center"][9], given["era5_scale"][9]
    np.testing.assert_allclose(
        coarse[5], (given["era5"][3, 9, :4, :4] - law[0]) / law[1], rtol=1e-5, atol=1e-6
    )
    with pytest.raises(InputError, match="not one of them"):
        open_cwa(tmp_path / "cwa.zarr", "test", fine=(20,))
    with pytest.raises(InputError, match="cannot be opened"):
        open_cwa(tmp_path / "none.zarr", "test")
    xr.Dataset({"cwb": ("time", [1.0])}).to_zarr(tmp_path / "other.zarr", zarr_format=2)
    with pytest.raises(InputError, match="era5"):
        open_cwa(tmp_path / "other.zarr", "test")


def write_samples(path: Path, off: tuple[float, ...]) -> None:
    """Truth 0 at three times of 4 x 5 points; a member for each number, that far off."""
    path.parent.mkdir(parents=True, exist_ok=True)
    truth = np.zeros((3, 4, 5), np.float32)
    made = truth + np.array(off, np.float32)[:, None, None, None]
    xr.Dataset({"lat": (("y", "x"), truth[0])}).to_netcdf(path, engine="h5netcdf")
    axes = ("time", "y", "x")
    for group, dims, array in (("truth", axes, truth), ("prediction", ("ensemble", *axes), made)):
        data = xr.Dataset({name: (dims, array) for name in COLUMNS.values()})
        data.to_netcdf(path, mode="a", group=group, engine="h5netcdf")


def test_what_the_authors_program_writes_is_scored(cache: Path) -> None:
    folder = cache / "papers/corrdiff/taiwan"
    write_samples(folder / "regression.nc", (0.25,))
    write_samples(folder / "corrdiff.nc", (1.0, -3.0, 0.0))
    found = {(m.row, m.column): m.value for m in samples(task(cache, "taiwan"))}
    assert {column for _, column in found} == set(COLUMNS)
    # mean |x| = 4/3; the six ordered pairs lie 4, 1 and 3 apart, twice each: 16 / (2 * 9)
    assert found[CORRDIFF, "t2m"] == pytest.approx(4 / 3 - 16 / 18)
    assert found[REGRESSION, "radar"] == pytest.approx(0.25)
    spread = {m.column: m.value for m in samples(task(cache, "spread"))}
    # variance 13/3 with M - 1, the mean is 2/3 off
    assert spread["u10m"] == pytest.approx(np.sqrt(13 / 3 * 4 / 3 / (4 / 9)))
    write_samples(folder / "corrdiff.nc", (1.0,))
    assert dict.fromkeys(found) == dict.fromkeys(
        (m.row, m.column) for m in samples(task(cache, "taiwan"))
    )
    (folder / "corrdiff.nc").unlink()
    with pytest.raises(InputError, match="is missing"):
        list(samples(task(cache, "taiwan")))


def test_exact_parts_of_the_smoke_runs(tmp_path: Path) -> None:
    for paper, found in (
        ("corrdiff", corrdiff_smoke._fixed(tmp_path / "fixed.nc")),
        ("multimodal-sr", multimodal_smoke._one_cell()),
    ):
        table = find_paper(paper).of("smoke")[0]
        figures = [(table.figure(m.row, m.column), m.value) for m in found]
        assert figures
        assert all(figure and figure.met(value) for figure, value in figures)


def fields(path: Path, values: np.ndarray, **more: object) -> None:
    """(time, latitude, longitude) of t at 850 hPa, in K, as ERA5's pressure levels come."""
    axes = ("valid_time", "pressure_level", "latitude", "longitude")
    lead = tuple(more)
    data = xr.Dataset(
        {"t": ((*lead, *axes), values[..., None, :, :], {"units": "K"})},
        {
            **more,
            "valid_time": np.array(["2020-01-01T00"], "M8[ns]"),
            "pressure_level": ("pressure_level", [850.0], {"units": "hPa"}),
            "latitude": ("latitude", 50.0 - np.arange(5), {"units": "degrees_north"}),
            "longitude": ("longitude", 10.0 + np.arange(6), {"units": "degrees_east"}),
        },
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    data.to_netcdf(path, engine="h5netcdf")


def test_members_are_scored_against_fields_and_ascents(cache: Path) -> None:
    rng = np.random.default_rng(2)
    truth = 280 + rng.random((1, 5, 6))
    fields(cache / "papers/era5/a.nc", truth)
    made = np.stack([truth + 1, truth - 1, truth + 3])
    fields(cache / "papers/multimodal-sr/members/a.nc", made, member=[0, 1, 2])
    found = {m.column: m.value for m in members(task(cache, "era5"))}
    assert found["RMSE"] == pytest.approx(1)  # the mean of the members is 1 off
    # mean |x| = 5/3; pairs lie 2, 2 and 4 apart; fair: 16 / (2 * 6)
    assert found["CRPS"] == pytest.approx(5 / 3 - 16 / 12)
    stations = cache / "papers/igra"
    # ascents say 2 K more than the truth at two grid points
    values = np.array([[truth[0, 1, 2] + 2, truth[0, 3, 4] + 2], [3.0, 4], [4.0, -3]])
    multimodal_smoke.write_ascents(stations, values, np.array([[49.0, 12.0], [47.0, 14.0]]))
    (m,) = members(task(cache, "igra"))
    assert (m.row, m.column) == ("t", "RMSE")
    assert m.value == pytest.approx(1, abs=0.06)  # tenths of a kelvin in the file


def test_ascents_go_through_the_columns_of_igra(tmp_path: Path) -> None:
    values = np.array([[281.46, 270.0], [3.0, -4.0], [-4.0, 3.0]])
    multimodal_smoke.write_ascents(tmp_path, values, np.array([[49.5, 12.25], [-0.0312, -7.0]]))
    data = AtmosphereData("igra", tmp_path, view="text")
    found = [sounding for item in data for sounding in item.soundings()]
    assert [s.latitude for s in found] == [49.5, -0.0312]
    assert [s.longitude for s in found] == [12.25, -7.0]
    assert found[0].time == datetime(2020, 1, 1)
    assert found[0].pressure.tolist() == [85000]
    for k, sounding in enumerate(found):
        assert sounding.temperature[0] == pytest.approx(values[0, k], abs=0.06)
        assert sounding.eastward_wind[0] == pytest.approx(values[1, k], abs=0.1)
        assert sounding.northward_wind[0] == pytest.approx(values[2, k], abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["multimodal-sr", "corrdiff"])
def test_smoke_runs_meet_their_tables(name: str, tmp_path: Path) -> None:
    assert main(["reproduce", "run", name, "--smoke", "--check", "-o", str(tmp_path),
                 "--device", "cpu"]) == 0  # fmt: skip
