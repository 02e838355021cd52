"""CT phantoms: one patient on any grid, laws that differ, fields with the stated moments."""

import numpy as np
import pytest

from undrift.common.errors import InputError
from undrift.medical.simulate.ct import REGIONS, as_volume, ct_phantom
from undrift.medical.simulate.ct_canvas import Canvas, Tissue
from undrift.medical.simulate.ct_fields import correlation, field
from undrift.medical.simulate.ct_law import LABELS, TEST, TRAIN


def test_field_has_the_variance_and_the_correlation_of_b_splines():
    axis, short = np.linspace(0, 159, 160), np.linspace(0, 39, 40)
    values = field(3, "f", 4.0, (axis, axis, short))
    assert values.shape == (160, 160, 40)
    assert values.var() == pytest.approx(1, abs=0.03)  # 16000 lattice points: .011 for one sigma
    for steps in (1, 2):
        apart = (values[: -4 * steps] * values[4 * steps :]).mean() / values.var()
        assert apart == pytest.approx(correlation(steps), abs=0.02)


def test_autocorrelation_of_the_b_spline_by_quadrature():
    x = np.linspace(-5, 5, 20001)

    def spline(t):
        far = np.abs(t)
        return np.where(
            far < 1, 2 / 3 - far**2 + far**3 / 2, np.clip(2 - far, 0, None) ** 3 / 6
        )  # fmt: skip

    whole = np.trapezoid(spline(x) ** 2, x)
    for distance in (0.0, 0.5, 1.0, 2.5):
        found = np.trapezoid(spline(x) * spline(x - distance), x) / whole
        assert correlation(distance) == pytest.approx(found, abs=1e-7)


def test_a_part_of_the_grid_and_a_finer_one_see_the_same_field():
    axes = (np.linspace(-30, 30, 61), np.linspace(-20, 20, 41), np.linspace(-6, 6, 5))
    whole = field(5, "f", 7.0, axes)
    part = field(5, "f", 7.0, (axes[0][10:20], axes[1][::4], axes[2][2:3]))
    np.testing.assert_allclose(part, whole[10:20, ::4, 2:3], atol=2e-6)


def test_an_ellipsoid_has_the_volume_of_one():
    canvas = Canvas((60, 60, 60), (1.0, 1.0, 1.0), 0, sway=0.0)
    _, share = canvas.ellipsoid((1.3, -2.1, 0.4), (20.0, 12.0, 9.0), turn=0.4)
    assert share.sum() == pytest.approx(4 / 3 * np.pi * 20 * 12 * 9, rel=0.005)


def test_a_tube_has_the_volume_of_a_cylinder_with_round_ends():
    canvas = Canvas((60, 60, 60), (0.5, 0.5, 0.5), 0, sway=0.0)
    _, share = canvas.tube((-7.0, 1.0, 0.0), (6.0, -3.0, 2.0), 3.0, 3.0)
    length = np.sqrt(13**2 + 4**2 + 2**2)
    volume = np.pi * 9 * length + 4 / 3 * np.pi * 27
    assert share.sum() * 0.125 == pytest.approx(volume, rel=0.01)


def test_texture_has_the_deviation_asked_for():
    canvas = Canvas((80, 80, 40), (1.0, 1.0, 1.0), 2, sway=0.0)
    solid = canvas.ellipsoid((0.0, 0.0, 0.0), (500.0, 500.0, 500.0))
    canvas.paint(solid, Tissue(50.0, 1, fine=6.0, middle=8.0))
    assert canvas.hu.std() == pytest.approx(10.0, rel=0.05)


@pytest.mark.parametrize("region", REGIONS)
def test_a_finer_grid_shows_the_same_patient(region):
    coarse = ct_phantom(4, (48, 48, 6), region=region)
    x, y, z = coarse.spacing
    fine = ct_phantom(4, (144, 144, 6), (x / 3, y / 3, z), region)
    again = ct_phantom(4, (48, 48, 6), region=region)
    assert np.array_equal(coarse.hu, again.hu) and np.array_equal(coarse.label, again.label)
    middle = fine.hu[1::3, 1::3]  # voxels with the same centres
    inside = np.abs(middle - coarse.hu) < 30
    assert inside.mean() > 0.8  # edges alone differ, by partial volume
    assert coarse.hu.mean() == pytest.approx(fine.hu.mean(), abs=12)


def test_seeds_and_laws_make_other_patients():
    one, two = (ct_phantom(seed, (48, 48, 4), region="head") for seed in (0, 3))
    assert np.abs(one.hu - two.hu).mean() > 10
    test = [ct_phantom(200000 + k, (48, 48, 4), region="abdomen", law=TEST) for k in range(3)]
    train = [ct_phantom(k, (48, 48, 4), region="abdomen") for k in range(3)]
    air = [np.mean([p.where("air").mean() for p in group]) for group in (test, train)]
    assert air[0] < air[1]  # bodies of the test are larger
    assert TEST.size[0] >= TRAIN.size[1] and TEST.offset[0] > TRAIN.offset[1]


def test_tissues_have_their_hounsfield_units():
    found = ct_phantom(1, (96, 96, 8), region="chest")
    for name, low, high in (("lung", -950, -650), ("fat", -150, -50), ("muscle", 10, 90)):
        assert low < np.median(found.hu[found.where(name)]) < high
    assert found.hu.min() >= -1000 and set(np.unique(found.label)) <= set(LABELS.values())


def test_the_volume_is_centred_and_in_hounsfield_units():
    volume = as_volume(np.zeros((5, 7, 3), np.float32), (2.0, 2.0, 3.0))
    np.testing.assert_allclose(volume.affine @ [2, 3, 1, 1], [0, 0, 0, 1])
    assert volume.units == "HU"


def test_bad_phantoms_are_refused():
    with pytest.raises(InputError, match="chest"):
        ct_phantom(0, region="chset")
    with pytest.raises(InputError, match="positive"):
        ct_phantom(0, (0, 4, 4))
    with pytest.raises(InputError, match="no tissue"):
        ct_phantom(0, (8, 8, 2), region="head").where("gold")
