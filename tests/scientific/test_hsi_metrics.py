"""Scores of cubes against numbers of other programs under their names."""

from pathlib import Path

import numpy as np
import pytest

from undrift.common.errors import InputError
from undrift.scientific.hyperspectral import metrics

GIVEN = np.load(Path(__file__).parents[1] / "reference" / "scientific" / "hsi_metrics.npz")
TRUTH = GIVEN["gt_chw"]
PAIRS = {"": GIVEN["est_chw"], "clip_": GIVEN["est_clipped_chw"]}


@pytest.mark.parametrize("prefix", PAIRS)
@pytest.mark.parametrize(
    ("name", "ours", "tolerance"),
    [
        ("t3sc_mpsnr", lambda x, y: metrics.mpsnr(x, y), 1e-6),
        ("hsir_mpsnr", lambda x, y: metrics.mpsnr(x, y), 1e-6),
        ("t3sc_psnr", lambda x, y: metrics.psnr(x, y), 1e-6),
        ("tm_psnr_global", lambda x, y: metrics.psnr(x, y), 1e-5),
        ("t3sc_mssim", lambda x, y: metrics.mssim(x, y), 1e-6),
        ("t3sc_msam", lambda x, y: metrics.sam(x, y), 1e-6),
        ("tm_sam_rad", lambda x, y: metrics.sam(x, y), 1e-5),
        ("hsir_sam", lambda x, y: metrics.sam(x, y), 1e-6),
        ("def_sam_deg", lambda x, y: np.rad2deg(metrics.sam(x, y)), 1e-9),
        ("tm_ergas_ratio1", lambda x, y: metrics.ergas(x, y), 1e-5),
        ("tm_ergas_ratio4", lambda x, y: metrics.ergas(x, y, ratio=1 / 4), 1e-5),
        ("def_ergas_wald", lambda x, y: metrics.ergas(x, y), 1e-9),
        ("t3sc_mergas", lambda x, y: metrics.ergas(x, y, kind="unsquared"), 1e-6),
    ],
)
def test_scores_are_those_of_other_programs(prefix: str, name: str, ours, tolerance: float):
    wanted = float(GIVEN[f"{prefix}{name}"])
    assert ours(TRUTH, PAIRS[prefix]) == pytest.approx(wanted, rel=tolerance)


def test_the_four_of_hir_diff_and_the_three_of_qrnn3d():
    x, y = TRUTH, PAIRS[""]
    theirs = GIVEN["hirdiff_msiqa"]
    ours = [
        metrics.mpsnr(x, y),
        metrics.mssim(x, y, kind="uniform"),
        metrics.sam(x, y),
        metrics.ergas(x, y, kind="unsquared", mean_of="estimate"),
    ]
    # Their ERGAS is 1.2e-6 lower: a small constant stands in its denominators.
    assert ours == pytest.approx(theirs.tolist(), rel=1e-5)
    ours = [metrics.mpsnr(x, y), metrics.mssim(x, y, span=2.0, kind="uniform"), metrics.sam(x, y)]
    assert ours == pytest.approx(GIVEN["qrnn3d_msiqa"].tolist(), rel=1e-5)


def test_pixels_without_a_spectrum():
    y = GIVEN["est_deadcol_chw"]
    assert metrics.sam(TRUTH, y, invalid="right-angle") == pytest.approx(
        float(GIVEN["dead_t3sc_sam"]), rel=1e-6
    )
    found = metrics.angles(TRUTH, y)
    assert np.isnan(found).sum() == TRUTH.shape[1]  # one column
    assert metrics.sam(TRUTH, y) == pytest.approx(np.nanmean(found))


def test_angles_do_not_see_brightness():
    assert metrics.sam(TRUTH + 0.1, 3 * (TRUTH + 0.1)) == pytest.approx(0, abs=1e-7)


def test_cubes_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="expected one shape"):
        metrics.mpsnr(TRUTH, TRUTH[:2])
    broken = TRUTH.copy()
    broken[0, 0, 0] = np.nan
    with pytest.raises(InputError, match="NaN"):
        metrics.sam(TRUTH, broken)
