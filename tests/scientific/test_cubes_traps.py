"""What files of the field do to their readers: fills, types, odd headers, other spellings."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from undrift.common.errors import InputError, UsageError
from undrift.scientific.hyperspectral.cubes.axes import letters_of, order_of
from undrift.scientific.hyperspectral.cubes.cube import Cube, Stored, to_nanometres
from undrift.scientific.hyperspectral.cubes.envi_header import EnviHeader
from undrift.scientific.hyperspectral.cubes.files import open_cube, save_cube
from undrift.scientific.hyperspectral.cubes.packing import decoded, encoded
from undrift.scientific.hyperspectral.cubes.place import Place, from_map_info, to_map_info

HERE = Path(__file__).parents[1] / "reference" / "scientific"


def _header(folder: Path, text: str, numbers: np.ndarray) -> Path:
    (folder / "a.img").write_bytes(numbers.tobytes())
    bands, rows, columns = numbers.shape
    sizes = f"ENVI\nsamples = {columns}\nlines = {rows}\nbands = {bands}\n"
    (folder / "a.hdr").write_bytes((sizes + text).encode("latin-1"))
    return folder / "a.hdr"


@pytest.mark.parametrize("kind", ["uint8", "int16", "uint16", "int32", "uint32", "int64"])
def test_every_number_of_a_type_comes_back(kind: str):
    limits = np.iinfo(kind)
    ends = [limits.min, limits.min + 1, 0, 1, limits.max - 1, limits.max]
    if kind == "int64":
        ends = [-(2**53), 0, 2**53]  # what a float64 tells apart
    numbers = np.array(ends, kind).reshape(1, 1, -1)
    for stored in (Stored(dtype=kind), Stored(dtype=kind, scale=1e-4, offset=0.5)):
        if kind == "int64" and stored.offset:
            continue
        back, clipped, _ = encoded(decoded(numbers, stored), stored)
        assert clipped == 0 and np.array_equal(back, numbers) and back.dtype == kind


def test_a_large_offset_is_kept_apart_by_float64():
    numbers = np.arange(-5, 5, dtype="int16").reshape(1, 2, 5)
    stored = Stored(dtype="int16", scale=1e-3, offset=1e5)  # float32 is .008 coarse there
    values = decoded(numbers, stored)
    assert values.dtype == np.float64
    assert np.array_equal(encoded(values, stored)[0], numbers)


def test_a_value_that_would_become_the_fill_moves_beside_it():
    stored = Stored(dtype="uint16", fill=0.0)
    numbers, clipped, fill = encoded(np.array([[[0.3, np.nan, 7.0]]]), stored)
    assert numbers.tolist() == [[[1, 0, 7]]] and (clipped, fill) == (0, 0)
    stored = Stored(dtype="uint8", fill=255.0)
    assert encoded(np.array([[[255.0, np.nan]]]), stored)[0].tolist() == [[[254, 255]]]
    stored = Stored(dtype="float32", fill=-9999.0)
    out = encoded(np.array([[[-9999.0, np.nan]]]), stored)[0]
    assert out[0, 0, 1] == -9999 and 0 < abs(out[0, 0, 0] + 9999) < 0.01


def test_missing_without_a_fill_and_fills_that_do_not_fit():
    gap = np.array([[[np.nan, 0.0, 5.0]]])
    for kind, fill, wanted in (
        ("int16", None, -32768), ("uint16", None, 65535), ("uint8", -9999.0, 255),
        ("int16", np.nan, -32768), ("uint64", None, 2**64 - 2048),
    ):  # fmt: skip
        numbers, _, used = encoded(gap, Stored(dtype=kind, fill=fill))
        assert numbers.tolist() == [[[wanted, 0, 5]]] and used == wanted
    assert np.isnan(encoded(gap, Stored(dtype="float32"))[0][0, 0, 0])
    numbers = np.array([[[1, 2]]], "uint16")
    assert decoded(numbers, Stored(dtype="uint16", fill=-9999.0)).tolist() == [[[1, 2]]]
    huge = np.array([[[np.finfo("f4").min, 1]]], "f4")
    assert np.isnan(decoded(huge, Stored(fill=float(np.finfo("f4").min)))[0, 0, 0])


def test_masks_come_before_scales(tmp_path: Path):
    numbers = np.array([[[-9999, 5000, -32768]]], "<i2")
    text = "data type = 2\nbyte order = 0\ndata ignore value = -9999\n"
    cube = open_cube(_header(tmp_path, text + "reflectance scale factor = 10000\n", numbers))
    assert np.isnan(cube.array[0, 0, 0])  # not -0.9999
    np.testing.assert_allclose(cube.array[0, 0, 1:], [0.5, -3.2768])


def test_a_header_without_byte_order_is_noted(tmp_path: Path):
    numbers = np.array([[[1, 256]]], "<i2")
    cube = open_cube(_header(tmp_path, "data type = 2\n", numbers))
    assert cube.array.tolist() == [[[1, 256]]]
    assert cube.notes == ("no byte order in the header, taken for little-endian (0)",)
    assert open_cube(_header(tmp_path, "data type = 1\n", numbers.view("u1"))).notes == ()


def test_latin_1_headers_come_back_byte_for_byte(tmp_path: Path):
    text = (
        "data type = 4\ninterleave = bsq\nbyte order = 0\nsensor type = Fl\xe4che\n"
        "wavelength = { 0.9 , 0.5 }\nwavelength units = \xb5m\nfwhm = { 0.01 , 0.02 }\n"
    )
    path = _header(tmp_path, text, np.ones((2, 1, 3), "<f4"))
    cube = open_cube(path)
    assert cube.wavelengths is not None and cube.wavelengths.tolist() == [900, 500]  # unsorted
    assert cube.fwhm is not None
    np.testing.assert_allclose(cube.fwhm, [10, 20])
    save_cube(cube, tmp_path / "b.hdr")
    assert (tmp_path / "b.hdr").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("reflectance scale factor = 0", "'reflectance scale factor' is '0'"),
        ("reflectance scale factor = x", "'reflectance scale factor' is 'x'"),
        ("data gain values = {0}", "a scale of 0"),
        ("data ignore value = none", "fill value 'none'; expected a number"),
        ("map info = {UTM, 1, 1, x, 0, 30, 30}", "expected a projection and six numbers"),
        ("wavelength = {-1}", "wavelengths from -1 to -1"),
    ],
)
def test_headers_that_cannot_be_meant(tmp_path: Path, line: str, message: str):
    path = _header(tmp_path, f"data type = 4\n{line}\n", np.ones((1, 2, 3), "<f4"))
    with pytest.raises(InputError, match=message):
        open_cube(path)


def test_changed_marks_wavelengths_and_sizes_reach_the_header(tmp_path: Path):
    cube = open_cube(HERE / "envi_sample_bil.hdr")
    changed = replace(
        cube, array=cube.array[:, :3], wavelengths=np.array([400.0, 500, 600, 700]),
        good=np.array([False, True, True, True]),
    )  # fmt: skip
    save_cube(changed, tmp_path / "a.hdr")
    header = EnviHeader.parse((tmp_path / "a.hdr").read_text())
    assert header.get("lines") == "3" and header.get("samples") == "5"
    assert header.items("bbl") == ["0", "1", "1", "1"]
    assert header.get("wavelength") == "400, 500, 600, 700"
    assert header.get("custom key with spaces") == "kept?"
    back = open_cube(tmp_path / "a.hdr")
    assert np.array_equal(back.array, changed.array, equal_nan=True)


def test_scales_of_bands_and_types_envi_does_not_know(tmp_path: Path):
    array = np.linspace(0, 1, 12, dtype=np.float32).reshape(2, 2, 3)
    scale, offset = np.array([1e-4, 3.1e-5]), np.array([-0.25, 0.1])
    for stored in (Stored("hdf5", "uint16", scale, offset), Stored("hdf5", "int16", 3e-5, 0.5)):
        save_cube(Cube(array, stored=stored), tmp_path / "a.hdr")
        back = open_cube(tmp_path / "a.hdr")
        np.testing.assert_allclose(back.array, decoded(encoded(array, stored)[0], stored))
        assert np.array_equal(np.broadcast_to(stored.scale, 2), back.stored.scale)
    save_cube(Cube(array, stored=Stored("xarray", "float16")), tmp_path / "a.hdr")
    assert open_cube(tmp_path / "a.hdr").stored.dtype == "float32"


def test_other_data_of_the_same_header_is_told(tmp_path: Path):
    (tmp_path / "a.raw").write_bytes(b"older")
    with pytest.raises(InputError, match="would be taken for the data"):
        save_cube(open_cube(HERE / "envi_sample_bil.hdr"), tmp_path / "a.hdr")
    assert [path.name for path in tmp_path.iterdir()] == ["a.raw"]


def test_map_info_and_back():
    size = ["500000", "4600000", "30", "20"]
    parts = ["UTM", "1.5", "2", *size, "33", "South", "WGS-84", "units=Meters"]
    place = from_map_info(parts, None, "x")
    assert place == Place((30, 0, 499985, 0, -20, 4600020), "EPSG:32733")
    assert place is not None
    again = from_map_info(str(to_map_info(place)).split(", "), None, "x")
    assert again == place
    # A quarter turn, counterclockwise: columns run up, rows run to the right.
    turned = from_map_info([*parts[:7], *parts[7:], "rotation=90"], None, "x")
    assert turned is not None and not turned.upright and to_map_info(turned) is None
    np.testing.assert_allclose(turned.transform[:2], [0, 20], atol=1e-9)
    np.testing.assert_allclose(turned.transform[3:5], [30, 0], atol=1e-9)
    assert from_map_info(["Arbitrary", "1", "1", "0", "0", "1", "1"], None, "x") is None
    assert to_map_info(Place((1, 0, 7, 0, -1, 50), "EPSG:4326")) == (
        "Geographic Lat/Lon, 1, 1, 7, 50, 1, 1, WGS-84, units=Degrees"
    )


def test_names_and_letters_of_axes():
    assert letters_of(("y", "x", "wavelength")) == "hwb"
    assert letters_of(("band", "phony_1", "lon")) == "bhw"  # the one that is left
    assert letters_of(("band", "p", "q")) is None and letters_of(("y", "y", "x")) is None
    assert order_of("H,W,C") == "hwb"
    with pytest.raises(UsageError, match="axes 'hwx'"):
        order_of("hwx")
    assert to_nanometres([5e-7], "m")[0].tolist() == [500]


def test_plain_arrays():
    numbers = np.arange(24, dtype="uint8").reshape(2, 3, 4)
    assert np.array_equal(open_cube(numbers).array, numbers)
    assert open_cube(numbers, axes="hwb").array.shape == (4, 2, 3)
    for bad in (numbers[0], numbers.astype(complex)):
        with pytest.raises(InputError, match="expected numbers"):
            open_cube(bad)
