"""Series in and out: what was known stays letter for letter, what is odd is told."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner

from undrift.common.errors import InputError, UsageError
from undrift.scientific.atmosphere.series.cli import impute as command
from undrift.scientific.atmosphere.series.tables import open_series
from undrift.scientific.atmosphere.series.task import anomalies, impute

HOUR = np.timedelta64(3600, "s")
QUICK: dict[str, Any] = {"iterations": 3, "steps": 2, "samples": 2}


def _values(length: int = 120) -> np.ndarray:
    t = np.arange(length)
    noise = np.random.default_rng(0).normal(size=(length, 2)) * 0.1
    out = np.stack([np.sin(t / 5), np.cos(t / 5)], 1) + noise
    out[40:45, 0] = out[90, 1] = np.nan
    return out


def _table(folder: Path, name: str = "in.csv") -> Path:
    lines = ['time,t2m,"wind, 10 m"']
    for n, (a, b) in enumerate(_values()):
        when = np.datetime64("2024-01-31T22:00") + np.timedelta64(n, "h")
        lines.append(
            f"{when},{'' if np.isnan(a) else f'{a:.3f}'},{'NaN' if np.isnan(b) else f'{b:.2f}'}"
        )
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder / name


def test_known_cells_of_a_table_stay_letter_for_letter(tmp_path: Path):
    path = _table(tmp_path)
    result = impute(path, **QUICK)
    result.save(tmp_path / "out.csv")
    before, after = (p.read_text().splitlines() for p in (path, tmp_path / "out.csv"))
    changed = [n for n, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]]
    assert changed == [*range(41, 46), 91]
    filled = after[41].split(",")
    assert filled[0] == before[41].split(",")[0] and filled[2] == before[41].split(",")[2]
    assert len(filled[1].partition(".")[2]) == 3
    std = (tmp_path / "out.std.csv").read_text().splitlines()
    assert float(std[1].split(",")[1]) == 0 < float(std[43].split(",")[1])
    assert result.info["gaps"] == 6 and len(result.samples) == 2


def test_arrays_and_seeds():
    values = _values()
    once, again = (impute(values, seed=1, **QUICK).value for _ in range(2))
    assert np.array_equal(once, again) and not np.isnan(once).any()
    assert np.array_equal(once[~np.isnan(values)], values[~np.isnan(values)])
    other = impute(values, seed=2, **QUICK)
    assert not np.array_equal(other.value, once)
    assert (other.std[~np.isnan(values)] == 0).all() and (other.std[np.isnan(values)] > 0).all()


def test_netcdf_keeps_attributes_and_other_variables(tmp_path: Path):
    values = _values().astype("float32")
    data = xr.Dataset(
        {
            "t2m": (("station", "time"), values.T, {"units": "K"}),
            "height": ("station", [3.0, 9.0]),
        },
        coords={"time": np.datetime64("2024-01-01", "ns") + np.arange(120) * HOUR},
        attrs={"title": "made up"},
    )  # fmt: skip
    data.to_netcdf(tmp_path / "in.nc", engine="h5netcdf")
    impute(tmp_path / "in.nc", **QUICK).save(tmp_path / "out.nc")
    with xr.open_dataset(tmp_path / "out.nc", engine="h5netcdf") as out:
        gaps = np.isnan(values.T)
        assert out.t2m.dims == ("station", "time") and out.t2m.dtype == np.float32
        assert np.array_equal(out.t2m.values[~gaps], values.T[~gaps])
        assert np.isfinite(out.t2m.values).all() and out.t2m.attrs["units"] == "K"
        assert out.t2m.attrs["ancillary_variables"] == "t2m_std"
        assert np.array_equal(out.t2m_std.values > 0, gaps)
        assert out.height.values.tolist() == [3, 9] and out.attrs["title"] == "made up"
        assert out.attrs["history"].startswith("undrift impute: 6 gaps")
    array = data.t2m
    xr.testing.assert_identical(impute(array, **QUICK).value.where(~np.isnan(array)), array.copy())


def test_the_command(tmp_path: Path):
    path = _table(tmp_path)
    out, flags = tmp_path / "out.csv", tmp_path / "flags.csv"
    words = [str(path), "-o", str(out), "--anomalies", str(flags), "--json"]
    words += ["--iterations", "3", "--steps", "2", "--samples", "2"]
    done = CliRunner().invoke(command, words)
    assert done.exit_code == 0, done.output
    records = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert records[0]["gaps"] == 6 and records[1]["file"] == str(flags)
    lines = flags.read_text().splitlines()
    assert lines[0] == 'time,score,votes,anomalous,t2m,"wind, 10 m"' and len(lines) == 121
    assert lines[42].split(",")[4] == ""  # nothing to judge in a gap
    again = CliRunner().invoke(command, words)
    assert isinstance(again.exception, InputError) and "--overwrite" in str(again.exception)
    same = CliRunner().invoke(command, [str(path), "-o", str(path), "--overwrite"])
    assert isinstance(same.exception, InputError) and "is the input" in str(same.exception)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time,a\n0,1\n1,x\n", r"'a' in row 2 is 'x'; expected a number"),
        ("time,a\n0,1\n1\n", "line 3 has 1 cells, the header 2"),
        ("time,a\n0,1\n1,2\n3,4\n4,5\n", "the step of time changes after row 2"),
        ("time,a\nmonday,1\n", "the first column is no time"),
        ("time,a\n", "expected a header and columns"),
        ("time,a\n0,1\n1,2\n", "2 steps of time to fit|1 steps of time to fit"),
    ],
)
def test_odd_tables_are_told(tmp_path: Path, text: str, message: str):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        impute(tmp_path / "a.csv", **QUICK)


def test_odd_series_are_told(tmp_path: Path):
    values = _values()
    values[:, 1] = np.nan
    with pytest.raises(InputError, match=r"sensors \[1\] have no value"):
        impute(values, **QUICK)
    values[:, 1] = 2.0
    with pytest.raises(InputError, match=r"sensors \[1\] have one value"):
        impute(values, **QUICK)
    with pytest.raises(UsageError, match="mode 'both'"):
        impute(_values(), mode="both", **QUICK)
    with pytest.raises(UsageError, match="samples 1"):
        impute(_values(), samples=1)
    with pytest.raises(UsageError, match="quantile"):
        anomalies(_values(), quantile=2)
    with pytest.raises(InputError, match="unknown suffix"):
        open_series(tmp_path / "a.xls")
    with pytest.raises(InputError, match="expected floats"):
        open_series(np.ones(5, int))


def test_anomalies_by_the_task():
    found = anomalies(_values(), iterations=3, steps=4, samples=2)
    assert found.score.shape == (120,) and np.isnan(found.cells[42, 0])
    assert np.isfinite(found.score).all() and set(found.votes) <= {0, 0.5, 1}
    held = found.score[-24:]
    assert (held > found.threshold).sum() <= 1  # a quantile of the held-out scores
