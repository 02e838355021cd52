"""GRIB written by eccodes, message by message, and read as fields; skipped without the extra."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from undrift.common.errors import InputError
from undrift.scientific.atmosphere.fields.files import open_fields, open_raw
from undrift.scientific.atmosphere.fields.write import save_fields

eccodes: Any = pytest.importorskip("eccodes", reason="the extra grib is not installed")
pytest.importorskip("cfgrib", reason="the extra grib is not installed")

ROWS, COLUMNS = 5, 8
WRITTEN = (
    ("t", "isobaricInhPa", 500),
    ("t", "isobaricInhPa", 850),
    ("2t", "heightAboveGround", 2),
    ("10u", "heightAboveGround", 10),
)


def message(path: Path, name: str, level: tuple[str, int], values: np.ndarray, hour: int) -> None:
    """One field of 45 x 45 degrees, from north to south and 0 to 315 degrees, appended."""
    handle = eccodes.codes_grib_new_from_samples("regular_ll_sfc_grib2")
    settings = {
        "Ni": COLUMNS, "Nj": ROWS, "iDirectionIncrementInDegrees": 45.0,
        "jDirectionIncrementInDegrees": 45.0, "latitudeOfFirstGridPointInDegrees": 90.0,
        "latitudeOfLastGridPointInDegrees": -90.0, "longitudeOfFirstGridPointInDegrees": 0.0,
        "longitudeOfLastGridPointInDegrees": 315.0, "dataDate": 20200101, "dataTime": hour * 100,
        "typeOfLevel": level[0], "level": level[1], "shortName": name, "bitsPerValue": 24,
    }  # fmt: skip
    for key, value in settings.items():
        eccodes.codes_set(handle, key, value)
    eccodes.codes_set_values(handle, values.astype(np.float64).ravel())
    with path.open("ab") as file:
        eccodes.codes_write(handle, file)
    eccodes.codes_release(handle)


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, dict[tuple[str, int, int], np.ndarray]]:
    """t at two levels, t2m and u10, at two hours; by (name, level, hour)."""
    rng, fields = np.random.default_rng(0), {}
    for hour in (0, 12):
        for name, kind, level in WRITTEN:
            fields[name, level, hour] = 250 + 10 * rng.standard_normal((ROWS, COLUMNS))
            message(tmp_path / "a.grib", name, (kind, level), fields[name, level, hour], hour)
    return tmp_path / "a.grib", fields


@pytest.mark.filterwarnings("ignore")  # of cfgrib and what it imports
def test_levels_and_heights_come_as_one(written: tuple[Path, dict]) -> None:
    path, given = written
    with open_fields(path) as fields:
        inside = fields.data.load()
        assert set(inside.data_vars) == {"t", "t2m", "u10"}
        assert inside["t"].dims == ("level", "time", "latitude", "longitude")
        for (name, level, hour), values in given.items():
            one = inside[{"2t": "t2m", "10u": "u10"}.get(name, name)].isel(time=hour // 12)
            one = one.sel(level=level) if name == "t" else one
            expected = np.roll(values[::-1], 4, 1)
            np.testing.assert_allclose(one.values, expected, atol=1e-4)
        save_fields(path.with_name("b.nc"), inside, fields.layout, "a test")
    with open_raw(path.with_name("b.nc")) as back, open_raw(path) as raw:
        assert back["t"].dims == raw["t"].dims
        np.testing.assert_array_equal(back["t"], raw["t"])
        np.testing.assert_array_equal(back["longitude"], np.arange(0, 360, 45))
        assert back["t2m"].attrs["GRIB_shortName"] == "2t"
    assert sorted(p.name for p in path.parent.iterdir()) == ["a.grib", "b.nc"]  # no index beside


@pytest.mark.filterwarnings("ignore")
def test_a_message_cut_off_is_told(written: tuple[Path, dict]) -> None:
    path, _ = written
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])  # readers leave the last message out, and say nothing
    with pytest.raises(InputError, match=r"a\.grib: cannot be read.*cut off in the message"):
        open_fields(path)
