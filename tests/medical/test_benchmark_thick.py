"""Rows of thick slices: what is given is the mean of the truth, and splines have known answers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_medical import PRIOR, write_medical

from undrift.medical.benchmark import baselines, cases, models, suite
from undrift.medical.benchmark.thick import lanczos_matrix, linear_matrix
from undrift.medical.simulate.anatomy import Phantom, brain
from undrift.medical.simulate.law import SHIFTED, TRAINING, BrainLaw


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, Any, BrainLaw]]:
    """Small phantoms; what was asked for."""
    calls: list[tuple[int, Any, BrainLaw]] = []

    def small(seed: int, grid: Any, spacing: float, law: BrainLaw) -> Phantom:
        calls.append((seed, grid, law))
        return brain(seed, (14, 12, 16), 8.0, law)

    monkeypatch.setattr("undrift.medical.simulate.anatomy.brain", small)
    return calls


def test_lines_stay_lines_and_slices_stay_where_middles_meet() -> None:
    line = 3.0 + 2 * np.arange(6)
    places = (np.arange(18) + 0.5) / 3 - 0.5
    inside = (places >= 0) & (places <= 5)
    np.testing.assert_allclose((linear_matrix(6, 18) @ line)[inside], 3 + 2 * places[inside])
    wave = np.sin(np.arange(8))
    for matrix in (linear_matrix(8, 24), lanczos_matrix(8, 24)):
        np.testing.assert_allclose((matrix @ wave)[1::3], wave, atol=1e-12)
        np.testing.assert_allclose(matrix.sum(1), 1)


def test_lanczos_is_the_windowed_sinc() -> None:
    """At 5 3/8 of 12 slices: sinc(x) sinc(x / 3) within three steps, over their sum."""
    row = lanczos_matrix(12, 48)[4 * 5 + 3]
    x = np.pi * (5.375 - np.arange(3, 9))
    by_hand = np.sin(x) / x * np.sin(x / 3) / (x / 3)
    np.testing.assert_allclose(row[3:9], by_hand / by_hand.sum())
    assert not row[:3].any() and not row[9:].any()


@pytest.mark.parametrize(("split", "law"), [("test", SHIFTED), ("validation", TRAINING)])
def test_slices_are_means_of_the_truth(asked: list, split: str, law: BrainLaw) -> None:
    case = cases.ROWS["Slices 4x"].make(split, 1)
    assert asked == [(cases.FIRST[split] + 1, (72, 72, 64), law)]
    scan = case.given["volume"]
    np.testing.assert_allclose(scan.array, case.truth.reshape(14, 12, 4, 4).mean(-1), atol=1e-6)
    assert scan.spacing == pytest.approx((8, 8, 32))
    assert case.given["noise"] is None and case.mask.shape == case.truth.shape
    consistent = baselines.restore("consistent", case)
    np.testing.assert_allclose(consistent.reshape(14, 12, 4, 4).mean(-1), scan.array, atol=1e-5)


def test_noise_is_of_the_deviation_that_is_told(asked: list) -> None:
    clean, noisy = (cases.ROWS[f"Slices 4x{more}"].make("test", 0) for more in ("", ", noise .02"))
    assert noisy.given["noise"] == 0.02
    bright = clean.given["volume"].array > 0.3  # Rician is normal there
    apart = (noisy.given["volume"].array - clean.given["volume"].array)[bright]
    assert apart.std() == pytest.approx(0.02, rel=0.15)


def test_real_anatomy_keeps_whole_slices() -> None:
    case = cases.ROWS["Slices 4x, real"].make("test", 0)
    assert case.truth.shape == (33, 41, 24) and case.given["volume"].grid == (33, 41, 6)
    assert case.truth[case.mask].min() > 0.05


def test_every_method_gives_the_grid_of_the_truth(
    asked: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = cases.ROWS["Slices 4x"].make("validation", 0)
    for method in suite.METHODS["sr"][:-1]:
        assert baselines.restore(method, case).shape == case.truth.shape
    model = write_medical(tmp_path / "prior.safetensors", PRIOR, last=0.0)
    monkeypatch.setitem(models.USED, "sr", (model,))  # type: ignore[arg-type]
    (once,) = models.sampled("model", case)
    assert once.shape == case.truth.shape
    assert set(models.settings_of("sr")) == {"error", "steps"}
