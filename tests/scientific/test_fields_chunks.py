"""A series in Zarr, piece by piece: the same bytes for any chunks, workers, deaths and stops."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from clusters import Noisy, cluster

from undrift.common import cluster as module
from undrift.common.errors import InputError, PartialFailure, UsageError
from undrift.common.noise import Noise
from undrift.scientific.atmosphere.fields.chunks import Series, process
from undrift.scientific.atmosphere.fields.files import open_raw


def year(path: Path, times: int, chunk: int, rows: int = 4) -> Path:
    """Coarse fields, a time every six hours, latitudes from north to south, packed to int16."""
    values = 280 + np.random.default_rng(1).normal(0, 5, (times, 4, 8)).astype(np.float32)
    data = xr.Dataset(
        {"t2m": (("time", "latitude", "longitude"), values, {"units": "K"})},
        coords={
            "time": np.datetime64("2021-01-01", "ns") + np.arange(times) * np.timedelta64(6, "h"),
            "latitude": ("latitude", [67.5, 22.5, -22.5, -67.5], {"units": "degrees_north"}),
            "longitude": ("longitude", np.arange(0, 360, 45.0), {"units": "degrees_east"}),
        },
        attrs={"history": "made up"},
    )  # fmt: skip
    packing = {"dtype": "i2", "scale_factor": 0.001, "add_offset": 280.0, "_FillValue": -32767}
    encoding = {"t2m": {**packing, "chunks": (chunk, rows, 8)}}
    data.to_zarr(path, zarr_format=2, consolidated=False, encoding=encoding)
    return path


def values(store: Path) -> bytes:
    with open_raw(store) as data:
        return data["t2m"].values.tobytes()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with cluster(2) as found:
        yield found


def test_one_process_writes_what_the_step_says(tmp_path: Path) -> None:
    source = year(tmp_path / "a.zarr", 5, 5)
    told = process(Series(source, Noisy(3), times=2, history="a test"), tmp_path / "b.zarr")
    assert told == {"pieces": 3, "pieces_done_before": 0}
    assert {p.name for p in tmp_path.iterdir()} == {"a.zarr", "b.zarr"}
    with open_raw(tmp_path / "b.zarr") as data, open_raw(source) as coarse:
        assert data["t2m"].dims == ("member", "time", "latitude", "longitude")
        assert (data["time"] == coarse["time"]).all()
        assert data["t2m"].encoding["preferred_chunks"]["time"] == 2
        np.testing.assert_allclose(data["latitude"][:3], [78.75, 56.25, 33.75])
        np.testing.assert_allclose(data["longitude"][[0, -1]], [11.25, 348.75])
        assert data.attrs["history"].endswith("a test\nmade up")
        parts = np.kron(coarse["t2m"].values[3], np.ones((2, 2)))  # begins at 348.75
        drawn = Noise(3, "2021-01-01T18:00:00", 1)((1, 1, 8, 16))[0, 0].numpy()
        drawn = np.roll(drawn[::-1], -9, 1)  # inside, from south to north and from -191.25
        found = data["t2m"].isel(member=1, time=3).values
        np.testing.assert_allclose(found, np.roll(parts, -1, 1) + 0.1 * drawn, atol=1e-4)


@pytest.mark.parametrize(("chunk", "rows", "times", "tiles"), [(1, 4, 5, None), (5, 2, 1, 3)])
def test_chunks_change_no_bit(
    tmp_path: Path, chunk: int, rows: int, times: int, tiles: int | None
) -> None:
    first, second = year(tmp_path / "a.zarr", 5, 2), year(tmp_path / "c.zarr", 5, chunk, rows)
    process(Series(first, Noisy()), tmp_path / "b.zarr")
    process(Series(second, Noisy(), times, tiles), tmp_path / "d.zarr")
    assert values(tmp_path / "b.zarr") == values(tmp_path / "d.zarr")


def test_a_worker_killed_in_the_middle_loses_nothing(tmp_path: Path, address: str) -> None:
    source, alone, spread = (
        year(tmp_path / "a.zarr", 8, 3),
        tmp_path / "b.zarr",
        tmp_path / "c.zarr",
    )
    process(Series(source, Noisy(1)), alone)
    doomed = Noisy(1, deadly="2021-01-01T18:00:00", mark=str(tmp_path / "died"))
    told = process(Series(source, doomed), spread, address)
    assert (tmp_path / "died").exists() and told["pieces"] == 8
    stored = [
        {p.relative_to(s).as_posix(): p.read_bytes() for p in s.rglob("*") if p.is_file()
         and p.name not in (".zattrs",)} for s in (alone, spread)
    ]  # fmt: skip
    assert stored[0] == stored[1] and len(stored[0]) > 16


@pytest.mark.slow
def test_a_year_on_two_workers_is_that_of_one_process(tmp_path: Path, address: str) -> None:
    source, alone, spread = year(tmp_path / "a.zarr", 1460, 100), tmp_path / "b", tmp_path / "c"
    doomed = Noisy(1, deadly="2021-06-01T00:00:00", mark=str(tmp_path / "died"))
    process(Series(source, Noisy(1), times=20), alone.with_suffix(".zarr"))
    process(Series(source, doomed, times=30), spread.with_suffix(".zarr"), address)
    assert (tmp_path / "died").exists()
    assert values(alone.with_suffix(".zarr")) == values(spread.with_suffix(".zarr"))


def test_the_same_command_goes_on_where_it_stopped(tmp_path: Path) -> None:
    source, target = year(tmp_path / "a.zarr", 4, 4), tmp_path / "b.zarr"
    series = Series(source, Noisy(broken="2021-01-01T12:00:00"))
    with pytest.raises(PartialFailure, match=r"1 of 4 pieces .*\(times 2 to 2\).*no such thing"):
        process(series, target)
    assert not target.exists()
    mended = replace(series, step=Repeated(Noisy(), repr(series.step)))
    assert process(mended, target) == {"pieces": 4, "pieces_done_before": 3}
    process(Series(source, Noisy()), tmp_path / "c.zarr")
    assert values(target) == values(tmp_path / "c.zarr")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zarr", "b.zarr", "c.zarr"]


class Repeated:
    """A step under the name of another."""

    def __init__(self, step: Noisy, name: str) -> None:
        self.step, self.name = step, name

    def __call__(self, data: xr.Dataset, key: str) -> xr.Dataset:
        return self.step(data, key)

    def __repr__(self) -> str:
        return self.name


def test_other_settings_begin_anew(tmp_path: Path) -> None:
    source, target = year(tmp_path / "a.zarr", 3, 3), tmp_path / "b.zarr"
    with pytest.raises(PartialFailure):
        process(Series(source, Noisy(broken="2021-01-01T06:00:00")), target)
    assert process(Series(source, Noisy(7)), target)["pieces_done_before"] == 0
    process(Series(source, Noisy(7)), tmp_path / "c.zarr")
    assert values(target) == values(tmp_path / "c.zarr")


def test_what_cannot_be_a_series(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = year(tmp_path / "a.zarr", 2, 2)
    monkeypatch.setattr(module, "_SECONDS", "0.5s")
    with pytest.raises(UsageError, match="no scheduler answers"):
        process(Series(source, Noisy()), tmp_path / "b.zarr", "tcp://127.0.0.1:9")
    with open_raw(source) as data:
        data.isel(time=0, drop=True).to_netcdf(tmp_path / "c.nc", engine="h5netcdf")
    with pytest.raises(InputError, match="has no times"):
        process(Series(tmp_path / "c.nc", Noisy()), tmp_path / "b.zarr")
    (tmp_path / "a.zarr/t2m/0.0.0").write_bytes(b"cut")
    with pytest.raises(InputError, match=r"a\.zarr: cannot be read"):
        process(Series(source, Noisy()), tmp_path / "d.zarr")
    assert not (tmp_path / "d.zarr").exists()
