"""PSNR, SSIM and summaries against closed forms, scikit-image, torchmetrics and scipy."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from undrift.common.errors import InputError
from undrift.common.metrics.fidelity import mae, psnr, ssim
from undrift.common.metrics.summary import compare, summarise


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(3)
    rows, columns = np.mgrid[:48, :61]
    clean = np.stack([0.5 + 0.4 * np.sin(rows / 5 + k) * np.cos(columns / 7) for k in range(3)])
    return (clean + 0.08 * generator.standard_normal(clean.shape)).astype(np.float32), clean


def test_psnr_of_a_constant_error_is_known() -> None:
    clean = np.full((3, 12, 12), 0.4)
    assert psnr(clean + 0.1, clean, data_range=1.0) == pytest.approx(20.0)
    assert psnr(255 * (clean + 0.1), 255 * clean, data_range=255) == pytest.approx(20.0)
    assert mae(clean - 0.1, clean) == pytest.approx(0.1)


def test_psnr_of_equal_pictures_is_infinite() -> None:
    assert psnr(np.ones((1, 4, 4)), np.ones((1, 4, 4)), data_range=1.0) == math.inf


def test_ssim_of_two_constants_is_the_luminance_term() -> None:
    a, b, c1 = 0.3, 0.6, 0.01**2
    expected = (2 * a * b + c1) / (a * a + b * b + c1)
    found = ssim(np.full((3, 16, 16), a), np.full((3, 16, 16), b), data_range=1.0)
    assert found == pytest.approx(expected, abs=1e-9)


def test_scores_equal_those_of_scikit_image(pair: tuple[np.ndarray, np.ndarray]) -> None:
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    x, ref = (picture[:, 4:-4, 4:-4].astype(np.float64) for picture in pair)
    expected = structural_similarity(
        x, ref, channel_axis=0, data_range=1.0, gaussian_weights=True, use_sample_covariance=False
    )
    assert ssim(*pair, data_range=1.0, crop_border=4) == pytest.approx(expected, abs=1e-12)
    expected = peak_signal_noise_ratio(ref, x, data_range=1.0)
    assert psnr(*pair, data_range=1.0, crop_border=4) == pytest.approx(expected, abs=1e-12)


def test_scores_equal_those_of_torchmetrics(pair: tuple[np.ndarray, np.ndarray]) -> None:
    from torchmetrics.functional.image import (
        peak_signal_noise_ratio,
        structural_similarity_index_measure,
    )

    x, ref = (torch.from_numpy(np.asarray(p, dtype=np.float64))[None] for p in pair)
    expected = peak_signal_noise_ratio(x, ref, data_range=1.0).item()
    assert psnr(*pair, data_range=1.0) == pytest.approx(expected, abs=1e-5)  # their log is float32
    whole, similarity = structural_similarity_index_measure(
        x, ref, data_range=1.0, return_full_image=True
    )
    inside = similarity[..., 5:-5, 5:-5].mean().item()
    assert ssim(*pair, data_range=1.0) == pytest.approx(inside, abs=1e-9)
    assert whole.item() != pytest.approx(inside, abs=1e-4)  # theirs includes the mirrored border


def test_border_is_not_scored_and_batches_give_one_score_each() -> None:
    clean = np.full((2, 1, 20, 20), 0.5, dtype=np.float32)
    x = clean.copy()
    x[1, :, :2] = 0.0
    found = psnr(torch.from_numpy(x + 0.01), torch.from_numpy(clean), data_range=1, crop_border=2)
    assert isinstance(found, np.ndarray)
    np.testing.assert_allclose(found, [40.0, 40.0], atol=1e-3)


@pytest.mark.parametrize(
    ("x", "ref", "options", "words"),
    [
        (np.zeros((1, 9, 9)), np.zeros((3, 9, 9)), {}, r"\(1, 9, 9\).*\(3, 9, 9\)"),
        (np.full((1, 9, 9), np.nan), np.zeros((1, 9, 9)), {}, "81 NaN"),
        (np.zeros((1, 9, 9)), np.zeros((1, 9, 9)), {"crop_border": 5}, "9 x 9 pixels"),
        (np.zeros((1, 9, 9)), np.zeros((1, 9, 9)), {"data_range": 0.0}, "positive"),
        (np.zeros(9), np.zeros(9), {}, r"\(c, h, w\)"),
    ],
)
def test_bad_pictures_are_named(
    x: np.ndarray, ref: np.ndarray, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        psnr(x, ref, **{"data_range": 1.0, **options})


def test_ssim_refuses_pictures_smaller_than_its_window() -> None:
    with pytest.raises(InputError, match="window of 11"):
        ssim(np.zeros((1, 14, 14)), np.zeros((1, 14, 14)), data_range=1.0, crop_border=2)


def test_summary_of_known_numbers() -> None:
    found = summarise([1.0, 2.0, 3.0, 4.0])
    assert (found.n, found.mean) == (4, 2.5)
    assert found.std == pytest.approx(math.sqrt(5 / 3))
    assert found.low is not None and found.high is not None
    assert 1.0 <= found.low < 2.5 < found.high <= 4.0
    assert summarise([7.0]).std is None
    assert summarise([1.0, math.inf]).mean == math.inf


def test_interval_agrees_with_scipy_and_with_the_normal_one() -> None:
    from scipy.stats import bootstrap

    scores = np.random.default_rng(0).normal(30, 2, size=400)
    found = summarise(scores.tolist(), resamples=9000, seed=5)
    theirs = bootstrap((scores,), np.mean, method="percentile", rng=np.random.default_rng(1))
    half = 1.96 * scores.std(ddof=1) / math.sqrt(400)
    for ours, other, normal in zip(
        (found.low, found.high),
        theirs.confidence_interval,
        (scores.mean() - half, scores.mean() + half),
        strict=True,
    ):
        assert ours == pytest.approx(other, abs=0.1 * half)
        assert ours == pytest.approx(normal, abs=0.1 * half)


def test_pairs_see_a_difference_that_single_means_hide() -> None:
    items = np.random.default_rng(2).normal(30, 5, size=30)
    better = items + 0.2 + 0.05 * np.random.default_rng(3).standard_normal(30)
    found = compare(better.tolist(), items.tolist())
    assert found.difference.low is not None and found.difference.low > 0.15
    assert summarise(better.tolist()).low < summarise(items.tolist()).high  # type: ignore[operator]
    assert (found.wins, found.losses, found.ties) == (30, 0, 0)


def test_pairs_count_ties_also_at_infinity() -> None:
    found = compare([math.inf, 2.0, 1.0], [math.inf, 1.0, 2.0])
    assert (found.wins, found.losses, found.ties) == (1, 1, 1)
    assert found.difference.mean == 0.0


def test_summaries_refuse_nothing_nan_and_unequal_lengths() -> None:
    with pytest.raises(InputError, match="one or more"):
        summarise([])
    with pytest.raises(InputError, match="1 of 2 scores are NaN"):
        summarise([1.0, math.nan])
    with pytest.raises(InputError, match="got 2 and 1"):
        compare([1.0, 2.0], [1.0])
