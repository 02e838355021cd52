"""The benchmark of cubes: its scenes, its peers against closed forms, its table."""

import numpy as np
import pytest

from undrift.common.errors import UsageError
from undrift.common.metrics.score_table import ItemScore
from undrift.scientific.hyperspectral.benchmark import baselines, suite, tables
from undrift.scientific.hyperspectral.benchmark.cases import ROWS, make_case, rows_named


def test_splits_share_no_scene_and_half_of_the_test_scenes_are_shifted():
    first = make_case("test", 0, "stripe", "visible", "row")
    other = make_case("test", 1, "stripe", "visible", "row")
    again = make_case("test", 0, "stripe", "visible", "row")
    validation = make_case("validation", 0, "stripe", "visible", "row")
    assert first.item == "visible-900" and other.item == "visible-901-shifted"
    assert validation.item == "visible-800"
    assert np.array_equal(first.noisy.array, again.noisy.array)
    assert not np.array_equal(first.truth, validation.truth)
    assert {row.bands for row in ROWS.values()} == {31, 103, 224} and len(ROWS) == 21
    with pytest.raises(UsageError, match="0 to 99"):
        make_case("validation", 100, "stripe", "visible", "row")  # would be a test scene
    with pytest.raises(UsageError, match="no row 'stripes'"):
        rows_named(("stripes",))


def test_moments_undo_gains_and_offsets_of_columns_of_one_law():
    rng = np.random.default_rng(0)
    clean = rng.standard_normal((3, 4000, 30))
    gain, offset = rng.uniform(0.8, 1.2, (2, 3, 1, 30))
    undone = baselines.moments(gain * clean + offset)
    mean, spread = undone.mean(1), undone.std(1)
    assert np.allclose(mean, mean.mean(1, keepdims=True), atol=0.15)
    assert np.ptp(spread[:, 5:-5], 1).max() < 0.15  # was .4


def test_the_median_takes_a_stripe_away_and_leaves_a_slope():
    slope = np.broadcast_to(np.linspace(0, 1, 40), (2, 20, 40)).copy()
    striped = slope.copy()
    striped[1, :, 17] += 0.7
    left = baselines.median_destriped(striped) - slope
    assert abs(left[0, :, 4:-4]).max() < 1e-12
    assert abs(left[1, :, 4:-4]).max() < 1.01 / 39  # the stripe shifts medians by a step at most


def test_impulses_and_dead_columns_are_filled_from_around():
    y = np.full((4, 30, 30), 0.4) + 0.01 * np.random.default_rng(1).standard_normal((4, 30, 30))
    y[2, :, 9] = 0.0
    spoilt = y.copy()
    spoilt[1][np.random.default_rng(2).random((30, 30)) < 0.3] = 1.0
    made = baselines.repaired(spoilt)
    assert abs(made - 0.4).max() < 0.06


def test_the_threshold_of_sure_is_the_best_of_all():
    values = np.random.default_rng(3).standard_normal((8, 8)) * np.linspace(0.5, 4, 8)
    found, risk = baselines._sure(values)
    tried = [
        (values.size - 2 * (abs(values) <= t).sum() + (np.minimum(abs(values), t) ** 2).sum())
        for t in abs(values).ravel()
    ]
    assert risk == pytest.approx(min(tried))
    t = abs(values).ravel()[int(np.argmin(tried))]
    assert np.allclose(found, np.sign(values) * np.maximum(abs(values) - t, 0))


@pytest.mark.parametrize("method", ["fasthyde", "hyres", "pca", "filled fasthyde"])
def test_methods_of_the_subspace_are_ahead_of_doing_nothing(method: str):
    case = make_case("validation", 1, "non-iid", "visible", "row")
    scores = {name: suite.score_one(name, case).scores for name in ("noisy", method)}
    assert scores[method]["mpsnr"] > scores["noisy"]["mpsnr"] + 6
    assert scores[method]["sam"] < scores["noisy"]["sam"]


def _scores() -> list[ItemScore]:
    given = {"noisy": (20.0, 30.0), "fasthyde": (30.0, 33.0), "low-rank": (31.0, 32.5)}
    return [
        ItemScore(f"s{n}", "stripe, 31 bands", method,
                  {"mpsnr": v, "mssim": 0.9, "sam": 40 - v, "ergas": 5.0}, 1.0)
        for method, values in given.items()
        for n, v in enumerate(values)
    ]  # fmt: skip


def test_gains_are_over_the_best_peer_item_by_item():
    for metric in ("mpsnr", "sam"):  # one is better when large, the other when small
        found = tables.gain(_scores(), "stripe, 31 bands", metric)
        assert found is not None and (found.ours, found.peer) == ("low-rank", "fasthyde")
        assert found.difference.mean == pytest.approx(0.25) and found.behind == 1
    asked = suite.plan("validation", ("stripe, 31",), ("noisy", "fasthyde", "low-rank"))
    text = tables.as_text(asked, _scores())
    assert "better than fasthyde, the best peer, by +0.25" in text
    assert "behind the best peer in 0 of 1 rows, behind some peer on 1 of 2 items" in text


def test_scores_are_kept_and_not_measured_again(tmp_path):
    asked = suite.plan("validation", ("non-iid, 31",), ("noisy", "pca"), count=1)
    seen: list[ItemScore] = []
    first = list(suite.run(asked, save=tmp_path, watch=seen.append))
    again = list(suite.run(asked, save=tmp_path, watch=seen.append))
    assert len(seen) == 2 and [e.scores for e in first] == [e.scores for e in again]
    with pytest.raises(UsageError, match="did you mean 'fasthyde'"):
        suite.plan(methods=("fasthide",))
