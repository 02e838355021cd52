"""`undrift info` of fields and cubes: what other programs wrote is told as they wrote it."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
from scipy.io import savemat

from undrift.common.errors import InputError
from undrift.common.inspection import inspect_file


def fields() -> xr.Dataset:
    values = np.zeros((2, 3, 4), np.float32)
    made = xr.DataArray(values, dims=("time", "lat", "lon"), attrs={"units": "K"})
    return xr.Dataset({"t2m": made}, coords={"lat": [60.0, 50.0, 40.0]})


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_fields(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    if suffix == ".nc":
        fields().to_netcdf(path)
    else:
        fields().to_zarr(path, consolidated=False)
    facts = inspect_file(path)
    assert facts["dimensions"] == {"time": 2, "lat": 3, "lon": 4}
    assert facts["variables"] == {"t2m": "(time, lat, lon) float32, K"}
    assert facts["coordinates"] == {"lat": "60.0 to 40.0"}
    assert facts["bytes"] >= 2 * 3 * 4  # a store packs zeros


def test_matlab_of_both_versions(tmp_path: Path) -> None:
    savemat(tmp_path / "five.mat", {"cube": np.zeros((5, 6, 7), np.int16)})
    with h5py.File(tmp_path / "seven.mat", "w") as file:
        file["cube"] = np.zeros((7, 6, 5), np.int16)
    assert inspect_file(tmp_path / "five.mat")["arrays"] == {"cube": "(5, 6, 7) int16"}
    assert inspect_file(tmp_path / "seven.mat")["arrays"] == {"cube": "(7, 6, 5) int16"}


def test_the_head_of_a_cube(tmp_path: Path) -> None:
    head = tmp_path / "x.hdr"
    head.write_text("ENVI\nsamples = 7\nLines  = 6\nbands = 5\ninterleave = bil\nx = {\n 1}\n")
    facts = inspect_file(head)
    assert facts["kind"] == "cube (ENVI)"
    assert (facts["samples"], facts["lines"], facts["interleave"]) == ("7", "6", "bil")


@pytest.mark.parametrize("suffix", ["nc", "mat", "hdr"])
def test_a_file_of_another_kind_is_named(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(b"something else, and not a little of it")
    with pytest.raises(InputError, match=r"x\..*cannot be read"):
        inspect_file(path)
