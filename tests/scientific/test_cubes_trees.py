"""HDF5, NetCDF and xarray: groups, attributes, packing, dimensions and encodings come back."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr

from undrift.common.errors import InputError
from undrift.scientific.hyperspectral.cubes.cube import Cube
from undrift.scientific.hyperspectral.cubes.files import open_cube, save_cube
from undrift.scientific.hyperspectral.cubes.place import Place
from undrift.scientific.hyperspectral.cubes.xarrays import to_xarray

HERE = Path(__file__).parents[1] / "reference" / "scientific"
NM = np.array([865.75, 450.5, 550.25, 650.0])
NUMBERS = np.random.default_rng(0).integers(-300, 9000, (4, 6, 5)).astype("int16")
NUMBERS[:, 2, 1] = NUMBERS[0, 0, 0] = -9999
REAL = np.where(NUMBERS == -9999, np.nan, NUMBERS * 1e-4 + 0.5)


def _array(dims: tuple[str, ...] = ("y", "band", "x")) -> xr.DataArray:
    array = xr.DataArray(
        REAL.astype("float32"), dims=("band", "y", "x"), name="reflectance",
        coords={
            "wavelength": ("band", NM, {"units": "nm", "standard_name": "radiation_wavelength"}),
            "fwhm": ("band", [9, 6.5, 7, 8], {"units": "nm"}),
            "y": ("y", 6e6 - 15 - 30.0 * np.arange(6), {"units": "m"}),
            "x": 5e5 + 15 + 30.0 * np.arange(5),
            "time": np.datetime64("2024-06-01", "ns"),
            "spatial_ref": ((), 0, {"crs_wkt": "EPSG:32633"}),
        },
        attrs={"long_name": "surface reflectance", "custom": [1, 2]},
    )  # fmt: skip
    out = array.transpose(*dims)
    out.encoding = {
        "dtype": np.dtype("int16"), "scale_factor": 1e-4, "add_offset": 0.5, "_FillValue": -9999,
        "grid_mapping": "spatial_ref", "chunksizes": (2, 2, 2),
    }  # fmt: skip
    return out


@pytest.mark.parametrize("dims", [("y", "band", "x"), ("x", "y", "band"), ("band", "y", "x")])
def test_one_xarray_in_one_xarray_out(dims: tuple[str, ...]):
    array = _array(dims)
    cube = open_cube(array)
    assert cube.array.shape == (4, 6, 5) and np.array_equal(cube.missing, NUMBERS == -9999)
    assert cube.wavelengths is not None and cube.wavelengths.tolist() == NM.tolist()
    assert cube.fwhm is not None and cube.fwhm.tolist() == [9, 6.5, 7, 8]
    assert cube.place == Place((30, 0, 5e5, 0, -30, 6e6), "EPSG:32633")
    out = to_xarray(cube)
    xr.testing.assert_identical(out, array)
    assert out.dims == dims and out.encoding == array.encoding
    changed = to_xarray(cube.with_array(cube.array * 2))
    np.testing.assert_array_equal(changed, array * 2)


def test_a_data_set_stays_one(tmp_path: Path):
    data = xr.Dataset({"first": ("y", np.arange(6.0)), "r": _array(), "mask": ("x", np.ones(5))})
    data.attrs = {"title": "made up", "history": "born"}
    data["r"].encoding = _array().encoding
    out = to_xarray(open_cube(data))
    xr.testing.assert_identical(out, data)
    assert list(out) == list(data) and out["r"].encoding == _array().encoding
    save_cube(data, tmp_path / "a.nc", history="copied")
    with xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf", mask_and_scale=False) as raw:
        assert np.array_equal(raw.r.transpose("band", "y", "x"), NUMBERS)
        assert raw["mask"].sum() == 5 and raw.attrs["history"] == "copied\nborn"


def test_undecoded_arrays_are_decoded_and_encoded_again():
    raw = xr.DataArray(
        NUMBERS, dims=("wavelength", "lat", "lon"), coords={"wavelength": NM / 1000},
        attrs={"_FillValue": -9999, "scale_factor": 1e-4, "add_offset": 0.5},
    )  # fmt: skip
    cube = open_cube(raw)
    np.testing.assert_allclose(cube.array, REAL, rtol=1e-7)
    assert cube.notes == ("wavelengths without a unit, up to 0.86575, taken for micrometres",)
    xr.testing.assert_identical(to_xarray(cube), raw)


def test_names_nobody_knows_are_asked_for():
    array = xr.DataArray(NUMBERS.astype(float), dims=("a", "b", "c"))
    with pytest.raises(InputError, match="which one is which"):
        open_cube(array)
    assert open_cube(array, axes="bhw").array.shape == (4, 6, 5)
    two = xr.Dataset({"p": array, "q": array})
    with pytest.raises(InputError, match=r"several arrays could be the cube: p \(4, 6, 5\), q"):
        open_cube(two)
    assert open_cube(two, key="q", axes="hbw").array.shape == (6, 4, 5)


def _netcdf(folder: Path, engine: Any = "h5netcdf") -> Path:
    data = _array().to_dataset()
    data["quality"] = ("y", "x"), np.ones((6, 5), "uint8"), {"flag_meanings": "good bad"}
    data.attrs = {"title": "made up", "history": "born"}
    path = folder / "in.nc"
    data.to_netcdf(path, engine=engine)
    return path


@pytest.mark.parametrize("engine", ["h5netcdf", "scipy"])
def test_packed_netcdf_comes_back_number_by_number(tmp_path: Path, engine: str):
    source = _netcdf(tmp_path, engine)
    cube = open_cube(source)
    np.testing.assert_allclose(cube.array, REAL, rtol=1e-7)
    assert cube.wavelengths is not None and cube.wavelengths.tolist() == NM.tolist()
    assert cube.place == Place((30, 0, 5e5, 0, -30, 6e6), "EPSG:32633")
    assert save_cube(cube, tmp_path / "out.nc", history="copied") == 0
    before, after = (
        xr.open_dataset(path, engine=engine, mask_and_scale=False)
        for path in (source, tmp_path / "out.nc")
    )
    assert after.attrs.pop("history") == "copied\nborn" and before.attrs.pop("history") == "born"
    xr.testing.assert_identical(after, before)
    assert after.reflectance.dtype == np.int16 and after.reflectance.dims == ("y", "band", "x")
    if engine == "h5netcdf":
        assert after.reflectance.encoding["chunksizes"] == (2, 2, 2)
    before.close()
    after.close()


def test_xarray_to_netcdf_is_packed_as_its_encoding_says(tmp_path: Path):
    save_cube(open_cube(_array()), tmp_path / "a.nc")
    with xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf", mask_and_scale=False) as raw:
        assert np.array_equal(raw.reflectance.transpose("band", "y", "x"), NUMBERS)
        assert raw.reflectance.attrs["custom"].tolist() == [1, 2]


def test_envi_to_cf_netcdf_and_to_hdf5_and_back(tmp_path: Path):
    cube = open_cube(HERE / "envi_sample_bip.hdr")
    for name in ("a.nc", "a.h5"):
        save_cube(cube, tmp_path / name, history="copied")
        back = open_cube(tmp_path / name)
        assert np.array_equal(back.array, cube.array, equal_nan=True)
        assert back.stored.dtype == "int16" and back.stored.fill == -9999
        for part in ("wavelengths", "fwhm", "good"):
            assert np.array_equal(getattr(back, part), getattr(cube, part)), part
        assert back.place == cube.place
    with xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf", decode_coords="all") as data:
        assert data.wavelength.attrs["standard_name"] == "radiation_wavelength"
        assert data["cube"].encoding["grid_mapping"] == "spatial_ref"
        assert data["cube"].encoding["dtype"] == np.int16 and data.attrs["history"] == "copied"


def _emit(folder: Path) -> Path:
    """The layout of EMIT's reflectance: bands last, wavelengths in a group."""
    path = folder / "emit.nc"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("reflectance", data=REAL.transpose(1, 2, 0).astype("f4"))
        data[np.isnan(data[()])] = -9999
        data.attrs["_FillValue"] = np.array([-9999], "f4")
        for axis, name in enumerate(("downtrack", "crosstrack", "bands")):
            file.create_dataset(name, data=np.zeros(data.shape[axis], ">f4")).make_scale(name)
            data.dims[axis].attach_scale(file[name])
        group = file.create_group("sensor_band_parameters")
        group["wavelengths"], group["fwhm"] = NM.astype("f4"), np.full(4, 8.5, "f4")
        group["wavelengths"].attrs["units"] = "nm"
        group["good_wavelengths"] = np.array([1, 1, 0, 1], "u1")
        file.create_group("location")["lon"] = np.ones((6, 5))
    return path


def test_emit_s_layout_with_groups(tmp_path: Path):
    cube = open_cube(_emit(tmp_path))
    np.testing.assert_allclose(cube.array, REAL, rtol=1e-6)
    assert cube.wavelengths is not None and cube.wavelengths.tolist() == NM.tolist()
    assert cube.good is not None and cube.good.tolist() == [True, True, False, True]
    assert cube.notes == ()
    save_cube(cube.with_array(cube.array * 2), tmp_path / "out.nc")
    with h5py.File(tmp_path / "emit.nc") as old, h5py.File(tmp_path / "out.nc") as new:
        a: Any = old["reflectance"]
        b: Any = new["reflectance"]
        assert np.array_equal(b[()], np.where(a[()] == -9999, -9999, 2 * a[()]))
        assert [len(dim) for dim in b.dims] == [1, 1, 1] and b.dims[2][0].name == "/bands"
        lon: Any = new["location/lon"]
        assert lon[()].sum() == 30


def _prisma(folder: Path) -> Path:
    path = folder / "p.he5"
    with h5py.File(path, "w") as file:
        group = file.create_group("HDFEOS/SWATHS/PRS_L2D_HCO/Data Fields")
        raw = np.random.default_rng(1).integers(0, 65536, (6, 3, 5)).astype("u2")
        group["VNIR_Cube"], group["SWIR_Cube"] = raw, raw[:, ::-1][:, :2]
        group["VNIR_PIXEL_L2_ERR_MATRIX"] = np.zeros((6, 3, 5), "u1")
        for name, nm in (("Vnir", [500.5, 450, 0]), ("Swir", [0, 2400])):
            file.attrs[f"List_Cw_{name}"] = np.array(nm, "f4")
            file.attrs[f"List_Fwhm_{name}"] = np.full(len(nm), 11, "f4")
            file.attrs[f"L2Scale{name}Min"], file.attrs[f"L2Scale{name}Max"] = -0.25, 1.0
    return path


def test_prisma_s_two_cubes_are_one(tmp_path: Path):
    path = _prisma(tmp_path)
    cube = open_cube(path)
    with h5py.File(path) as file:
        vnir: Any = file["HDFEOS/SWATHS/PRS_L2D_HCO/Data Fields/VNIR_Cube"]
        wanted = -0.25 + vnir[()][:, :2].transpose(1, 0, 2) / 65535 * 1.25
    assert cube.wavelengths is not None and cube.wavelengths.tolist() == [500.5, 450, 2400]
    np.testing.assert_allclose(cube.array[:2], wanted, rtol=2e-7, atol=1e-7)
    save_cube(cube, tmp_path / "out.he5")
    with h5py.File(path) as old, h5py.File(tmp_path / "out.he5") as new:
        for name in ("VNIR_Cube", "SWIR_Cube"):
            key = f"HDFEOS/SWATHS/PRS_L2D_HCO/Data Fields/{name}"
            a: Any = old[key]
            b: Any = new[key]
            assert np.array_equal(a[()], b[()])


def test_hdf5_without_names_takes_the_wavelengths_or_asks(tmp_path: Path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["d"] = REAL.transpose(1, 2, 0)
    with pytest.raises(InputError, match=r"which axis of 'd' \(6, 5, 4\) is which"):
        open_cube(tmp_path / "a.h5")
    assert open_cube(tmp_path / "a.h5", axes="hwb").array.shape == (4, 6, 5)
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file["wavelength"] = NM
    cube = open_cube(tmp_path / "a.h5")
    assert cube.array.shape == (4, 6, 5) and cube.notes[0].startswith("axes of 'd' taken for rows")
    with pytest.raises(InputError, match="its source"):
        save_cube(replace(cube, array=cube.array[:, :3]), tmp_path / "b.h5")
    assert not (tmp_path / "b.h5").exists()


def test_enmap_s_folder(tmp_path: Path):
    folder = tmp_path / "ENMAP"
    folder.mkdir()
    cube = open_cube(HERE / "envi_sample_bsq.hdr")
    bare = Cube(cube.array, stored=cube.stored, place=cube.place)
    save_cube(bare, folder / "X-SPECTRAL_IMAGE.tif")
    ids = "".join(
        f"<bandID number='{n}'><wavelengthCenterOfBand>{nm}</wavelengthCenterOfBand>"
        f"<FWHMOfBand>8.5</FWHMOfBand></bandID>"
        for n, nm in enumerate(NM, 1)
    )
    text = folder / "X-METADATA.XML"
    text.write_text(
        f"<level><specific><bandCharacterisation>{ids}</bandCharacterisation></specific></level>"
    )
    found = open_cube(folder)
    assert found.wavelengths is not None and found.wavelengths.tolist() == NM.tolist()
    assert np.array_equal(found.array, cube.array, equal_nan=True)
    save_cube(found, tmp_path / "out.tif")
    again = open_cube(tmp_path / "out.tif")
    assert again.wavelengths is not None and again.wavelengths.tolist() == NM.tolist()
    text.write_text("<level/>")
    with pytest.raises(InputError, match="tells 0 bands, the image has 4"):
        open_cube(folder)
    with pytest.raises(InputError, match="expected one file"):
        open_cube(tmp_path)


@pytest.mark.parametrize("engine", ["h5netcdf", "scipy"])
def test_damaged_trees_are_told(tmp_path: Path, engine: str):
    path = _netcdf(tmp_path, engine)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"in\.nc: cannot be read as .*cut short"):
        open_cube(path)


def test_the_accessor_comes_with_its_module_only():
    code = (
        "import sys, numpy, xarray\n"
        "import undrift.scientific.hyperspectral.cubes.files\n"
        "values = numpy.random.default_rng(0).random((4, 9, 9))\n"
        "array = xarray.DataArray(values, dims=('band', 'y', 'x'))\n"
        "before = set(sys.modules)\n"
        "assert not hasattr(array, 'undrift')\n"
        "import undrift.scientific.hyperspectral.cubes.accessor\n"
        "heavy = {'torch', 'scipy', 'h5py', 'rasterio', 'h5netcdf'} & (set(sys.modules) - before)\n"
        "assert not heavy, heavy\n"
        "print(array.undrift.noise_report().sigma.shape, array.undrift.cube().bands)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "(4,) 4"
