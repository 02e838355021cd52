"""Beam hardening and metal, against what physics says."""

import numpy as np
import pytest

from undrift.common.errors import InputError
from undrift.medical.ct.fbp import filtered_back_projection
from undrift.medical.ct.geometry import Parallel, evenly
from undrift.medical.ct.slices import from_rows
from undrift.medical.ct.units import MU_WATER, mu_to_hu
from undrift.medical.simulate.ct_metal import (
    _WATER,
    METALS,
    SHARES,
    Rod,
    polychromatic,
    scan_with_metal,
    share_of,
    water_corrected,
)


def test_thin_rays_see_the_mean_coefficient_and_thick_ones_the_smallest():
    assert SHARES.sum() == pytest.approx(1)
    thin = polychromatic(np.array(1e-6), np.array(0.0))
    assert thin / 1e-6 == pytest.approx(SHARES @ _WATER, rel=1e-4)
    slope = polychromatic(np.array(5000.0), np.array(0.0)) - polychromatic(
        np.array(4000.0), np.array(0.0)
    )
    assert slope / 1000 == pytest.approx(_WATER.min(), rel=1e-2)
    both = polychromatic(np.array(30.0), np.array(10.0), "iron")
    wanted = -np.log((SHARES * np.exp(-30 * _WATER - 10 * METALS["iron"])).sum())
    assert both == pytest.approx(wanted, rel=1e-12)


def test_water_is_corrected_to_one_energy():
    length = np.linspace(0, 400, 37)
    found = water_corrected(polychromatic(length, 0 * length))
    np.testing.assert_allclose(found, MU_WATER * length, atol=2e-4)


def test_a_rod_has_the_area_of_a_circle():
    share = share_of((Rod(3.0, -2.0, 6.0),), (40, 40, 2), 0.5)
    assert share[..., 0].sum() * 0.25 == pytest.approx(np.pi * 36, rel=0.01)


def test_metal_makes_streaks_between_rods_and_leaves_the_scan_without_it_alone():
    geometry = Parallel(evenly(90))
    grid = (48, 48, 1)
    rods = (Rod(-40.0, 0.0, 8.0), Rod(40.0, 0.0, 8.0))
    plain = scan_with_metal(1, geometry, (), grid=grid, region="head")
    scan = scan_with_metal(1, geometry, rods, "iron", grid, "head")
    images = [
        from_rows(mu_to_hu(filtered_back_projection(s.integrals, s.geometry)))[..., 0]
        for s in (plain, scan)
    ]
    middle = np.s_[20:28, 23:25]  # on the line through both rods
    aside = np.s_[20:28, 34:37]
    assert abs(images[0][middle].mean() - plain.truth[middle].mean()) < 25
    dark = images[1][middle].mean() - images[0][middle].mean()
    assert dark < -80  # hardening: too little attenuation where a ray meets both
    assert abs(images[1][aside].mean() - images[0][aside].mean()) < 0.7 * abs(dark)
    assert scan.phantom.where("metal").any() and scan.truth.max() == pytest.approx(4000)


def test_unknown_metals_are_refused():
    with pytest.raises(InputError, match="titanium"):
        polychromatic(np.zeros(1), np.zeros(1), "titan")
