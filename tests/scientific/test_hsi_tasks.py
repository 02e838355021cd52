"""`denoise` of cubes: kinds of input, missing values, masks, bands, seeds; the commands."""

import json
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from undrift.cli import cli
from undrift.common.errors import InputError, UsageError
from undrift.scientific.hyperspectral import metrics
from undrift.scientific.hyperspectral.cubes.cube import Cube, Stored
from undrift.scientific.hyperspectral.cubes.files import open_cube, save_cube
from undrift.scientific.hyperspectral.noise.cases import add_gaussian
from undrift.scientific.hyperspectral.scenes.scene import scene
from undrift.scientific.hyperspectral.scenes.sensors import sensor
from undrift.scientific.hyperspectral.tasks import denoise

SCENE = scene(40, 36, sensor("visible"), seed=830)
CLEAN = SCENE.array
NOISY = add_gaussian(CLEAN, 25, seed=1).cube
FAST: dict[str, Any] = {"method": "non-local-means"}


def test_an_array_comes_back_as_an_array_with_its_axes_and_less_noise():
    made = denoise(NOISY, **FAST)
    assert isinstance(made.value, np.ndarray) and made.value.dtype == np.float32
    assert metrics.mpsnr(CLEAN, made.value) > metrics.mpsnr(CLEAN, NOISY) + 10
    assert np.allclose(made.residual, NOISY - made.value)
    turned = denoise(np.moveaxis(NOISY, 0, 2).astype(np.float64), axes="hwb", **FAST)
    assert turned.value.shape == (40, 36, 31) and turned.value.dtype == np.float64
    assert np.allclose(np.moveaxis(turned.value, 2, 0), made.value, atol=1e-5)


def test_the_noise_that_was_put_there_is_in_the_record_and_chi_is_that_of_noise():
    info = denoise(NOISY, **FAST).info
    assert np.median(info["noise"]["sigma"]) == pytest.approx(25 / 255, rel=0.1)
    assert 0.85 < info["chi"] < 1.05
    assert info["noise"]["bad"] == [] and sum(info["noise"]["dead"]) == 0


def test_missing_values_stay_missing_and_touch_no_other_pixel_much():
    holes = NOISY.copy()
    holes[:, 5:12, 8:20] = np.nan
    holes[7, 30, :] = np.nan
    made = denoise(holes, **FAST)
    assert np.array_equal(np.isnan(made.value), np.isnan(holes))
    there = np.isfinite(holes)
    error = np.sqrt(((made.value - CLEAN)[there] ** 2).mean())
    whole = denoise(NOISY, **FAST).value
    assert error < 1.2 * np.sqrt(((whole - CLEAN)[there] ** 2).mean())
    filled = denoise(holes, fill=True, **FAST).value
    assert np.isfinite(filled).all()
    assert abs(filled[7, 30] - CLEAN[7, 30]).mean() < 0.05  # the other bands know this row


def test_what_is_masked_is_not_used_and_comes_out_as_it_came():
    spoilt = NOISY.copy()
    spoilt[:, 10:20, 10:20] = 40.0
    mask = np.zeros((40, 36), bool)
    mask[10:20, 10:20] = True
    made = denoise(spoilt, mask=mask, **FAST)
    assert (made.value[:, 10:20, 10:20] == 40.0).all()
    error = (made.value - CLEAN)[:, ~mask]
    assert np.sqrt((error**2).mean()) < 0.03
    with pytest.raises(InputError, match=r"mask float64 .* expected bool"):
        denoise(spoilt, mask=mask.astype(float), **FAST)


def test_bands_that_are_bad_or_not_asked_for_come_out_as_they_came():
    good = np.ones(31, bool)
    good[[3, 17]] = False
    worse = NOISY.copy()
    worse[17] = np.random.default_rng(0).standard_normal(CLEAN.shape[1:])
    made = denoise(Cube(worse, SCENE.wavelengths, good=good), bands="good", **FAST)
    assert np.array_equal(made.value.array[[3, 17]], worse[[3, 17]])
    assert not np.array_equal(made.value.array[4], worse[4])
    assert made.value.good is good and made.info["bands"] == 29
    some = denoise(NOISY, bands=[0, 5, 9, 12], **FAST).value
    assert [b for b in range(31) if not np.array_equal(some[b], NOISY[b])] == [0, 5, 9, 12]


def test_xarray_comes_back_with_its_dimensions_coordinates_and_attributes():
    xarray = pytest.importorskip("xarray")
    array = xarray.DataArray(
        np.moveaxis(NOISY, 0, 2),
        dims=("y", "x", "band"),
        coords={"wavelength": ("band", SCENE.wavelengths, {"units": "nm"}), "y": np.arange(40.0)},
        attrs={"long_name": "reflectance"},
    )
    made = denoise(array, **FAST).value
    assert made.dims == array.dims and made.attrs == array.attrs
    assert made.wavelength.equals(array.wavelength) and made.y.equals(array.y)
    assert np.allclose(made.transpose("band", "y", "x").values, denoise(NOISY, **FAST).value)


def test_an_empty_band_stays_empty():
    empty = NOISY.copy()
    empty[12] = np.nan
    made = denoise(empty, **FAST).value
    assert np.isnan(made[12]).all() and np.isfinite(np.delete(made, 12, 0)).all()


@pytest.mark.parametrize(
    ("asked", "kind", "said"),
    [
        ({"method": "magic"}, UsageError, "no method 'magic'"),
        ({"method": "non-local-means", "samples": 3}, UsageError, "draws no samples"),
        ({"method": "low-rank", "solver": "heun"}, UsageError, "chain of its own"),
        ({"bands": [40], **FAST}, UsageError, "numbers from 0 to 30"),
        ({"bands": [1, 2], **FAST}, InputError, "three|3 or more"),
        ({"pad": "wrap", **FAST}, UsageError, "pad means nothing"),
        ({"stepps": 3, **FAST}, UsageError, "did you mean 'steps'"),
    ],
)
def test_what_cannot_be_is_said(asked, kind, said):
    with pytest.raises(kind, match=said):
        denoise(NOISY, **asked)


def test_whole_numbers_are_refused_since_their_scale_is_unknown():
    with pytest.raises(InputError, match="convert numbers of a sensor"):
        denoise((NOISY * 1e4).astype(np.int16), **FAST)


def test_samples_depend_on_the_seed_alone_and_tiles_change_nothing():
    part = NOISY[::8, :28, :28]
    first, again, other, tiled = (
        denoise(part, method="low-rank", samples=2, steps=2, seed=seed, tile=tile)
        for seed, tile in ((0, "off"), (0, "off"), (1, "off"), (0, (20,)))
    )
    assert np.array_equal(first.samples[1], again.samples[1])
    assert not np.allclose(first.samples[1], other.samples[1])
    assert np.allclose(first.value, other.value)  # the mean draws nothing
    assert np.allclose(first.samples[1], tiled.samples[1], atol=1e-5)
    assert first.std is not None and first.std.shape == part.shape and (first.std > 0).all()
    assert first.info["model"] == "photos-prior" and first.info["nfe"] > 0


def _scene_file(folder, array):
    stored = Stored(kind="none", dtype="int16", scale=1e-4, fill=-9999.0)
    path = folder / "noisy.hdr"
    save_cube(Cube(array, SCENE.wavelengths, SCENE.fwhm, stored=stored), path)
    return path


def test_the_command_keeps_storage_writes_its_record_and_resumes(tmp_path):
    array = NOISY[:, :32, :32].clip(-0.9, 3).copy()
    array[:, :4, :4] = np.nan
    path = _scene_file(tmp_path, array)
    out, page = tmp_path / "out" / "clean.hdr", tmp_path / "out" / "page.html"
    call = ["hsi", "denoise", str(path), "-o", str(out), "--method", "non-local-means",
            "--report", str(page)]  # fmt: skip
    done = CliRunner().invoke(cli, call, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    made = open_cube(out)
    assert np.array_equal(np.isnan(made.array), np.isnan(array))
    assert made.stored.dtype == "int16" and made.wavelengths is not None
    assert np.allclose(made.wavelengths, sensor("visible").wavelengths)
    record = json.loads(out.with_suffix(".json").read_text())
    assert record["method"] == "non-local-means" and record["task"] == "hsi denoise"
    assert "seconds" not in record and "undrift history" in out.read_text()
    text = page.read_text()
    assert "spectra of four pixels" in text and "noisy.hdr" in text
    before = out.stat().st_mtime_ns
    again = CliRunner().invoke(cli, [*call, "--json"], catch_exceptions=False)
    assert '"skipped"' in again.output and out.stat().st_mtime_ns == before


def test_the_report_counts_what_was_put_there(tmp_path):
    array = NOISY.copy()
    array[4, :, 7] += 1.0
    array[9, :, 20] = 0.0
    save_cube(Cube(array, SCENE.wavelengths), tmp_path / "a.hdr")
    call = ["hsi", "report", str(tmp_path / "a.hdr"), "-o", str(tmp_path / "a.html")]
    done = CliRunner().invoke(cli, call, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "a.json").read_text())
    assert told["cube"]["dead_detectors"] == 1 and told["bands"][9]["dead_columns"] == 1
    assert told["bands"][4]["stripe_rms"] == pytest.approx(1 / np.sqrt(36), rel=0.2)
    rows = (tmp_path / "a.csv").read_text().splitlines()
    assert len(rows) == 32 and rows[0].startswith("band,wavelength_nm,sigma")
    sigma = [float(row.split(",")[2]) for row in rows[1:]]
    assert np.median(sigma) == pytest.approx(25 / 255, rel=0.1)
    assert (tmp_path / "a.html").read_text().count("data:image") >= 4


@pytest.mark.parametrize("noise", ["case5", "pushbroom", "poisson"])
def test_simulated_noise_is_made_again_from_its_record(tmp_path, noise: str):
    save_cube(Cube(CLEAN, SCENE.wavelengths), tmp_path / "clean.hdr")
    start = ["hsi", "simulate", str(tmp_path / "clean.hdr"), "-o"]
    more = ["--parameter", "snr=50"] if noise == "pushbroom" else []
    calls = [
        [*start, str(tmp_path / "one.hdr"), "--noise", noise, "--seed", "5", *more],
        [*start, str(tmp_path / "two.hdr"), "--replay", str(tmp_path / "one.json")],
        [*start, str(tmp_path / "three.hdr"), "--noise", noise, "--seed", "6", *more],
    ]
    for call in calls:
        done = CliRunner().invoke(cli, call, catch_exceptions=False)
        assert done.exit_code == 0, done.output
    one, two, three = ((tmp_path / f"{n}.img").read_bytes() for n in ("one", "two", "three"))
    assert one == two and one != three
    told = json.loads((tmp_path / "one.json").read_text())
    assert told["law"]["noise"] == noise and told["truth"] == "clean.hdr"
    if noise == "pushbroom":
        assert told["law"]["sensor"]["snr"] == 50 and told["law"]["sensor"]["gain"] == 0.01


def test_commands_say_what_is_wrong(tmp_path):
    save_cube(Cube(CLEAN * 1e4), tmp_path / "dn.hdr")
    start = ["hsi", "simulate", str(tmp_path / "dn.hdr"), "-o", str(tmp_path / "o.hdr")]
    for extra, said in (
        ([], "either --noise NAME or --replay"),
        (["--noise", "case9"], "no noise 'case9'"),
        (["--noise", "case1", "--parameter", "snr=3"], "only pushbroom"),
        (["--noise", "pushbroom", "--parameter", "snrr=3"], "did you mean 'snr'"),
    ):
        with pytest.raises(UsageError, match=said):
            CliRunner().invoke(cli, [*start, *extra], catch_exceptions=False)
    done = CliRunner().invoke(cli, [*start, "--noise", "case1"])
    assert done.exit_code != 0
    assert not (tmp_path / "o.hdr").exists()
