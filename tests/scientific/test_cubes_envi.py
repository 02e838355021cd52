"""ENVI cubes: files of Spectral Python read right, written back the same, and every trap."""

import json
from pathlib import Path

import numpy as np
import pytest

from undrift.common.errors import InputError
from undrift.scientific.hyperspectral.cubes.cube import Cube, Stored, to_nanometres
from undrift.scientific.hyperspectral.cubes.envi import read_envi, write_envi
from undrift.scientific.hyperspectral.cubes.envi_header import EnviHeader

HERE = Path(__file__).parents[1] / "reference" / "scientific"
EXPECTED = np.load(HERE / "envi_expected.npz")
LAYOUTS = ("bsq", "bil", "bip")


def _sample(layout: str) -> Path:
    return HERE / f"envi_sample_{layout}.hdr"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_three_layouts_hold_the_same_cube(layout: str):
    cube = read_envi(_sample(layout))
    numbers = EXPECTED["cube"].transpose(2, 0, 1)
    assert np.array_equal(cube.missing, numbers == -9999) and cube.missing.any()
    there = ~cube.missing
    assert np.array_equal(cube.array[there], (numbers / 10000).astype(np.float32)[there])
    assert cube.wavelengths is not None and cube.fwhm is not None and cube.good is not None
    assert cube.wavelengths.tolist() == [450.5, 550.25, 650.0, 865.75]
    assert cube.fwhm.tolist() == [6.5, 6.5, 7.0, 9.0]
    assert cube.good.tolist() == [True, True, False, True]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_written_back_is_the_file_itself(layout: str, tmp_path: Path):
    cube = read_envi(_sample(layout))
    assert write_envi(tmp_path / "out.hdr", cube) == 0
    assert (tmp_path / "out.hdr").read_text() == _sample(layout).read_text()
    assert (tmp_path / "out.img").read_bytes() == _sample(layout).with_suffix(".img").read_bytes()


def test_the_header_is_read_as_spectral_python_reads_it():
    header = EnviHeader.parse(_sample("bsq").read_text())
    for key, value in json.loads((HERE / "envi_expected.json").read_text()).items():
        if isinstance(value, list):
            assert header.items(key) == [str(part) for part in value]
        elif key != "description":
            assert header.get(key) == value
    assert header.get("CUSTOM  key with spaces") == "kept?"


def _big_endian(folder: Path, **changes: str) -> Path:
    """A cube of uint16 big-endian numbers behind 7 bytes, lines of bands."""
    rng = np.random.default_rng(0)
    numbers = rng.integers(0, 60000, (5, 3, 4)).astype(">u2")  # lines, bands, samples
    (folder / "b.raw").write_bytes(b"prelude" + numbers.tobytes())
    header = EnviHeader.parse(
        "ENVI\nsamples = 4\nlines = 5\nbands = 3\nheader offset = 7\ndata type = 12\n"
        "interleave = BIL\nbyte order = 1\ndata gain values = {0.5, 2, 1}\n"
        "data offset values = {0, -1,\n 3}\n; a comment\nwavelength = {0.5, 1.0, 2.5}\n"
    ).with_values(**changes)
    (folder / "b.hdr").write_text(header.text())
    return folder / "b.hdr"


def test_byte_order_offset_gains_and_a_guessed_unit(tmp_path: Path):
    cube = read_envi(_big_endian(tmp_path))
    raw = np.frombuffer((tmp_path / "b.raw").read_bytes()[7:], ">u2").reshape(5, 3, 4)
    wanted = raw.transpose(1, 0, 2) * np.array([0.5, 2, 1])[:, None, None]
    wanted = wanted + np.array([0, -1, 3])[:, None, None]
    assert np.array_equal(cube.array, wanted.astype(np.float32))
    assert cube.wavelengths is not None and cube.wavelengths.tolist() == [500, 1000, 2500]
    assert cube.notes == ("wavelengths without a unit, up to 2.5, taken for micrometres",)
    write_envi(tmp_path / "c.hdr", cube)
    again = read_envi(tmp_path / "c.hdr")
    assert np.array_equal(again.array, cube.array)
    assert (tmp_path / "c.img").read_bytes()[7:] == (tmp_path / "b.raw").read_bytes()[7:]


def test_values_beyond_the_type_are_clipped_and_counted(tmp_path: Path):
    cube = read_envi(_sample("bsq"))
    array = cube.array.copy()
    array[0, 0, :2] = [9.0, -9.0]  # 90000 and -90000
    assert write_envi(tmp_path / "out.hdr", cube.with_array(array)) == 2
    back = read_envi(tmp_path / "out.hdr").array
    assert back[0, 0, :2].tolist() == pytest.approx([3.2767, -3.2768])


def test_missing_values_get_a_fill_where_the_file_had_none(tmp_path: Path):
    array = np.full((2, 3, 4), 0.25, np.float32)
    array[1, 2, 3] = np.nan
    made = Cube(array, np.array([500.0, 600.0]), stored=Stored(dtype="int16", scale=1e-4))
    write_envi(tmp_path / "new.hdr", made)
    back = read_envi(tmp_path / "new.hdr")
    assert np.array_equal(back.array, array, equal_nan=True)
    assert EnviHeader.parse((tmp_path / "new.hdr").read_text()).get("data ignore value") == "-32768"


def test_units_of_wavelengths():
    assert to_nanometres([0.4], "Micrometers")[0].tolist() == [400]
    assert to_nanometres([25000.0], "Wavenumber")[0].tolist() == [400]
    assert to_nanometres([400.0], "Unknown")[0].tolist() == [400]
    with pytest.raises(InputError, match="unknown unit of wavelengths 'GHz'"):
        to_nanometres([1.0], "GHz")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bands": "9"}, "the file is cut short"),
        ({"bands": "three"}, "'bands' is 'three'; expected an integer"),
        ({"data_type": "6"}, "data type 6"),
        ({"interleave": "bap"}, "expected bsq, bil or bip"),
        ({"wavelength": "{1, 2}"}, "'wavelength' has 2 numbers for 3 bands"),
    ],
)
def test_damaged_files_are_told(tmp_path: Path, change: dict[str, str], message: str):
    with pytest.raises(InputError, match=message):
        read_envi(_big_endian(tmp_path, **change))


def test_what_is_no_header_is_told(tmp_path: Path):
    path = tmp_path / "x.hdr"
    (tmp_path / "x.img").write_bytes(b"1")
    for text, message in (
        ("hello\n", "expected 'ENVI' in the first line"),
        ("ENVI\nsamples 4\n", "line 2: expected 'key = value'"),
        ("ENVI\nwavelength = {1,\n2\n", "line 2: 'wavelength' has no closing brace"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            read_envi(path)
    (tmp_path / "x.img").unlink()
    with pytest.raises(InputError, match="no data beside it"):
        read_envi(path)
