"""`undrift evaluate` on files of fields: the library's scores by variable, and faults told."""

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from undrift.cli import main
from undrift.common.errors import InputError, UsageError
from undrift.common.metrics.ensembles import crps, spread_skill
from undrift.scientific.atmosphere.verification.files import evaluate

LAT, LON = np.linspace(82.5, -82.5, 12), np.arange(0, 360, 22.5)


def write(path: Path, values: np.ndarray, units: str = "K", **changes: object) -> Path:
    """(member,) time, latitude, longitude; members as ERA5 calls them."""
    dims = ("number", "time", "latitude", "longitude")[-values.ndim :]
    coords = {
        "time": np.datetime64("2020-01-01", "ns") + np.arange(2) * np.timedelta64(1, "D"),
        "latitude": LAT, "longitude": LON, **changes,
    }  # fmt: skip
    data = xr.Dataset({"t2m": (dims, values, {"units": units})}, coords)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".zarr":
        data.to_zarr(path, zarr_format=2, consolidated=False)
    else:
        data.to_netcdf(path, engine="h5netcdf")
    return path


@pytest.fixture
def drawn() -> tuple[np.ndarray, np.ndarray]:
    """Members (6, 2, 12, 16) and a truth of the same law."""
    rng = np.random.default_rng(5)
    signal = 280 + 5 * rng.standard_normal((2, 12, 16))
    return signal + rng.standard_normal((6, 2, 12, 16)), signal + rng.standard_normal((2, 12, 16))


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_scores_are_those_of_the_library(
    tmp_path: Path, drawn: tuple[np.ndarray, np.ndarray], suffix: str
) -> None:
    members, truth = drawn
    first = write(tmp_path / f"a{suffix}", members)
    table, _ = evaluate(first, write(tmp_path / f"b{suffix}", truth), resamples=100)
    assert table.conditions == ["t2m"]
    (entry,) = table.scores
    weights = np.sin(np.deg2rad(LAT + 7.5)) - np.sin(np.deg2rad(LAT - 7.5))
    weights = np.broadcast_to((weights / weights.mean())[:, None], truth.shape)
    expected = {
        "rmse": np.sqrt(np.average((members.mean(0) - truth) ** 2, weights=weights)),
        "mae": np.average(np.abs(members.mean(0) - truth), weights=weights),
        "bias": np.average(members.mean(0) - truth, weights=weights),
        "crps": np.average(crps(truth, members), weights=weights),
        "ssr": spread_skill(truth, members, weights=weights),
    }
    for name, value in expected.items():
        assert entry.scores[name] == pytest.approx(value, rel=1e-6), name
    assert 0.7 < entry.scores["ssr"] < 1.3 and entry.scores["rank"] < 0.15
    assert set(table.metrics) == {*expected, "rank", "spectrum", "fss"}


def test_a_perfect_field_and_a_smooth_one(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    truth = 280 + rng.standard_normal((2, 12, 16))
    smooth = (truth + np.roll(truth, 1, -1) + np.roll(truth, 1, -2)) / 3
    for name, values in (("truth", truth), ("same", truth), ("smooth", smooth)):
        write(tmp_path / f"{name}.nc", values)
    same = evaluate(tmp_path / "same.nc", tmp_path / "truth.nc")[0].scores[0].scores
    wrong = evaluate(tmp_path / "smooth.nc", tmp_path / "truth.nc")[0].scores[0].scores
    assert "crps" not in same  # one member is no ensemble
    assert same["rmse"] == same["spectrum"] == 0 and same["fss"] == pytest.approx(1)
    assert wrong["spectrum"] > 2 and wrong["fss"] < 0.9


def test_the_command_scores_folders_by_variable(
    tmp_path: Path, drawn: tuple[np.ndarray, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    for day in ("1", "2"):
        write(tmp_path / "out" / f"{day}.nc", drawn[0])
        write(tmp_path / "ref" / f"{day}.nc", drawn[1], longitude=LON)
    args = ["evaluate", str(tmp_path / "out"), "--ref", str(tmp_path / "ref"), "--json"]
    assert main([*args, "--metrics", "crps,ssr,rank,spectrum,fss"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    items = [r for r in records if r["record"] == "item"]
    assert [(r["item"], r["setting"]) for r in items] == [("1.nc", "t2m"), ("2.nc", "t2m")]
    assert set(items[0]["scores"]) == {"crps", "ssr", "rank", "spectrum", "fss"}
    assert main([*args, "--metrics", "crsp"]) == 2
    assert "did you mean 'crps'" in capsys.readouterr().err
    assert main([*args, "--crop-border", "4"]) == 2


def test_orders_of_axes_do_not_matter(tmp_path: Path, drawn: tuple[np.ndarray, np.ndarray]) -> None:
    plain = evaluate(write(tmp_path / "a.nc", drawn[0]), write(tmp_path / "b.nc", drawn[1]))[0]
    turned = np.roll(drawn[1][:, ::-1], 8, -1)
    other = write(tmp_path / "c.nc", turned, latitude=LAT[::-1], longitude=LON - 180)
    assert evaluate(tmp_path / "a.nc", other)[0].scores[0].scores == plain.scores[0].scores


def test_faults_are_told(tmp_path: Path, drawn: tuple[np.ndarray, np.ndarray]) -> None:
    members, truth = drawn
    right = write(tmp_path / "b.nc", truth)

    def problem(first: Path, metrics: tuple[str, ...] | None = None) -> str:
        (entry,) = evaluate(first, right, metrics=metrics)[0].scores
        return str(entry.error)

    alone = write(tmp_path / "a.nc", members[0])
    assert "has no dimension of members (member, number" in problem(alone, ("crps", "ssr"))
    assert "units 'degC' and 'K'" in problem(write(tmp_path / "c.nc", truth, units="degC"))
    shifted = write(tmp_path / "d.nc", truth, latitude=LAT + 1)
    assert "other latitudes" in problem(shifted)
    times = xr.date_range("2020-01-01", periods=2, calendar="noleap", use_cftime=True)
    assert "calendar 'noleap'" in problem(write(tmp_path / "e.nc", truth, time=times))
    cut = tmp_path / "f.nc"
    cut.write_bytes(right.read_bytes()[:4000])
    assert "f.nc: cannot be read" in problem(cut)
    with pytest.raises(UsageError, match="no metric"):
        evaluate(alone, right, metrics=("psnr",))
    with pytest.raises(InputError, match="no such file"):
        evaluate(tmp_path / "none.nc", right)
