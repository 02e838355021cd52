"""Scores of fields and ensembles against numbers recorded from other programs, and closed forms."""

from pathlib import Path

import numpy as np
import pytest

from undrift.common.errors import InputError
from undrift.common.metrics.ensembles import crps, rank_histogram, spread_skill
from undrift.scientific.atmosphere.verification.fractions import fractions_skill_score
from undrift.scientific.atmosphere.verification.spectra import (
    log_spectral_distance,
    mean_spectrum,
    plane_spectrum,
    zonal_spectrum,
)
from undrift.scientific.atmosphere.verification.weights import cell_area, cosine

GIVEN = np.load(Path(__file__).parents[1] / "reference" / "scientific" / "prob_metrics.npz")
OBSERVED, MEMBERS = GIVEN["obs"], GIVEN["ens"]


@pytest.mark.parametrize(
    ("name", "fair"),
    [
        ("sr_crps_fair", True),  # scoringrules
        ("sr_crps_pwm", True),
        ("pn_kcrps_fair", True),  # PhysicsNeMo
        ("e2s_crps_fair", True),  # Earth2Studio
        ("sr_crps_nrg", False),
        ("ps_crps", False),  # properscoring
        ("pn_kcrps_biased", False),
        ("e2s_crps", False),
    ],
)
def test_crps_is_that_of_other_programs(name: str, fair: bool):
    ours = crps(OBSERVED, MEMBERS, axis=-1, fair=fair)
    assert np.allclose(ours, GIVEN[name], atol=1e-9, rtol=0)


def test_weighted_crps_is_that_of_xskillscore_and_weatherbench():
    biased = crps(OBSERVED, MEMBERS, axis=-1, fair=False)
    assert biased.mean() == pytest.approx(float(GIVEN["xs_crps_mean"]), abs=1e-12)
    rows = np.average(biased.mean(1), weights=GIVEN["lat_weights"])
    assert rows == pytest.approx(float(GIVEN["xs_crps_weighted"]), abs=1e-12)
    fair = crps(GIVEN["wb_obs_tyx"], GIVEN["wb_ens_tyxm"], axis=-1).mean(-1)
    times = np.average(fair, axis=-1, weights=cell_area(GIVEN["wb_lat"]))
    assert np.allclose(times, GIVEN["wb_CRPS"], atol=1e-12)


def test_missing_members_do_not_count():
    gaps = MEMBERS.copy()
    gaps[..., 3] = np.nan
    ours = crps(OBSERVED, gaps, axis=-1)
    assert np.allclose(ours, crps(OBSERVED, np.delete(MEMBERS, 3, -1), axis=-1))
    gaps[0, 0, :4] = np.nan  # one member left
    assert np.isnan(crps(OBSERVED, gaps, axis=-1)[0, 0])


def test_spread_skill_and_ranks_are_as_defined_there():
    assert spread_skill(OBSERVED, MEMBERS, axis=-1) == pytest.approx(
        float(GIVEN["def_ssr_corrected"]), abs=1e-12
    )
    strict = rank_histogram(OBSERVED, MEMBERS, axis=-1, seed=None)
    assert strict.tolist() == GIVEN["def_rank_hist"].tolist()
    assert rank_histogram(OBSERVED, MEMBERS, axis=-1).sum() == OBSERVED.size


def test_an_ensemble_like_the_truth_is_flat_and_has_ratio_one():
    drawn = np.random.default_rng(0).standard_normal((6, 20_000))
    ranks = rank_histogram(drawn[0], drawn[1:])
    expected = drawn.shape[1] / 6
    assert ((ranks - expected) ** 2 / expected).sum() < 20.5  # chi square of 5, 99.9 %
    assert spread_skill(drawn[0], drawn[1:]) == pytest.approx(1, abs=0.02)


def test_equal_values_are_ranked_by_lot():
    ranks = rank_histogram(np.zeros(6000), np.zeros((2, 6000)))
    assert ranks.min() > 1800


def test_members_of_another_shape_are_refused():
    with pytest.raises(InputError, match=r"members of shape \(6, 8, 5\) .* along axis 0"):
        crps(OBSERVED, MEMBERS)


def test_latitude_weights():
    assert np.allclose(cell_area(GIVEN["wb_lat"]), GIVEN["wb_lat_weights"], atol=1e-12)
    assert np.allclose(cell_area(GIVEN["wb_lat"][::-1]), GIVEN["wb_lat_weights"][::-1])
    assert cosine([0, 60]).tolist() == pytest.approx([4 / 3, 2 / 3])
    with pytest.raises(InputError, match="in order"):
        cell_area([10, 5, 7])


def test_zonal_spectrum_is_that_of_weatherbench_below_its_last_wave():
    radius = 6_367_500.0  # theirs
    frequency, energy = zonal_spectrum(GIVEN["wb_obs_tyx"], GIVEN["wb_lat"], radius)
    assert np.allclose(energy, GIVEN["wb_zonal_spectrum"], rtol=1e-10)
    assert np.allclose(frequency, GIVEN["wb_zonal_freq"], rtol=1e-10, atol=0)


def test_mean_spectrum_is_that_of_physicsnemo():
    centres, power = mean_spectrum(GIVEN["field_2x32x24"])
    assert np.allclose(centres, GIVEN["pn_ps_k"], rtol=1e-6)  # theirs are float32
    assert np.allclose(power, GIVEN["pn_ps"], rtol=2e-5)


def test_rings_add_up_to_the_variance_and_hold_the_right_wave():
    y = np.mgrid[:48, :64][0]
    field = 2 * np.cos(2 * np.pi * 6 * y / 48) + 3
    rings, power = plane_spectrum(field)
    assert power[5] == pytest.approx(2.0) and rings[5] == 6
    assert power.sum() == pytest.approx(field.var())


def test_log_spectral_distance_of_a_gain_is_its_decibels():
    field = np.random.default_rng(1).standard_normal((32, 32))
    assert log_spectral_distance(10 * field, field) == pytest.approx(20)
    assert log_spectral_distance(field, field) == 0


def test_log_spectral_distance_is_that_of_earth2studio():
    ours = log_spectral_distance(GIVEN["fss_fc"], GIVEN["fss_obs"])
    assert ours == pytest.approx(float(GIVEN["e2s_lsd_db"]), rel=1e-5)  # theirs in float32


def test_fractions_are_those_of_earth2studio():
    for row, threshold in enumerate(GIVEN["e2s_fss_thresholds"]):
        for column, window in enumerate((3, 5, 9)):
            ours = fractions_skill_score(
                GIVEN["fss_fc"], GIVEN["fss_obs"], float(threshold), window, shape="disc"
            )
            assert ours == pytest.approx(float(GIVEN["e2s_fss"][row, column]), abs=1e-6)


def test_a_shift_is_forgiven_within_the_window_only():
    true, shifted = np.zeros((40, 40)), np.zeros((40, 40))
    true[20, 20] = shifted[20, 23] = 1
    assert fractions_skill_score(shifted, true, 0.5, 1) == 0
    # 9 by 9 windows around both: they share 6 of 9 columns.
    assert fractions_skill_score(shifted, true, 0.5, 9) == pytest.approx(6 / 9)
    assert np.isnan(fractions_skill_score(true, true, 2.0, 3))
    with pytest.raises(InputError, match="expected an odd one"):
        fractions_skill_score(true, true, 0.5, 4)
