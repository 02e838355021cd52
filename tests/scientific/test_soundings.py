"""IGRA files: a sample with every trap against its values in SI units, and levels in between."""

import zipfile
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from undrift.common.errors import InputError
from undrift.scientific.atmosphere.soundings import Sounding, read_igra

HERE = Path(__file__).parents[1] / "reference" / "scientific"
SAMPLE = HERE / "igra_sample.txt"
GIVEN = np.load(HERE / "igra_expected.npz")


def _joined(name: str) -> np.ndarray:
    return np.concatenate([np.asarray(getattr(one, name)) for one in read_igra(SAMPLE)])


@pytest.mark.parametrize(
    ("ours", "theirs", "shift"),
    [
        ("pressure", "pressure_pa", 0.0),
        ("height", "gph_m", 0.0),
        ("temperature", "temp_c", 273.15),
        ("relative_humidity", "rh_pct", 0.0),
        ("dewpoint_depression", "dpdp_c", 0.0),
        ("wind_direction", "wdir", 0.0),
        ("wind_speed", "wspd", 0.0),
        ("elapsed", "etime_s", 0.0),
        ("level_type", "lvltyp1", 0.0),
        ("level_kind", "lvltyp2", 0.0),
        ("eastward_wind", "u", 0.0),
        ("northward_wind", "v", 0.0),
    ],
)
def test_values_are_those_of_the_sample(ours: str, theirs: str, shift: float):
    assert np.allclose(_joined(ours), GIVEN[theirs] + shift, atol=1e-9, rtol=0, equal_nan=True)


def test_headers_with_missing_hours_and_places_near_zero():
    first, second, third = read_igra(SAMPLE)
    places = [(one.latitude, one.longitude) for one in (first, second, third)]
    assert np.allclose(places, np.stack([GIVEN["lat"], GIVEN["lon"]], 1), atol=1e-12)
    assert first.time == datetime(2019, 7, 4, 12) and first.release == 11 * 60 + 31
    assert second.time is None and second.date == "2019-07-05" and second.release == 5
    assert third.time == datetime(2019, 7, 5, 0) and third.release is None
    assert [len(one.pressure) for one in (first, second, third)] == GIVEN["numlev"].tolist()
    assert first.flags["pressure"].tolist() == ["B", "", "", "", "", ""]
    assert first.flags["height"].tolist()[:3] == ["A", "B", "B"]


def test_a_zipped_file_is_the_same(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.write(SAMPLE, "XXM00000001-data.txt")
    assert [one.station for one in read_igra(tmp_path / "x.zip")] == [
        one.station for one in read_igra(SAMPLE)
    ]


def _isothermal() -> Sounding:
    first = read_igra(SAMPLE)[0]
    pressure = np.array([1e5, 7e4, 5e4, 1e4])
    line = 3.0 * np.log(pressure) + 250
    nothing, zeros = np.full(4, np.nan), np.zeros(4, np.int64)
    return Sounding(
        first.station, first.time, 0.0, 0.0, None, pressure, nothing, line, nothing, nothing,
        nothing, nothing, nothing, zeros, zeros,
    )  # fmt: skip


def test_between_levels_values_are_linear_in_the_logarithm_of_pressure():
    wanted = np.array([8.5e4, 6e4, 7e4])
    assert np.allclose(_isothermal().at(wanted, "temperature"), 3 * np.log(wanted) + 250)


def test_no_value_beyond_the_ends_and_across_a_gap():
    found = _isothermal().at([1.01e5, 3e4, 9e3, 1e4], "temperature")
    assert np.isnan(found[:3]).all()
    assert found[3] == pytest.approx(3 * np.log(1e4) + 250)  # a level itself needs no neighbour
    assert np.isfinite(_isothermal().at([3e4], "temperature", gap=2.0)).all()
    assert np.isnan(_isothermal().at([7e4], "eastward_wind")).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[: text.rindex("10   600")], "2 levels announced, 1 follow"),
        (lambda text: "hello\n" + text, "line 1: expected a header"),
        (lambda text: text.replace(" 84500B", " 84x00B"), "line 2: expected an integer in columns"),
        (lambda text: text.replace("2019 07 04", "2019 17 04"), "line 1: no date"),
        (lambda text: "", "holds no sounding"),
    ],
)
def test_what_is_no_such_file_is_told_with_its_line(tmp_path: Path, change, message: str):
    path = tmp_path / "bad.txt"
    path.write_text(change(SAMPLE.read_text()))
    with pytest.raises(InputError, match=message):
        read_igra(path)
