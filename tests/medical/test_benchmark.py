"""Scores of volumes with known answers, and the suite on rows made for it."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tiny_medical import TO_CT, write_medical

from undrift.common.errors import InputError, UsageError
from undrift.medical import metrics
from undrift.medical.benchmark import baselines, cases, models, suite, tables
from undrift.medical.benchmark.cases import Case, Row, air_noise, rows_named
from undrift.medical.benchmark.cli import benchmark
from undrift.medical.benchmark.real import anatomical
from undrift.medical.intensity import measure_percentiles
from undrift.medical.signal import PercentileSettings
from undrift.medical.simulate.anatomy import Phantom, brain
from undrift.medical.simulate.brain_ct import brain_ct

TRUTH = np.linspace(0, 1, 512).reshape(8, 8, 8)
MASK = TRUTH > 0.5


def test_psnr_and_error_are_those_of_the_mask() -> None:
    x = TRUTH + np.where(MASK, 0.1, 7.0)
    assert metrics.psnr(x, TRUTH, 2.0, MASK) == pytest.approx(20 * np.log10(20))
    assert metrics.mae(x, TRUTH, MASK) == pytest.approx(0.1)
    assert metrics.psnr(TRUTH, TRUTH, 1.0) == float("inf")
    tissues = {"in": MASK, "out": ~MASK, "few": TRUTH > 0.99}
    assert metrics.mae_by_tissue(x, TRUTH, tissues) == pytest.approx({"in": 0.1, "out": 7.0})


def test_ssim_is_scikit_images_and_takes_thin_volumes() -> None:
    from skimage.metrics import structural_similarity

    x = TRUTH + 0.05 * np.random.default_rng(0).standard_normal(TRUTH.shape)
    wanted = structural_similarity(TRUTH, x, data_range=1.0, win_size=7)
    assert metrics.ssim(x, TRUTH, 1.0) == pytest.approx(wanted)
    assert metrics.ssim(TRUTH[..., :4], TRUTH[..., :4], 1.0) == pytest.approx(1)
    with pytest.raises(InputError, match="too thin"):
        metrics.ssim(TRUTH[..., :2], TRUTH[..., :2], 1.0)


def test_crps_of_normal_samples_is_the_closed_form_and_of_one_the_error() -> None:
    rng = np.random.default_rng(1)
    truth = rng.standard_normal(4000)
    samples = list(rng.standard_normal((8, 4000)))
    assert metrics.crps(samples, truth) == pytest.approx(1 / np.sqrt(np.pi), abs=0.015)
    assert metrics.coverage(samples, truth) == pytest.approx(0.9, abs=0.015)
    narrow = [0.5 * one for one in samples]
    assert metrics.coverage(narrow, truth) < 0.75
    assert metrics.crps([truth + 2], truth) == pytest.approx(2)


def test_shapes_and_masks_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="expected equal"):
        metrics.mae(TRUTH[1:], TRUTH)
    with pytest.raises(InputError, match="empty"):
        metrics.mae(TRUTH, TRUTH, MASK & ~MASK)


def test_white_noise_is_measured() -> None:
    noise = 3 * np.random.default_rng(2).standard_normal((24, 24, 24))
    assert air_noise(noise + 5) == pytest.approx(3, rel=0.03)


def test_the_real_volume_is_nibabels() -> None:
    array, affine = anatomical()
    assert array.shape == (33, 41, 25) and array.max() == 30393 and array.min() == 0
    assert np.allclose(np.abs(np.diag(affine)), [2, 2, 2, 1])


def made(split: str, n: int) -> Case:
    noisy = TRUTH + 0.1 * np.random.default_rng(n).standard_normal(TRUTH.shape)
    return Case("made", f"item-{n}", noisy, TRUTH, MASK, 1.0, "", {"half": MASK})


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One row of two items; `noisy` gives the input, `model` the truth and four samples."""
    called: list[str] = []

    def restore(method: str, case: Case, strength: float | None = None) -> np.ndarray:
        called.append(f"{case.item} {method}")
        return case.given

    def sampled(method: str, case: Case, seed: int = 0) -> list[np.ndarray]:
        called.append(f"{case.item} {method}")
        rng = np.random.default_rng(seed)
        return [case.truth, *(case.truth + rng.standard_normal((4, 8, 8, 8)))]

    row = Row("made", "ct-denoise", 2, made)
    monkeypatch.setattr(cases, "ROWS", {"made": row})
    monkeypatch.setitem(suite.METHODS, "ct-denoise", ("noisy", "model"))  # type: ignore[arg-type]
    monkeypatch.setattr(baselines, "restore", restore)
    monkeypatch.setattr(models, "sampled", sampled)
    monkeypatch.setattr(suite, "identity_of", lambda kind, method: {"method": method})
    return called


def test_the_suite_scores_goes_on_where_it_stopped_and_tells_spread(
    rows: list[str], tmp_path: Path
) -> None:
    asked = suite.plan(count=1)
    list(suite.run(asked, save=tmp_path))
    assert rows == ["item-0 noisy", "item-0 model"]
    asked = suite.plan()
    scores = list(suite.run(asked, save=tmp_path))
    assert rows[2:] == ["item-1 noisy", "item-1 model"]
    found = {m: tables.summaries(scores, "made", m) for m in ("noisy", "model")}
    assert found["noisy"]["psnr"].mean == pytest.approx(20, abs=0.5)
    assert found["noisy"]["crps"].mean == pytest.approx(found["noisy"]["mae"].mean)
    assert found["noisy"]["mae half"].mean == pytest.approx(0.08, abs=0.01)
    assert found["model"]["coverage"].n == 2 and "coverage" not in found["noisy"]
    assert found["noisy"]["psnr"].std == pytest.approx(
        np.std([e.scores["psnr"] for e in scores if e.method == "noisy"], ddof=1)
    )


def test_the_command_prints_tables_and_records(rows: list[str], tmp_path: Path) -> None:
    text = CliRunner().invoke(benchmark, ["-q"], catch_exceptions=False).output
    assert "PSNR above noisy: +inf" in text and "half" in text and "±" in text
    out = CliRunner().invoke(benchmark, ["-q", "--json"], catch_exceptions=False).output
    records = [json.loads(line) for line in out.splitlines()]
    assert [r["record"] for r in records] == ["table", "method", "method", "gain"]
    assert records[1]["psnr"]["n"] == 2


def test_a_method_that_fails_is_told_and_the_rest_is_done(
    rows: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*given: object, **more: object) -> np.ndarray:
        raise InputError("no such thing")

    monkeypatch.setattr(baselines, "restore", broken)
    scores = list(suite.run(suite.plan()))
    assert [e.error for e in scores if e.method == "noisy"] == ["no such thing"] * 2
    assert all(e.scores["psnr"] == float("inf") for e in scores if e.method == "model")
    assert "failed: made item-0 noisy" in tables.as_text(suite.plan(), scores)


def test_t1_to_ct_is_scored_in_hu_by_tissue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    phantom = brain(100_000, (18, 20, 16), 9.0)
    monkeypatch.setattr(cases, "brain_of", lambda *given: phantom)
    case = cases.ROWS["T1 to CT"].make("validation", 0)
    np.testing.assert_array_equal(case.truth, brain_ct(phantom).array)
    assert case.unit == "HU" and {"skull", "marrow", "muscle", "wm"} <= set(case.tissues)
    assert case.given.units == "unknown" and case.given.array.min() >= 0  # magnitudes of MR
    assert suite.METHODS["translate-ct"] == suite.METHODS["translate"]
    assert models.models_of("translate-ct", "plain") == ("brain-t1-ct",)
    assert models.models_of("translate", "plain") == ("brain-t1-t2-plain",)
    ends = (np.array([-1.0, 1.0]), np.array([-1000.0, 1000.0]))
    monkeypatch.setattr(baselines, "intensity_table", lambda target: ends if target == "ct" else 0)
    found = baselines.restore("intensities", case)
    measured = PercentileSettings.model_validate({"kind": "percentiles", "floor": 0.1})
    numbers = measured.measure(case.given.array).forward(case.given.array)
    np.testing.assert_allclose(found, 1000 * numbers.clip(-1, 1), atol=0.01)
    model = write_medical(tmp_path / "ct.safetensors", TO_CT, last=0.0)
    monkeypatch.setitem(models.USED, "translate-ct", (model,))  # type: ignore[arg-type]
    (once,) = models.sampled("model-mean", case)
    otsu = measure_percentiles(case.given.array)  # the map of that model
    np.testing.assert_allclose(once, -1000 + 1200 * (otsu.forward(case.given.array) + 1), atol=0.1)


def test_intensities_are_learned_as_means_of_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    """Air in the head is black in both; a bin's mean is the mean of its voxels."""
    real = brain

    def small(seed: int, *given: object) -> Phantom:
        return real(seed, (16, 18, 14), 10.0)

    monkeypatch.setattr("undrift.medical.simulate.anatomy.brain", small)
    baselines.intensity_table.cache_clear()
    source, hu = baselines.intensity_table("ct", 2)
    baselines.intensity_table.cache_clear()
    inside = [brain_ct(one).array[one.mask()] for one in (small(0), small(1))]
    counted = np.concatenate(inside)
    assert hu.shape == source.shape == (128,)
    assert counted.min() <= hu.min() and hu.max() <= counted.max()
    assert np.mean(hu) == pytest.approx(counted.mean(), abs=15)  # bins hold nearly equal numbers


@pytest.mark.parametrize(
    "given", [{"split": "train"}, {"rows": ("MRI 5x",)}, {"methods": ("nml",)}]
)
def test_unknown_words_are_refused(given: dict) -> None:
    with pytest.raises(UsageError):
        suite.plan(**given)
    assert rows_named(("MRI 4x",))[0].kind == "mri-recon"
