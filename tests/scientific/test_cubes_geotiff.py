"""GeoTIFF cubes: numbers, blocks, tags and places come back as rasterio itself wrote them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import Affine

from undrift.common.errors import InputError
from undrift.scientific.hyperspectral.cubes.cube import Cube
from undrift.scientific.hyperspectral.cubes.files import open_cube, save_cube

HERE = Path(__file__).parents[1] / "reference" / "scientific"
TRANSFORM = Affine(30, 0, 5e5, 0, -30, 6e6)
NUMBERS = np.random.default_rng(0).integers(-300, 9000, (3, 33, 40)).astype("int16")
NUMBERS[:, :4, :5] = -9999


def _made(folder: Path, name: str = "in.tif", **profile: Any) -> Path:
    path = folder / name
    settings = {
        "driver": "GTiff", "width": 40, "height": 33, "count": 3, "dtype": "int16",
        "crs": "EPSG:32633", "transform": TRANSFORM, "nodata": -9999, "tiled": True,
        "blockxsize": 16, "blockysize": 16, "compress": "deflate", "predictor": 2,
        "interleave": "pixel",
    }  # fmt: skip
    with rasterio.open(path, "w", **settings | profile) as file:
        file.write(NUMBERS.astype(file.dtypes[0]))
        file.scales, file.offsets = (1e-4, 2e-4, 1e-4), (0, 0, 0.5)
        file.descriptions = ("blue", "green", None)
        file.units = ("reflectance", None, None)
        file.update_tags(instrument="made up", AREA_OR_POINT="Point")
        file.update_tags(ns="MINE", note="kept")
        for band, (nm, width) in enumerate(((865.75, 9), (450.5, 6.5), (550.25, 7)), 1):
            file.update_tags(
                band, wavelength=nm, wavelength_units="Nanometers", fwhm=width,
                bbl=int(band != 2), STATISTICS_MEAN="1",
            )  # fmt: skip
        file.colorinterp = (ColorInterp.gray, ColorInterp.undefined, ColorInterp.undefined)
        file.build_overviews([2])
    return path


def _said(path: Path) -> dict[str, Any]:
    with rasterio.open(path) as file:
        return {
            "numbers": file.read().tolist(), "profile": file.profile, "scales": file.scales,
            "offsets": file.offsets, "descriptions": file.descriptions, "units": file.units,
            "tags": file.tags(), "mine": file.tags(ns="MINE"), "colours": file.colorinterp,
            "predictor": file.tags(ns="IMAGE_STRUCTURE").get("PREDICTOR"),
            "overviews": file.overviews(1), "blocks": file.block_shapes,
            "bands": [
                {k: v for k, v in file.tags(band).items() if "STAT" not in k} for band in (1, 2, 3)
            ],
        }  # fmt: skip


def test_values_are_masked_before_they_are_scaled(tmp_path: Path):
    cube = open_cube(_made(tmp_path))
    wanted = NUMBERS * np.array([1e-4, 2e-4, 1e-4])[:, None, None]
    wanted[2] += 0.5
    wanted[NUMBERS == -9999] = np.nan
    np.testing.assert_allclose(cube.array, wanted, rtol=2e-7)
    assert cube.wavelengths is not None and cube.wavelengths.tolist() == [865.75, 450.5, 550.25]
    assert cube.fwhm is not None and cube.fwhm.tolist() == [9, 6.5, 7]
    assert cube.good is not None and cube.good.tolist() == [True, False, True]
    assert cube.place is not None and cube.place.transform == tuple(TRANSFORM)[:6]
    assert cube.place.crs is not None and "32633" in cube.place.crs


@pytest.mark.parametrize(
    "profile",
    [
        {},
        {"tiled": False, "blockxsize": None, "interleave": "band", "compress": "lzw"},
        {"dtype": "float32", "nodata": np.nan, "predictor": 3},
        {"dtype": "int32", "nodata": None},
    ],
)
def test_what_comes_back_says_the_same(tmp_path: Path, profile: dict[str, Any]):
    profile = {key: value for key, value in profile.items() if value is not None or key == "nodata"}
    if profile.get("tiled") is False:
        profile["blockxsize"] = 40
    source = _made(tmp_path, **profile)
    assert save_cube(open_cube(source), tmp_path / "out.tif") == 0
    before, after = _said(source), _said(tmp_path / "out.tif")
    numbers = np.array(after.pop("numbers")), np.array(before.pop("numbers"))
    if profile.get("dtype") == "float32":
        np.testing.assert_allclose(numbers[0], numbers[1], rtol=2e-7, atol=1e-3)
        assert np.isnan(after["profile"].pop("nodata")) and np.isnan(
            before["profile"].pop("nodata")
        )
    else:
        assert np.array_equal(*numbers)
    assert after == before
    with rasterio.open(tmp_path / "out.tif") as file:
        assert not any("STAT" in key for key in file.tags(1))  # of values that changed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.tif", "out.tif"]


def test_a_mask_of_the_file_hides_values_and_is_written_again(tmp_path: Path):
    path, mask = tmp_path / "in.tif", np.ones((33, 40), bool)
    mask[3:9, 5:] = False
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(
            path, "w", driver="GTiff", width=40, height=33, count=3, dtype="uint16",
            transform=TRANSFORM,
        ) as file,
    ):  # fmt: skip
        file.write(abs(NUMBERS).astype("uint16"))
        file.write_mask(mask)
    cube = open_cube(path)
    assert np.array_equal(cube.missing, np.broadcast_to(~mask, cube.array.shape))
    save_cube(cube, tmp_path / "out.tif")
    with rasterio.open(tmp_path / "out.tif") as file:
        assert np.array_equal(file.dataset_mask() > 0, mask)
        assert np.array_equal(file.read()[:, mask], abs(NUMBERS)[:, mask])
    again = open_cube(tmp_path / "out.tif")
    assert np.array_equal(again.array, cube.array, equal_nan=True)


def test_cloud_optimised_stays_so(tmp_path: Path):
    from rasterio.shutil import copy

    copy(_made(tmp_path), tmp_path / "cog.tif", driver="COG", blocksize=128)
    save_cube(open_cube(tmp_path / "cog.tif"), tmp_path / "out.tif")
    with rasterio.open(tmp_path / "out.tif") as file:
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert np.array_equal(file.read(), NUMBERS)
        assert file.tags(1)["wavelength"] == "865.75" and file.scales[1] == 2e-4
    assert len(list(tmp_path.iterdir())) == 3


def test_where_bands_lie_by_gdal_s_tags_or_by_descriptions(tmp_path: Path):
    path = tmp_path / "in.tif"
    profile = {"driver": "GTiff", "width": 4, "height": 3, "count": 2, "dtype": "float32"}
    with rasterio.open(path, "w", transform=TRANSFORM, **profile) as file:
        file.write(np.ones((2, 3, 4), "float32"))
        file.descriptions = ("band 1 (0.4505 Micrometers)", "band 2 (0.55 um)")
    cube = open_cube(path)
    assert cube.wavelengths is not None
    np.testing.assert_allclose(cube.wavelengths, [450.5, 550])
    with rasterio.open(path, "r+") as file:
        for band, um in enumerate((0.7, 0.8), 1):
            file.update_tags(band, ns="IMAGERY", CENTRAL_WAVELENGTH_UM=um, FWHM_UM=0.01)
    cube = open_cube(path)
    assert cube.wavelengths is not None and cube.fwhm is not None
    np.testing.assert_allclose(cube.wavelengths, [700, 800])
    np.testing.assert_allclose(cube.fwhm, [10, 10])
    save_cube(cube, tmp_path / "out.tif")
    with rasterio.open(tmp_path / "out.tif") as file:
        assert file.tags(2, ns="IMAGERY")["CENTRAL_WAVELENGTH_UM"] == "0.8"
    with rasterio.open(path, "r+") as file:
        for band in (1, 2):
            file.update_tags(band, wavelength=f"0.{band}")
    cube = open_cube(path)
    assert cube.notes == ("wavelengths without a unit, up to 0.2, taken for micrometres",)


def test_bands_without_wavelengths_are_a_cube_without(tmp_path: Path):
    path = tmp_path / "in.tif"
    profile = {"driver": "GTiff", "width": 4, "height": 3, "count": 2, "dtype": "uint8"}
    with pytest.warns(NotGeoreferencedWarning), rasterio.open(path, "w", **profile) as file:
        file.write(np.ones((2, 3, 4), "u1"))
        file.descriptions = ("band 450", "550 nm")
    cube = open_cube(path)
    assert cube.wavelengths is None and cube.place is None
    save_cube(cube, tmp_path / "out.tif")
    assert open_cube(tmp_path / "out.tif").place is None


def test_envi_to_geotiff_and_back_keeps_place_scale_and_bands(tmp_path: Path):
    cube = open_cube(HERE / "envi_sample_bil.hdr")
    save_cube(cube, tmp_path / "a.tif", history="copied")
    with rasterio.open(tmp_path / "a.tif") as file:
        assert file.dtypes[0] == "int16" and file.nodata == -9999 and file.scales[0] == 1e-4
        assert file.tags()["undrift_history"] == "copied"
        assert cube.place is not None and tuple(file.transform)[:6] == cube.place.transform
        assert file.descriptions[1] == "550.25 nm" and file.tags(3)["bbl"] == "0"
    back = open_cube(tmp_path / "a.tif")
    _same(back, cube)
    bare = Cube(back.array, back.wavelengths, back.fwhm, back.good, back.stored, place=back.place)
    save_cube(bare, tmp_path / "b.hdr")
    _same(open_cube(tmp_path / "b.hdr"), cube)


def test_a_system_nobody_understands_is_told(tmp_path: Path):
    cube = open_cube(HERE / "envi_sample_bil.hdr")
    assert cube.place is not None and cube.place.crs == "EPSG:32633"  # the header's WKT is a name
    broken = replace(cube, place=replace(cube.place, crs='PROJCS["x"]'))
    with pytest.raises(InputError, match="cannot be understood"):
        save_cube(broken, tmp_path / "a.tif")
    assert not list(tmp_path.iterdir())


def _same(a: Cube, b: Cube) -> None:
    assert np.array_equal(a.array, b.array, equal_nan=True) and a.stored.dtype == b.stored.dtype
    for name in ("wavelengths", "fwhm", "good"):
        assert np.array_equal(getattr(a, name), getattr(b, name)), name
    assert a.place is not None and b.place is not None and a.place.transform == b.place.transform


@pytest.mark.parametrize("turn", [0, 30, -20, 90])
def test_places_of_envi_are_those_that_gdal_reads(tmp_path: Path, turn: int):
    np.ones((1, 3, 4), "<f4").tofile(tmp_path / "a.img")
    (tmp_path / "a.hdr").write_text(
        "ENVI\nsamples = 4\nlines = 3\nbands = 1\nheader offset = 0\nfile type = ENVI Standard\n"
        "data type = 4\ninterleave = bsq\nbyte order = 0\nmap info = {UTM, 1, 1, 500000, 4600000, "
        f"30, 30, 33, North, WGS-84, units=Meters, rotation={turn}}}\n"
    )
    place = open_cube(tmp_path / "a.hdr").place
    with rasterio.open(tmp_path / "a.img") as file:
        assert place is not None and place.crs == f"EPSG:{file.crs.to_epsg()}"
        np.testing.assert_allclose(place.transform, tuple(file.transform)[:6], atol=1e-6)


def test_damaged_files_are_told(tmp_path: Path):
    whole = _made(tmp_path).read_bytes()
    (tmp_path / "cut.tif").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.tif").write_text("no picture")
    for name in ("cut.tif", "text.tif", "none.tif"):
        with pytest.raises(InputError, match=f"{name}: cannot be read as GeoTIFF"):
            open_cube(tmp_path / name)
    profile = {"driver": "GTiff", "width": 4, "height": 3, "count": 1, "dtype": "complex64"}
    with rasterio.open(tmp_path / "c.tif", "w", transform=TRANSFORM, **profile) as file:
        file.write(np.ones((1, 3, 4), "complex64"))
    with pytest.raises(InputError, match="numbers of type complex64"):
        open_cube(tmp_path / "c.tif")
    with pytest.raises(InputError, match="no key and no axes"):
        open_cube(tmp_path / "c.tif", axes="hwb")
