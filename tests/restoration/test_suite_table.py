"""The table of the suite: margins and losses of scores made by hand."""

import json

import numpy as np
import pytest

from undrift.common.errors import InputError
from undrift.common.metrics.score_table import ItemScore, Table
from undrift.restoration.metrics import vif
from undrift.restoration.suite_table import suite_records, suite_rows, suite_text

SCORES = {
    "net": (30.0, 20.0, 25.0),
    "tv": (29.0, 22.0, 24.0),  # mean 25, as the model's
    "tv-oracle": (29.0, 24.0, 25.0),  # mean 26
}


def table(names: tuple[str, ...] = tuple(SCORES)) -> Table:
    kinds = {"net": "model", "tv": "baseline", "tv-oracle": "oracle"}
    scores = [
        ItemScore(item, "noise-15", name, {"psnr": value, "ssim": 0.5, "vif": value / 100}, 0.5)
        for name in names
        for item, value in zip("abc", SCORES[name], strict=True)
    ]
    return Table("t", {}, ("psnr", "ssim", "vif"), {name: kinds[name] for name in names}, scores)


def test_the_best_of_all_others_sets_the_margin() -> None:
    (row,) = suite_rows(table())
    assert (row["row"], row["label"], row["n"]) == ("noise-15", "white noise 15, colour", 3)
    assert row["ours"]["method"] == "net" and row["ours"]["psnr"]["mean"] == 25
    assert row["best"]["method"] == "tv-oracle" and row["best"]["kind"] == "oracle"
    assert row["best"]["vif"]["mean"] == pytest.approx(0.26)
    assert row["margin"]["mean"] == pytest.approx(-1)  # (1 - 4 + 0) / 3
    assert -4 <= row["margin"]["low"] < -1 < row["margin"]["high"] <= 1
    assert (row["lost"], row["lost_items"]) == (1, ["b"])


def test_only_pictures_both_restored_are_compared() -> None:
    broken = table()
    broken.scores[1] = ItemScore("b", "noise-15", "net", {}, error="no")
    (row,) = suite_rows(broken)
    assert row["margin"]["mean"] == pytest.approx(0.5) and row["margin"]["n"] == 2
    assert row["lost"] == 0 and row["n"] == 3
    assert "failed: b noise-15 net: no" in suite_text(broken)


def test_rows_without_models_or_baselines_have_no_margin() -> None:
    (row,) = suite_rows(table(("tv",)))
    assert row["ours"] is None and row["best"]["method"] == "tv" and row["margin"] is None
    (row,) = suite_rows(table(("net",)))
    assert row["best"] is None and row["margin"] is None
    for names in (("tv",), ("net",), tuple(SCORES)):
        text = suite_text(table(names), items=True)
        assert "noise-15" in text
    assert "noise-15: lost on b" in text and "1 of 3" in text


def test_records_are_json() -> None:
    records = [json.loads(json.dumps(r, allow_nan=False)) for r in suite_records(table())]
    assert [r["record"] for r in records] == ["table", "row", "method", "method", "method"]
    assert len(list(suite_records(table(), items=True))) == 5 + 9


def test_vif_has_the_values_it_must_have() -> None:
    rng = np.random.default_rng(0)
    ref = np.clip(0.5 + 0.1 * rng.standard_normal((3, 64, 64)), 0, 1)
    assert vif(ref, ref) == pytest.approx(1, abs=1e-5)
    assert vif(np.full_like(ref, 0.5), ref) == pytest.approx(0, abs=1e-5)
    noisy = [vif(ref + s * rng.standard_normal(ref.shape), ref) for s in (0.02, 0.05, 0.2)]
    assert 1 > noisy[0] > noisy[1] > noisy[2] > 0
    # log(1 + g^2 s / 2) / log(1 + s / 2) tends to g^2 for faint pictures of variance s
    faint = 0.5 + 0.1 / 255 * rng.standard_normal((1, 64, 64))
    assert vif(0.5 + 2 * (faint - 0.5), faint) == pytest.approx(4, rel=0.03)


def test_vif_is_that_of_torchmetrics_on_luma_and_leaves_out_the_border() -> None:
    import torch
    from torchmetrics.image import VisualInformationFidelity

    rng = np.random.default_rng(1)
    ref = rng.uniform(size=(3, 60, 56))
    x = np.clip(ref + 0.1 * rng.standard_normal(ref.shape), 0, 1)
    weights = np.array([0.299, 0.587, 0.114])
    first, second = (
        torch.from_numpy(255 * np.tensordot(weights, p, 1))[None, None, 4:-4, 4:-4]
        for p in (x, ref)
    )
    theirs = float(VisualInformationFidelity()(first, second))
    assert vif(x, ref, 4) == pytest.approx(theirs, rel=1e-4)
    with pytest.raises(InputError, match="41 pixels"):
        vif(x, ref, 10)
