"""MATLAB cubes: the right array is found, axes are not guessed wrong, the rest of a file survives.

No MATLAB is at hand: files of version 7.3 are made as MATLAB makes them, HDF5 behind 512 bytes with
axes backwards, classes as attributes and text as uint16.
"""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.io import loadmat, savemat

from undrift.common.errors import InputError
from undrift.scientific.hyperspectral.cubes.cube import Cube, Stored
from undrift.scientific.hyperspectral.cubes.files import open_cube, save_cube

CUBE = (
    np.random.default_rng(0).integers(0, 4000, (6, 5, 4)).astype("uint16")
)  # rows, columns, bands
NM = [865.75, 450.5, 550.25, 650.0]
OTHERS = {
    "mask": np.ones((6, 5, 4), bool),
    "labels": np.arange(30, dtype="uint8").reshape(6, 5),
    "note": "a text",
    "scene": {"sun": 35.5, "name": "made up"},
    "cells": np.array([[1.0, "x"]], dtype=object),
}


def _five(folder: Path, **extra: Any) -> Path:
    path = folder / "in.mat"
    savemat(path, {"rad": CUBE, "wavelength_nm": NM, "fwhm": [9, 6.5, 7, 8], **OTHERS, **extra})
    return path


def _seven(folder: Path, cube: np.ndarray = CUBE, **sides: Any) -> Path:
    path = folder / "in.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        _variable(file, "rad", cube.transpose(2, 1, 0), cube.dtype.name, compression="gzip")
        _variable(file, "wavelength", np.array([NM]).T / 1000, "double")
        text = np.array([[ord(c)] for c in "Micrometers"], "uint16")
        _variable(file, "wavelength_units", text, "char", MATLAB_int_decode=2)
        _variable(file, "text3", np.ones((2, 3, 4), "uint16"), "char", MATLAB_int_decode=2)
        _variable(file, "mask", np.ones((4, 5, 6), "uint8"), "logical", MATLAB_int_decode=1)
        refs = file.create_group("#refs#")
        refs["a"] = np.ones((2, 3, 4))
        for name, values in sides.items():
            _variable(file, name, values, "double")
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")
    return path


def _variable(file: Any, name: str, values: np.ndarray, kind: str, **attrs: Any) -> None:
    options = {"compression": attrs.pop("compression", None), "chunks": (4, 5, 3)}
    data = file.create_dataset(
        name, data=values, **options if values.ndim == 3 and name == "rad" else {}
    )
    data.attrs["MATLAB_class"] = np.bytes_(kind)
    for key, value in attrs.items():
        data.attrs[key] = np.int32(value)


def test_the_only_array_of_numbers_with_three_axes(tmp_path: Path):
    cube = open_cube(_five(tmp_path))
    assert np.array_equal(cube.array, CUBE.transpose(2, 0, 1))
    assert cube.wavelengths is not None and cube.wavelengths.tolist() == NM  # in the file's order
    assert cube.fwhm is not None and cube.fwhm.tolist() == [9, 6.5, 7, 8]
    assert cube.notes == () and cube.stored.dtype == "uint16"


def test_the_rest_of_a_file_of_version_5_survives(tmp_path: Path):
    source = _five(tmp_path)
    cube = open_cube(source)
    assert save_cube(cube.with_array(cube.array + 1), tmp_path / "out.mat", history="plus 1") == 0
    before, after = (loadmat(path, mat_dtype=True) for path in (source, tmp_path / "out.mat"))
    assert list(after)[3:] == [*list(before)[3:], "undrift_history"]
    assert after["undrift_history"] == ["plus 1"]
    for name in before:
        if name == "rad" or name.startswith("__"):
            continue
        assert after[name].dtype == before[name].dtype and after[name].shape == before[name].shape
        assert repr(after[name]) == repr(before[name])
    assert after["mask"].dtype == bool  # flags, not numbers
    raw = loadmat(tmp_path / "out.mat")["rad"]
    assert raw.dtype == np.uint16 and np.array_equal(raw, CUBE + 1)


def test_version_7_3_is_turned_and_its_rest_survives(tmp_path: Path):
    source = _seven(tmp_path)
    cube = open_cube(source)
    assert np.array_equal(cube.array, CUBE.transpose(2, 0, 1))
    assert cube.wavelengths is not None
    np.testing.assert_allclose(cube.wavelengths, NM)
    save_cube(cube.with_array(cube.array + 1), tmp_path / "out.mat", history="plus 1")
    old, new = source.read_bytes(), (tmp_path / "out.mat").read_bytes()
    assert new[:512] == old[:512]
    with h5py.File(source) as before, h5py.File(tmp_path / "out.mat") as after:
        refs: Any = after["#refs#"]
        assert sorted(after) == sorted(before) and "a" in refs
        for name in before:
            if name not in ("rad", "#refs#"):
                old_one: Any = before[name]
                new_one: Any = after[name]
                assert np.array_equal(new_one[()], old_one[()])
                assert dict(new_one.attrs) == dict(old_one.attrs)
        data: Any = after["rad"]
        assert np.array_equal(data[()], (CUBE + 1).transpose(2, 1, 0))
        assert data.compression == "gzip" and data.chunks == (4, 5, 3)
        assert data.dtype == np.uint16 and data.attrs["MATLAB_class"] == b"uint16"


@pytest.mark.parametrize("make", [_five, _seven])
def test_several_cubes_are_told_and_chosen_by_key(tmp_path: Path, make: Any):
    path = make(tmp_path, other=np.ones((3, 4, 5)))
    with pytest.raises(InputError, match=r"rad .*other .*; say which with key=|other .*rad .*key="):
        open_cube(path)
    assert np.array_equal(open_cube(path, key="rad").array, CUBE.transpose(2, 0, 1))
    with pytest.raises(InputError, match=r"no array 'mask' of three axes; there are: .*rad"):
        open_cube(path, key="mask")


def test_no_cube_lists_what_there_is(tmp_path: Path):
    savemat(tmp_path / "a.mat", {"flat": np.ones((3, 4)), "mask": np.ones((2, 2, 2), bool)})
    with pytest.raises(InputError, match=r"three axes; the file holds flat \(3, 4\), mask"):
        open_cube(tmp_path / "a.mat")


def test_axes_are_said_or_refused(tmp_path: Path):
    turned = CUBE.transpose(2, 0, 1)
    savemat(tmp_path / "a.mat", {"rad": turned, "wavelengths": NM})
    with pytest.raises(InputError, match="wavelengths fit axis 0"):
        open_cube(tmp_path / "a.mat")
    cube = open_cube(tmp_path / "a.mat", axes="chw")
    assert np.array_equal(cube.array, turned)
    save_cube(cube, tmp_path / "b.mat")
    assert np.array_equal(loadmat(tmp_path / "b.mat")["rad"], turned)
    path = _seven(tmp_path, turned)
    with pytest.raises(InputError, match="wavelengths fit axis 0"):
        open_cube(path)
    assert np.array_equal(open_cube(path, axes="chw").array, turned)


def test_bare_arrays_take_wavelengths_from_the_user(tmp_path: Path):
    savemat(tmp_path / "a.mat", {"X": CUBE})
    assert open_cube(tmp_path / "a.mat").wavelengths is None
    cube = open_cube(tmp_path / "a.mat", wavelengths=NM)
    assert cube.wavelengths is not None and cube.wavelengths.tolist() == NM
    savemat(tmp_path / "a.mat", {"X": CUBE, "bands": [[1, 2, 3, 4]]})  # numbers, not wavelengths
    assert open_cube(tmp_path / "a.mat").wavelengths is None
    savemat(tmp_path / "a.mat", {"X": CUBE, "bands": NM})
    assert open_cube(tmp_path / "a.mat").notes == (
        "wavelengths without a unit, up to 865.75, taken for nanometres",
    )


@pytest.mark.parametrize("kind", ["int16", "uint8", "int32", "float32", "float64"])
def test_types_stay_and_missing_stays_missing(tmp_path: Path, kind: str):
    array = (CUBE % 200).astype(kind)
    if kind.startswith("float"):
        array[2, 3] = np.nan
    savemat(tmp_path / "a.mat", {"X": array}, do_compression=kind == "int16")
    save_cube(open_cube(tmp_path / "a.mat"), tmp_path / "b.mat")
    back = loadmat(tmp_path / "b.mat")["X"]
    assert back.dtype == kind and np.array_equal(back, array, equal_nan=kind.startswith("float"))


def test_a_cube_from_elsewhere_is_real_numbers_in_matlab(tmp_path: Path):
    array = np.full((2, 3, 4), 0.25, np.float32)
    array[1, 2, 3] = np.nan
    cube = Cube(array, np.array([500.0, 600.0]), stored=Stored(dtype="int16", scale=1e-4))
    save_cube(cube, tmp_path / "a.mat")
    raw = loadmat(tmp_path / "a.mat")
    assert raw["cube"].shape == (3, 4, 2) and raw["cube"].dtype == np.float32
    assert raw["wavelength_units"] == ["Nanometers"]
    back = open_cube(tmp_path / "a.mat")
    assert np.array_equal(back.array, array, equal_nan=True)
    assert back.wavelengths is not None and back.wavelengths.tolist() == [500, 600]


@pytest.mark.parametrize("make", [_five, _seven])
def test_damaged_files_are_told(tmp_path: Path, make: Any):
    path = make(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"in\.mat: .*cut short"):
        open_cube(path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r"in\.mat: "):
        open_cube(path)
    with pytest.raises(InputError, match="cannot be read"):
        open_cube(tmp_path / "none.mat")


def test_a_source_that_is_gone_is_told(tmp_path: Path):
    path = _seven(tmp_path)
    cube = open_cube(path)
    path.unlink()
    with pytest.raises(InputError, match=r"in\.mat: is gone"):
        save_cube(cube, tmp_path / "out.mat")
    save_cube(cube, tmp_path / "out.hdr")  # needs nothing of it
    assert not (tmp_path / "out.mat").exists()
