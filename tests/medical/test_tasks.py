"""The task calls on volumes: geometry, units, kinds of input, samples, and what they refuse."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from skimage.filters import threshold_otsu
from tiny_medical import (
    DENOISE_CT,
    PRIOR,
    TO_CT,
    TRANSLATE,
    body,
    head,
    oblique,
    volume,
    write_medical,
)

import undrift
from undrift.common.errors import InputError, MissingExtraError, UsageError
from undrift.medical.intensity import measure_percentiles
from undrift.medical.method import MaximumMap
from undrift.medical.tasks import TRANSLATORS, denoise, translate
from undrift.medical.volumes import Volume, read_volume


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("models")
    return {
        "t2": write_medical(folder / "t2.safetensors", TRANSLATE),
        "ct": write_medical(folder / "ct.safetensors", DENOISE_CT),
        "prior": write_medical(folder / "prior.safetensors", PRIOR, last=0.0),
    }


def image(array: np.ndarray, affine: np.ndarray) -> nib.Nifti1Image:
    """int16, oblique, with codes, units and words in the header."""
    found = nib.Nifti1Image(np.zeros(array.shape, np.int16), affine)
    found.header.set_xyzt_units("mm", "sec")
    found.header["descrip"] = b"a scan"
    found.header["cal_max"] = 200
    found.set_qform(affine, 1)
    found.set_sform(affine, 4)
    return found


def loaded(path: Path) -> Any:
    return nib.load(path)


def test_ct_geometry_header_and_metal_come_back(tmp_path: Path, models: dict[str, str]) -> None:
    array, affine = body(), oblique()
    source = nib.Nifti1Image(array.astype(np.int16), affine, image(array, affine).header)
    path = tmp_path / "ct.nii.gz"
    nib.save(source, path)
    before = read_volume(path, "HU")
    result = denoise(path, kind="ct", model=models["ct"])
    result.save(tmp_path / "out.nii.gz")
    one, other = loaded(path), loaded(tmp_path / "out.nii.gz")
    assert np.abs(one.affine - other.affine).max() < 1e-5
    assert one.header.binaryblock == other.header.binaryblock
    written = read_volume(tmp_path / "out.nii.gz", "HU").array
    assert written[3, 3, 3] == before.array[3, 3, 3] == 2900  # beyond the window
    changed = np.abs(result.value.array - before.array)
    assert changed.mean() > 1
    assert np.abs(written - result.value.array.clip(-1024, 3071)).max() <= 0.5 + 1e-3
    np.testing.assert_allclose(result.residual, before.array - result.value.array, atol=1e-3)
    assert result.info["warnings"] is not None
    assert result.info["intensity"] == {"kind": "hu-window", "low": -1024.0, "high": 1500.0}


def test_orientation_of_the_file_does_not_matter(models: dict[str, str]) -> None:
    """The same voxels of the world give the same result, however the axes are stored."""
    array = head()
    straight = Volume(array, np.diag([1.0, 1.0, 1.0, 1.0]))
    affine = np.diag([-1.0, 1.0, -1.0, 1.0])
    affine[:3, 3] = (array.shape[0] - 1, 0, array.shape[2] - 1)
    flipped = Volume(np.ascontiguousarray(array[::-1, :, ::-1]), affine)
    one, other = (translate(v, model=models["t2"], item="x").value for v in (straight, flipped))
    np.testing.assert_allclose(other.array[::-1, :, ::-1], one.array, atol=1e-5)
    assert np.array_equal(other.affine, affine)


def test_the_map_is_inverted_where_the_network_changes_nothing(tmp_path: Path) -> None:
    """A last layer of zero on a bridge returns y itself: values come back through the map."""
    process = {"name": "brownian-bridge"}
    model = write_medical(tmp_path / "same.safetensors", DENOISE_CT, last=0.0, process=process)
    given = volume(body(), "HU")
    result = denoise(given, kind="ct", model=model, steps=1, solver="ddim")
    np.testing.assert_allclose(result.value.array, given.array, atol=2e-3)


def test_translation_is_in_the_scale_of_the_target(tmp_path: Path) -> None:
    """A network that says nothing leaves y: the source's percentiles become the target's ends."""
    model = write_medical(tmp_path / "same.safetensors", TRANSLATE, last=0.0)
    source = nib.Nifti1Image(np.rint(head()).astype(np.int16), oblique())
    nib.save(source, tmp_path / "t1.nii.gz")
    result = translate(tmp_path / "t1.nii.gz", target="t2", model=model, steps=1, solver="ddim")
    given = np.rint(head())
    measured = measure_percentiles(given.astype(np.float32))
    wanted = 2.0 * (given - measured.low) / (measured.high - measured.low)
    np.testing.assert_allclose(result.value.array, wanted, atol=1e-5)
    assert result.value.units == "arbitrary"
    assert result.info["target_scale"] == {
        "kind": "percentiles", "low": 0.0, "high": 2.0, "percentiles": [0.5, 99.5]
    }  # fmt: skip
    result.save(tmp_path / "t2.nii.gz")
    back = loaded(tmp_path / "t2.nii.gz")
    assert np.abs(back.get_fdata() - wanted).max() < np.ptp(wanted) / 30000
    assert np.abs(back.affine - source.affine).max() < 1e-5


@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.uint8])
def test_ct_from_mr_is_in_hu_as_16_bits_whatever_the_source_was(dtype: Any, tmp_path: Path) -> None:
    """A network that says nothing leaves y: percentiles become the HU of the target's ends."""
    model = write_medical(tmp_path / "same.safetensors", TO_CT, last=0.0)
    given = np.rint(head())
    given[11, 13, 10] = 255  # far beyond the percentiles: above what 12 bits hold
    nib.save(nib.Nifti1Image(given.astype(dtype), oblique()), tmp_path / "t1.nii.gz")
    result = translate(tmp_path / "t1.nii.gz", target="ct", model=model, steps=1, solver="ddim")
    low, high = (float(v) for v in np.percentile(given[given > threshold_otsu(given)], (0.5, 99.5)))
    wanted = -1000 + 2400 * (given - low) / (high - low)
    np.testing.assert_allclose(result.value.array, wanted, rtol=1e-5, atol=0.01)
    assert result.value.units == "HU"
    assert result.info["target_scale"] == {"kind": "hu", "low": -1000.0, "high": 1400.0}
    assert any(text.startswith("result: ") for text in result.info["warnings"])  # no body's HU
    result.save(tmp_path / "ct.nii.gz")
    stored = loaded(tmp_path / "ct.nii.gz")
    assert stored.get_data_dtype() == np.int16 and stored.dataobj.slope == 1
    assert wanted.max() > 3071 and wanted.min() < -1024
    expected = np.rint(wanted).clip(-1024, 3071)
    assert np.abs(np.asarray(stored.dataobj) - expected).max() <= 1  # of ties


@pytest.mark.parametrize("tile", ["off", (12, 16, 10)])
def test_samples_lie_about_one_call_as_the_weights_say(tile: Any, tmp_path: Path) -> None:
    """The mean is the estimate of one call; deviations are those of the path, times the factor."""
    signal = {**TRANSLATE["signal"], "spread": {"wider": 2.5, "steps": 3}}
    process = {"name": "residual-shift", "params": {"kappa": 0.3}}
    model = write_medical(tmp_path / "t2.safetensors", TRANSLATE, signal=signal, process=process)
    given, shared = volume(head()), {"model": model, "item": "x", "tile": tile}
    result = translate(given, samples=4, **shared)
    raw = translate(given, samples=4, steps=3, solver="auto", **shared)
    once = translate(given, steps=1, solver="ddim", **shared)
    np.testing.assert_allclose(result.value.array, once.value.array, atol=1e-5)
    np.testing.assert_allclose(result.std, 2.5 * raw.std, rtol=1e-4, atol=1e-6)
    assert raw.std.max() > 1e-3
    for mine, theirs in zip(result.samples, raw.samples, strict=True):
        wanted = once.value.array + 2.5 * (theirs.array - raw.value.array)
        np.testing.assert_allclose(mine.array, wanted, atol=1e-4)
    assert result.info["spread"] == {"wider": 2.5, "steps": 3}
    assert result.info["nfe"] == raw.info["nfe"] + 1 and "spread" not in raw.info
    alone = translate(given, steps=3, **shared)
    assert "spread" not in alone.info and alone.samples == ()
    less = translate(given, samples=4, keep_samples=False, **shared)
    np.testing.assert_allclose(less.std, result.std, atol=1e-6)
    np.testing.assert_array_equal(less.value.array, result.value.array)


def test_values_beyond_the_window_of_ct_have_no_spread(tmp_path: Path) -> None:
    signal = {**DENOISE_CT["signal"], "spread": {"wider": 2.0, "steps": 2}}
    model = write_medical(tmp_path / "ct.safetensors", DENOISE_CT, signal=signal)
    result = denoise(volume(body(), "HU"), kind="ct", model=model, samples=3)
    assert result.value.array[3, 3, 3] == 2900 and result.std[3, 3, 3] == 0
    assert all(one.array[3, 3, 3] == 2900 for one in result.samples)
    np.testing.assert_allclose(
        np.mean([one.array for one in result.samples], 0), result.value.array, atol=1e-2
    )


def test_a_target_without_weights_says_how_to_make_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TRANSLATORS, "ct", "brain-t1-unmade")
    with pytest.raises(MissingExtraError, match="undrift train brain-t1-unmade") as caught:
        translate(volume(head()), target="ct")
    assert caught.value.exit_code == 5


@pytest.mark.parametrize("kind", ["volume", "image", "array", "tensor"])
def test_the_same_kind_comes_back(kind: str, models: dict[str, str]) -> None:
    array = head()
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    signals: dict[str, Any] = {
        "volume": Volume(array, affine),
        "image": nib.Nifti1Image(array, affine),
        "array": array,
        "tensor": torch.from_numpy(array),
    }
    spacing: dict[str, Any] = {"spacing": (1, 1, 1)} if kind in ("array", "tensor") else {}
    result = translate(signals[kind], model=models["t2"], samples=2, **spacing)
    assert type(result.value) is type(signals[kind])
    assert len(result.samples) == 2
    assert type(result.samples[0]) is type(signals[kind])

    def numbers(value: Any) -> np.ndarray:
        for name in ("array", "dataobj"):
            value = getattr(value, name, value)
        return np.asarray(value)

    both = np.stack([numbers(sample) for sample in result.samples])
    np.testing.assert_allclose(numbers(result.value), both.mean(0), atol=1e-5)
    np.testing.assert_allclose(np.asarray(result.std), both.std(0, ddof=1), atol=1e-5)
    assert both.std(0).mean() > 1e-3


def test_tile_batch_and_memory_do_not_matter(models: dict[str, str]) -> None:
    given = volume(head((30, 34, 28)))
    whole = translate(given, model=models["t2"], tile="off").value.array
    others: list[dict[str, Any]] = [{"tile": (12, 16, 28)}, {"tile": 20, "batch": 3}]
    for wishes in others:
        other = translate(given, model=models["t2"], **wishes)
        np.testing.assert_allclose(other.value.array, whole, atol=1e-5)
        assert other.info["tiled_equals_whole"]
        assert other.info["tiles"] > 1


def test_seed_and_item_make_the_noise(models: dict[str, str]) -> None:
    given = volume(head())
    changes: list[dict[str, Any]] = [{}, {}, {"seed": 1}, {"item": "b"}]
    calls = [translate(given, model=models["t2"], **w).value.array for w in changes]
    assert np.array_equal(calls[0], calls[1])
    for other in calls[2:]:
        assert np.abs(other - calls[0]).max() > 1e-3


def test_rician_noise_leaves_by_an_exact_prior(models: dict[str, str]) -> None:
    """The zero network is exact for parts N(0, .35^2): one call shrinks by their share of it."""
    random = np.random.default_rng(3)
    clean, sigma = 100 * np.ones((24, 24, 24)), 5.0
    clean[:8] = 0  # air
    noisy = np.abs(clean + sigma * (random.standard_normal(clean.shape)
                                    + 1j * random.standard_normal(clean.shape)))  # fmt: skip
    result = denoise(volume(noisy), kind="mr", model=models["prior"])
    assert result.info["sigma"] == pytest.approx(sigma, rel=0.06)
    scale = result.info["intensity"]["scale"]
    assert result.info["nfe"] == 1
    shrunk = 0.35**2 / (0.35**2 + (result.info["sigma"] / scale) ** 2)
    tissue = result.value.array[10:]
    assert tissue.mean() == pytest.approx(100 * shrunk, rel=0.01)
    assert tissue.std() == pytest.approx(sigma * shrunk, rel=0.05)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.where(np.arange(8000).reshape(20, 20, 20) == 77, np.nan, head((20, 20, 20))),
         "1 of 8000 voxels are no finite numbers"),
        (np.zeros((20, 20, 20)), "all voxels are 0"),
        (head((20, 20, 1)), "a single slice is no volume"),
        (np.stack([head((20, 20, 20))] * 3, -1), "3 time points, expected 1"),
    ],
)  # fmt: skip
def test_faults_are_told(array: np.ndarray, said: str, models: dict[str, str]) -> None:
    with pytest.raises(InputError, match=said):
        translate(volume(array), model=models["t2"])


def test_wrong_units_are_told(models: dict[str, str]) -> None:
    array = (body() + 1024) / 4095
    with pytest.raises(InputError, match="expected Hounsfield units"):
        denoise(volume(array, "HU"), kind="ct", model=models["ct"])
    with pytest.raises(InputError, match="none below 0"):
        denoise(volume(head() - 50), kind="mr", model=models["prior"])


def test_wrong_calls_are_told(models: dict[str, str], tmp_path: Path) -> None:
    given = volume(head())
    for error, said, call in [
        (UsageError, "name a target", lambda: translate(given)),
        (UsageError, "there are models for t2", lambda: translate(given, target="flaire")),
        (InputError, "makes t2-se, not flair",
         lambda: translate(given, target="flair", model=models["t2"])),
        (InputError, "is a model for denoise", lambda: translate(given, model=models["ct"])),
        (InputError, "is a model for mr, not for ct",
         lambda: denoise(given, kind="ct", model=models["prior"])),
        (UsageError, "expected ct or mr", lambda: denoise(given, kind="pet")),
        (UsageError, "pad means nothing", lambda: translate(given, target="t2", pad="wrap")),
        (UsageError, "unknown keyword 'sedd'", lambda: translate(given, target="t2", sedd=1)),
        (UsageError, "give spacing", lambda: translate(head(), model=models["t2"])),
        (UsageError, "leave sigma out",
         lambda: denoise(given, kind="mr", sigma=3, model=write_medical(
             tmp_path / "mr.safetensors", TRANSLATE, task="denoise", id="mr"))),
    ]:  # fmt: skip
        with pytest.raises(error, match=said):
            call()


def test_voxels_outside_the_training_range_are_a_warning(models: dict[str, str]) -> None:
    thick = Volume(head(), np.diag([1.0, 1.0, 5.0, 1.0]))
    told = translate(thick, model=models["t2"]).info["warnings"]
    assert any("voxels of 1 x 1 x 5 mm" in text for text in told)


def test_slices_in_step_by_the_header(tmp_path: Path) -> None:
    """A two-dimensional network of stacks of three, told by `slices`, in tiles and whole."""
    model = write_medical(
        tmp_path / "flat.safetensors",
        TRANSLATE,
        signal={**TRANSLATE["signal"], "slices": 3},
        network={"name": "local-nafnet", "params": {
            "inputs": 6, "outputs": 3, "unshuffle": 2, "widths": [8], "depths": [1], "features": 4,
        }},
    )  # fmt: skip
    whole = translate(volume(head()), model=model, tile="off")
    tiles = translate(volume(head()), model=model, tile=(8, 12, 6))
    np.testing.assert_allclose(tiles.value.array, whole.value.array, atol=1e-5)
    assert tiles.info["tiled_equals_whole"]


def test_the_map_of_complex_models() -> None:
    kept = MaximumMap(40.0)
    values = head()
    np.testing.assert_allclose(kept.inverse(kept.forward(values), values), values, rtol=1e-6)
    assert kept.record() == {"kind": "robust-maximum", "scale": 40.0}


def test_lazy_names() -> None:
    assert undrift.medical.translate is translate
    assert undrift.medical.denoise is denoise
    with pytest.raises(AttributeError):
        undrift.medical.transalte  # noqa: B018
