"""The benchmark of fields: scores in closed form, spread pooled, pictures of a plan."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from undrift.common.benchmark.plan import Line
from undrift.common.errors import UsageError
from undrift.common.metrics.score_table import ItemScore
from undrift.scientific.atmosphere.benchmark import suite, tables
from undrift.scientific.atmosphere.benchmark.cases import Case, Row
from undrift.scientific.atmosphere.benchmark.methods import Found
from undrift.scientific.atmosphere.benchmark.pictures import draw
from undrift.scientific.atmosphere.coarse import coarse_grain
from undrift.scientific.atmosphere.transforms import Scale

SCALE = Scale(("T",), torch.zeros(1), torch.tensor([2.0]))


def case(side: int = 64) -> Case:
    """White noise of deviation 2 K, its coarse field without error."""
    truth = 2 * np.random.default_rng(0).standard_normal((1, side, side))
    coarse = coarse_grain((1, side, side), 4)(torch.from_numpy(truth)).numpy()
    none: Any = np.zeros((0, 2), np.int64), np.zeros((1, 0)), np.zeros(1)
    return Case(Row(4, 0), "state-0", 0, SCALE, truth, coarse, *none)


def test_a_single_estimate_has_its_error_for_crps_and_a_factor_is_of_the_spectrum() -> None:
    given = case()
    z = SCALE.forward(torch.from_numpy(given.truth))
    found = suite.scores_of(Found(2 * z[None]), given)
    assert found["rmse"] == pytest.approx(z.square().mean().sqrt().item())
    assert found["crps"] == pytest.approx(z.abs().mean().item())
    assert found["spectrum"] == pytest.approx(20 * np.log10(2))
    assert "ssr" not in found
    exact = suite.scores_of(Found(z[None]), given)
    assert exact["rmse"] == 0 and exact["chi coarse"] == pytest.approx(0, abs=1e-6)


def test_the_spread_of_two_members_is_their_distance() -> None:
    given = case(32)
    z = SCALE.forward(torch.from_numpy(given.truth))
    found = suite.scores_of(Found(torch.stack([z - 1, z + 1.5])), given)
    assert found["variance"] == pytest.approx(2.5**2 / 2 * 1.5)
    assert found["rmse"] == pytest.approx(0.25) and found["mean crps"] == pytest.approx(0.25)
    assert found["crps"] == pytest.approx((1 + 1.5) / 2 - 2.5 / 2)


def test_the_ratio_of_spread_and_error_is_pooled_over_items() -> None:
    scores = [
        ItemScore(f"s{n}", "x4, 0 sensors", "kriging", {"ssr": r, "variance": v, "mse": m}, 1.0)
        for n, (r, v, m) in enumerate([(2.0, 4.0, 1.0), (1.0, 5.0, 5.0)])
    ]
    found = tables.SHEET.summaries(scores, "x4, 0 sensors", "kriging")
    assert found["ssr"].mean == pytest.approx(np.sqrt(4.5 / 3)) and found["ssr"].n == 2


def test_a_plan_says_what_it_runs_with() -> None:
    asked = suite.plan("validation", ("x8, 20 sensors",), ("bicubic", "kriging"), count=2)
    assert [(row.name, row.count) for row in asked.rows] == [("x8, 20 sensors", 2)]
    assert asked.about["methods"] == asked.rows[0].methods
    assert asked.about["methods"]["kriging"]["prior"] == asked.known.prior.sha256
    with pytest.raises(UsageError, match="did you mean 'kriging'"):
        suite.plan(methods=("krigging",))
    with pytest.raises(UsageError, match="no split 'train'"):
        suite.plan("train")


def test_pictures_are_of_each_row(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    given: Any = case()
    line = Line("x4, 0 sensors", 1, {"bicubic": {}}, lambda n: given)
    known: Any = None  # a cubic needs no prior
    asked = suite.FieldPlan(
        split="test", seed=0, rows=[line], score=lambda method, case: ItemScore("", "", "", {}),
        about={}, missing={}, known=known,
    )  # fmt: skip
    written = draw(asked, tmp_path)
    assert [path.name for path in written] == ["maps-x4-0.png", "spectra-x4-0.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written)
