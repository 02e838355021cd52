"""Line integrals, their noise, and reconstructions, against closed forms."""

import numpy as np
import pytest
import torch

from undrift.common.errors import InputError, UsageError
from undrift.common.operators import check_adjoint
from undrift.medical.ct.fbp import filtered_back_projection
from undrift.medical.ct.geometry import Fan, Parallel, evenly
from undrift.medical.ct.units import hu_to_mu, mu_to_hu
from undrift.medical.simulate.ct_noise import Exposure
from undrift.medical.simulate.ct_scan import average, from_rows, project, to_rows

FULL_FAN = Fan(evenly(180, 360.0), source=300.0, detector=200.0)
SHORT_FAN = Fan(evenly(140, 240.0), source=300.0, detector=200.0)
PARALLEL = Parallel(evenly(180))


def ellipse(plane, pixel, centre, axes, finer=8):
    """An ellipse of value 1, (x, y, 1), with shares at its edge."""
    x, y = ((np.arange(finer * n) - (finer * n - 1) / 2) * pixel / finer for n in plane)
    inside = ((x[:, None] - centre[0]) / axes[0]) ** 2 + ((y - centre[1]) / axes[1]) ** 2 < 1
    return average(inside[..., None].astype(np.float32), finer)


def rays(geometry):
    """Distance from the centre and angle of the normal of every ray: (angles, cells)."""
    turn = np.deg2rad(geometry.angles)[:, None]
    u = (np.arange(geometry.cells) - (geometry.cells - 1) / 2) * geometry.pitch
    if isinstance(geometry, Fan):
        gamma = np.arctan(u / (geometry.source + geometry.detector))
        # a ray of the fan turns against the angle of the source as its cell moves to the right
        return geometry.source * np.sin(gamma) + 0 * turn, turn - gamma
    return u + 0 * turn, turn + 0 * u


def chords(geometry, centre, axes):
    """Lengths of the rays within an ellipse (Kak & Slaney 1988, Ch. 3, Eqs. 5 to 7)."""
    s, turn = rays(geometry)
    s = s - centre[0] * np.cos(turn) - centre[1] * np.sin(turn)
    square = (axes[0] * np.cos(turn)) ** 2 + (axes[1] * np.sin(turn)) ** 2
    return 2 * axes[0] * axes[1] * np.sqrt(np.clip(square - s**2, 0, None)) / square


@pytest.mark.parametrize("geometry", [PARALLEL, FULL_FAN], ids=["parallel", "fan"])
def test_chords_of_an_ellipse(geometry):
    plane, pixel = (80, 64), 1.5
    geometry = geometry.for_image(plane, (pixel, pixel))
    image = ellipse(plane, pixel, (8.0, -6.0), (30.0, 18.0))
    found = project(image, geometry, pixel)[0]
    wanted = chords(geometry, (8.0, -6.0), (30.0, 18.0))
    assert np.abs(found - wanted).mean() < 0.004 * wanted.max()
    assert found.sum() == pytest.approx(wanted.sum(), rel=1e-3)


@pytest.mark.parametrize("geometry", [PARALLEL, FULL_FAN], ids=["parallel", "fan"])
def test_adjoints_of_what_reconstructs(geometry):
    operator = geometry.for_image((13, 11), (2.0, 2.0)).operator()
    assert check_adjoint(operator).error < 1e-10


@pytest.mark.parametrize(
    "geometry", [PARALLEL, FULL_FAN, SHORT_FAN], ids=["parallel", "fan", "short"]
)
def test_filtered_back_projection_of_exact_chords_has_no_bias_in_hounsfield_units(geometry):
    plane, pixel = (64, 64), 2.0
    geometry = geometry.for_image(plane, (pixel, pixel))
    water, bone = ((2.0, 3.0), (50.0, 40.0)), ((-12.0, 8.0), (9.0, 12.0))
    p = hu_to_mu(np.float32(0)) * chords(geometry, *water)
    p = p + (hu_to_mu(np.float32(1000)) - hu_to_mu(np.float32(0))) * chords(geometry, *bone)
    hu = from_rows(mu_to_hu(filtered_back_projection(p[None].astype(np.float32), geometry)))
    inside = ellipse(plane, pixel, bone[0], (6.0, 9.0)) == 1
    around = (ellipse(plane, pixel, water[0], (44.0, 34.0)) == 1) & (
        ellipse(plane, pixel, bone[0], (14.0, 17.0)) == 0
    )
    assert hu[inside].mean() == pytest.approx(1000, abs=10)
    assert hu[around].mean() == pytest.approx(0, abs=4)
    assert hu[around].std() < 25


def test_windows_smooth_and_keep_the_mean():
    geometry = PARALLEL.for_image((48, 48), (2.0, 2.0))
    p = chords(geometry, (0.0, 0.0), (30.0, 30.0))[None].astype(np.float32)
    noise = np.random.default_rng(0).standard_normal(p.shape).astype(np.float32)
    sharp, soft = (filtered_back_projection(p, geometry, w) for w in ("ramp", "hann"))
    inner = np.s_[:, 18:30, 18:30]
    assert soft[inner].mean() == pytest.approx(1, abs=0.01)
    assert sharp[inner].mean() == pytest.approx(1, abs=0.01)
    rough = [filtered_back_projection(noise, geometry, w).std() for w in ("ramp", "hann")]
    assert rough[1] < 0.6 * rough[0]
    with pytest.raises(UsageError, match="hann"):
        filtered_back_projection(p, geometry, "han")
    with pytest.raises(InputError, match="expected"):
        filtered_back_projection(p[:, :5], geometry)


def test_angles_count_for_their_gaps():
    from undrift.medical.ct.fbp import _gaps

    even = _gaps(evenly(90), 180.0)
    np.testing.assert_allclose(even, np.pi / 90)
    twice = _gaps(evenly(180, 360.0), 180.0)  # every line seen twice
    assert float(twice.sum()) == pytest.approx(np.pi)
    part = _gaps(evenly(60, 120.0), 180.0)
    assert float(part.sum()) == pytest.approx(np.deg2rad(120.0))


def test_variance_and_bias_of_line_integrals_are_the_closed_forms():
    exposure = Exposure(photons=2e4, dose=0.25, electronic=6.0)
    n = 200000
    for p in (0.0, 1.0, 2.5):
        line = np.full(n, p, np.float32)
        q = exposure.integrals(exposure.counts(line, np.random.default_rng(1))).astype(np.float64)
        wanted = float(exposure.variance(line[:1])[0])
        # of a variance of n normals: 2 / n; the next order of the delta method: about 1 / counts
        error = 4 * np.sqrt(2 / n) + 4 * wanted
        assert q.var() == pytest.approx(wanted, rel=error)
        assert q.mean() - p == pytest.approx(
            float(exposure.bias(line[:1])[0]), abs=4 * np.sqrt(wanted / n) + 4 * wanted**2
        )


def test_measured_variance_is_near_the_true_one_and_slices_are_independent_of_order():
    exposure = Exposure(1e5, 0.5)
    p = np.linspace(0, 4, 3 * 8 * 50, dtype=np.float32).reshape(3, 8, 50)
    q, variance = exposure.noisy(p, 7)
    np.testing.assert_allclose(variance, exposure.variance(p), rtol=0.25)
    alone, _ = exposure.noisy(p[:1], 7)
    assert np.array_equal(alone[0], q[0])
    whitened = (q - p) / np.sqrt(exposure.variance(p))
    assert whitened.std() == pytest.approx(1, abs=4 / np.sqrt(2 * p.size) + 0.01)


@pytest.mark.parametrize(
    "wrong", [{"photons": 0}, {"dose": -1}, {"electronic": -1}, {"dose": np.nan}]
)
def test_impossible_exposures_are_refused(wrong):
    with pytest.raises(InputError, match="photons"):
        Exposure(**wrong)


def test_rows_and_axes_turn_back():
    volume = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    assert np.array_equal(from_rows(to_rows(volume)), volume)
    assert to_rows(volume)[0, 0, 1] == volume[1, 2, 0]  # x to the right, y up


def test_several_rays_a_cell_average_intensities():
    geometry = Parallel((0.0,), cells=4, pitch=2.0).for_image((8, 8), (1.0, 1.0))
    mu = np.zeros((8, 8, 1), np.float32)
    mu[0] = 0.5  # a slab that covers half of the first cell
    one = project(mu, geometry, 1.0, rays=2)[0, 0]
    assert one[0] == pytest.approx(-np.log((np.exp(-4.0) + 1) / 2), rel=1e-5)
    assert np.abs(one[1:]).max() < 1e-6


def test_a_zoomed_scan_is_the_same_up_to_lengths():
    mu = np.random.default_rng(0).random((16, 16, 2)).astype(np.float32)
    angles = evenly(12)
    one = project(mu, Parallel(angles).for_image((16, 16), (1.0, 1.0)), 1.0)
    three = project(mu, Parallel(angles).for_image((16, 16), (3.0, 3.0)), 3.0)
    np.testing.assert_allclose(three, 3 * one, rtol=1e-5)
    operator = Parallel(angles).for_image((16, 16), (3.0, 3.0)).operator()
    direct = operator(torch.from_numpy(to_rows(mu))[:, None].double())[:, 0]
    np.testing.assert_allclose(direct, three, rtol=1e-4, atol=1e-4)
