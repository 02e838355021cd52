"""Cubes by their paths: the suffix finds the reader, and what cannot be one is told."""

from pathlib import Path

import numpy as np
import pytest

from undrift.common.errors import InputError
from undrift.scientific.hyperspectral.cubes.envi_header import EnviHeader
from undrift.scientific.hyperspectral.cubes.files import open_cube, save_cube

HERE = Path(__file__).parents[1] / "reference" / "scientific"


@pytest.mark.parametrize("layout", ["bsq", "bil", "bip"])
def test_envi_by_header_or_data(layout: str, tmp_path: Path):
    header = HERE / f"envi_sample_{layout}.hdr"
    cube = open_cube(header)
    assert np.array_equal(open_cube(header.with_suffix(".img")).array, cube.array, equal_nan=True)
    assert save_cube(cube, tmp_path / "a.hdr") == 0
    assert (tmp_path / "a.hdr").read_text() == header.read_text()
    assert (tmp_path / "a.img").read_bytes() == header.with_suffix(".img").read_bytes()


def test_history_joins_the_header(tmp_path: Path):
    cube = open_cube(HERE / "envi_sample_bsq.hdr")
    save_cube(cube, tmp_path / "a.hdr", history="first")
    save_cube(open_cube(tmp_path / "a.hdr"), tmp_path / "b.hdr", history="second")
    header = EnviHeader.parse((tmp_path / "b.hdr").read_text())
    assert header.get("undrift history") == "first; second"


def test_like_lends_what_the_values_do_not_say(tmp_path: Path):
    sample = HERE / "envi_sample_bil.hdr"
    bare = open_cube(sample)
    made = type(bare)(bare.array)
    save_cube(made, tmp_path / "a.hdr", like=sample)
    assert (tmp_path / "a.hdr").read_text() == sample.read_text()
    assert (tmp_path / "a.img").read_bytes() == sample.with_suffix(".img").read_bytes()


def test_wavelengths_by_hand():
    cube = open_cube(HERE / "envi_sample_bsq.hdr", wavelengths=[1, 2, 3, 4])
    assert cube.wavelengths is not None and cube.wavelengths.tolist() == [1, 2, 3, 4]
    with pytest.raises(InputError, match="wavelengths of shape"):
        open_cube(HERE / "envi_sample_bsq.hdr", wavelengths=[1, 2])


def test_unknown_suffix_and_unknown_objects():
    with pytest.raises(InputError, match=r"unknown suffix '\.hrd'; did you mean '\.hdr'"):
        open_cube("scene.hrd")
    with pytest.raises(InputError, match="expected a path"):
        open_cube(3)


def test_a_cube_of_nothing_is_told(tmp_path: Path):
    (tmp_path / "x.img").write_bytes(np.full(8, -1, "<i2").tobytes())
    (tmp_path / "x.hdr").write_text(
        "ENVI\nsamples = 2\nlines = 2\nbands = 2\ndata type = 2\ndata ignore value = -1\n"
    )
    with pytest.raises(InputError, match="no value in the whole cube"):
        open_cube(tmp_path / "x.hdr")
