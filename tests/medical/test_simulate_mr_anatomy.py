"""Brain phantoms: one subject whatever the grid, shares that add up, laws that lie apart."""

from dataclasses import fields, replace

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from undrift.common.errors import InputError
from undrift.medical.simulate.anatomy import TISSUES, Phantom, brain
from undrift.medical.simulate.fields import flow, grid_axes, interpolated, lattice, random_field
from undrift.medical.simulate.law import SHIFTED, TRAINING, UNVARIED
from undrift.medical.simulate.mr_contrasts import PROTOCOLS, signals
from undrift.medical.simulate.mr_signal import (
    contrast_arrays,
    signal,
    subject_protocol,
    subject_tissues,
)
from undrift.medical.simulate.mr_tissues import T15, table
from undrift.medical.simulate.shapes import Space, ellipsoid, tube

GRID = (40, 44, 40)
SICK = replace(TRAINING, lesions=6.0, tumour=1.0)


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return brain(11, GRID, 5.0, SICK)


def test_shares_are_shares(phantom: Phantom) -> None:
    stack = np.stack([phantom.memberships[name] for name in TISSUES])
    assert stack.dtype == np.float32 and stack.min() >= 0
    assert stack.sum(0).max() <= 1 + 1e-6
    assert stack.sum(0)[0, 0, -1] == 0  # air in a corner
    volumes = {name: float(share.sum()) * 0.125 for name, share in phantom.memberships.items()}
    assert 700 < volumes["gm"] + volumes["wm"] + volumes["deep"] < 1700  # ml, as people have
    assert 5 < volumes["ventricle"] < 80
    assert all(volumes[name] > 0 for name in TISSUES)
    assert set(np.unique(phantom.labels)) <= set(range(len(TISSUES) + 1))
    assert ((phantom.labels > 0) == phantom.mask()).all()


def test_a_subject_is_a_function_of_its_seed(phantom: Phantom) -> None:
    again, other = brain(11, GRID, 5.0, SICK), brain(12, GRID, 5.0, SICK)
    for name in TISSUES:
        np.testing.assert_array_equal(again.memberships[name], phantom.memberships[name])
    assert again.lesions == phantom.lesions != other.lesions
    assert np.abs(other.memberships["wm"] - phantom.memberships["wm"]).mean() > 0.02


def test_a_crop_shows_the_same_subject(phantom: Phantom) -> None:
    # voxels 10..29, 12..31, 12..31 of the whole: their middle lies at these millimetres
    middle = tuple((10 + a + 9.5 - (n - 1) / 2) * 5.0 for a, n in zip((0, 2, 2), GRID, strict=True))
    crop = brain(11, (20, 20, 20), 5.0, SICK, centre=(middle[0], middle[1], middle[2]))
    inner = (slice(2, -2),) * 3  # slopes of the folds look one voxel beyond
    for name in TISSUES:
        whole = phantom.memberships[name][10:30, 12:32, 12:32]
        np.testing.assert_allclose(crop.memberships[name][inner], whole[inner], atol=2e-4)
    np.testing.assert_allclose(crop.affine[:3, 3], phantom.affine[:3, 3] + 5.0 * np.r_[10, 12, 12])


def test_a_coarser_grid_holds_the_same_tissue() -> None:
    fine, coarse = brain(5, (64, 72, 64), 3.0), brain(5, (32, 36, 32), 6.0)
    for name in ("wm", "gm", "csf", "fat", "skull"):
        blocks = fine.memberships[name].reshape(32, 2, 36, 2, 32, 2).mean((1, 3, 5))
        assert np.corrcoef(blocks.ravel(), coarse.memberships[name].ravel())[0, 1] > 0.85
        assert coarse.memberships[name].sum() == pytest.approx(blocks.sum(), rel=0.2)


def test_lesions_are_reported_where_they_are_and_can_be_left_out(phantom: Phantom) -> None:
    healthy = brain(11, GRID, 5.0, SICK, with_lesions=False)
    taken = np.zeros(GRID, np.float32)
    for name in ("wm", "gm", "deep", "csf"):
        taken += np.maximum(healthy.memberships[name] - phantom.memberships[name], 0)
    kinds = {lesion.kind for lesion in phantom.lesions}
    assert kinds == {"plaque", "tumour"} and not healthy.lesions
    there = [lesion for lesion in phantom.lesions if lesion.volume > 50]
    assert there
    for lesion in there:
        assert lesion.centroid is not None
        voxel = np.linalg.solve(phantom.affine, [*lesion.centroid, 1])[:3]
        near = tuple(slice(max(0, int(v) - 2), int(v) + 3) for v in voxel)
        assert taken[near].max() > 0.1
    far = taken.copy()
    for name in ("lesion", "tumour", "oedema"):
        assert not healthy.memberships[name].any()
        far[phantom.memberships[name] > 0] = 0
    assert far.max() < 0.15  # beyond the lesions (their dead cores but for) nothing changed
    assert sum(lesion.volume for lesion in phantom.lesions) == pytest.approx(
        sum(float(phantom.memberships[name].sum()) for name in ("lesion", "tumour", "oedema"))
        * 125,
        rel=0.35,
    )


def test_deformations_fold_nothing() -> None:
    knots = lattice(8.0)
    velocity = [np.float32(5.5) * random_field(3, f"v{axis}", 38.0).on(knots) for axis in range(3)]
    moved = flow(velocity, 8.0)
    axes = grid_axes((48, 48, 48), (4.0, 4.0, 4.0))
    places = np.stack(np.meshgrid(*axes, indexing="ij")) + [
        interpolated(u, 8.0).on(axes) for u in moved
    ]
    jacobian = np.stack([np.stack(np.gradient(p, 4.0)) for p in places])
    assert np.linalg.det(jacobian.transpose(2, 3, 4, 0, 1)).min() > 0.1
    back = flow([-v for v in velocity], 8.0)  # the flow backwards undoes it
    at = np.stack(np.meshgrid(*knots, indexing="ij")) + moved
    index = (at + 132.0) / 8.0
    left = [u + map_coordinates(b, index, order=1) for u, b in zip(moved, back, strict=True)]
    inner = (slice(4, -4),) * 3
    assert max(np.abs(part[inner]).max() for part in left) < 0.05 * max(
        np.abs(m).max() for m in moved
    )


def test_fields_have_unit_variance_and_do_not_know_the_grid() -> None:
    field = random_field(1, "texture", 3.0)
    axes = grid_axes((60, 60, 60), (3.7, 3.7, 3.7))
    assert field.on(axes).std() == pytest.approx(1, abs=0.02)
    part = field.on((axes[0][7:9], axes[1][:3], axes[2][40:]))
    np.testing.assert_allclose(part, field.on(axes)[7:9, :3, 40:], atol=1e-5)
    knots = lattice(12.0)
    exact = interpolated(field.on(knots), 12.0).on(knots)
    np.testing.assert_allclose(exact, field.on(knots), atol=1e-4)


def test_distances_and_partial_volumes_of_simple_shapes() -> None:
    axes = np.meshgrid(*[np.linspace(-20, 20, 41, dtype=np.float32)] * 3, indexing="ij")
    at = Space(*axes, voxel=1.0)
    radius = np.sqrt(sum(v**2 for v in axes))
    ball = ellipsoid(at, (0, 0, 0), (12, 12, 12))
    np.testing.assert_allclose(ball[radius > 1], (radius - 12)[radius > 1], atol=1e-4)
    assert at.filled(ball).sum() == pytest.approx(4 / 3 * np.pi * 12**3, rel=0.005)
    rod = tube(at, [(-30, 0, 0), (30, 0, 0)], (5, 5))
    np.testing.assert_allclose(rod, np.hypot(axes[1], axes[2]) - 5, atol=1e-4)
    sheet = at.sheet(np.abs(axes[0]), 0.2)  # 0.4 mm of fluid in 1 mm voxels
    np.testing.assert_allclose(sheet.sum(0), 0.4, atol=1e-5)


def test_a_pure_voxel_has_the_closed_form_of_its_tissue() -> None:
    phantom = brain(4, (48, 48, 48), 4.0, UNVARIED)
    for protocol in PROTOCOLS:
        found = signal(phantom, protocol).array
        for name in ("wm", "fat", "ventricle"):
            pure = phantom.memberships[name] > 0.9999
            assert pure.any()
            expected = abs(signals(T15, protocol)[name])
            np.testing.assert_allclose(found[pure], expected, rtol=5e-4, atol=2e-4)


def test_tissues_vary_between_and_within_subjects_as_the_law_says() -> None:
    spread, times = [], []
    base = brain(0, (2, 2, 2), 5.0)
    for seed in range(300):
        subject = replace(base, seed=seed)
        spread.append(subject_tissues(subject)["gm"].t1 / T15["gm"].t1)
        times.append(subject_protocol(subject, "t2-se").te / 95)
    assert np.mean(spread) == pytest.approx(1, abs=0.01)
    assert np.std(spread) == pytest.approx(0.05, rel=0.15)
    assert 0.97 <= min(times) < 0.98 and 1.02 < max(times) <= 1.03
    phantom = brain(4, (48, 48, 48), 4.0)
    pure = phantom.memberships["wm"] > 0.9999
    found = signal(phantom, "t2-se").array[pure]
    assert 0.02 < found.std() / found.mean() < 0.06
    high, low = subject_tissues(phantom, 3.0)["wm"], subject_tissues(phantom)["wm"]
    assert high.t1 / table(3.0)["wm"].t1 == pytest.approx(low.t1 / T15["wm"].t1)


def test_contrasts_are_different_pictures_of_one_head(phantom: Phantom) -> None:
    t1, t2 = contrast_arrays(phantom, "mprage", "t2-se")
    inside = phantom.mask()
    assert -0.6 < np.corrcoef(t1[inside], t2[inside])[0, 1] < 0.3  # no map of grey values
    brainy = (
        phantom.memberships["wm"] + phantom.memberships["gm"] + phantom.memberships["csf"] > 0.9
    )
    assert np.corrcoef(t1[brainy], t2[brainy])[0, 1] < -0.5


def test_the_shifted_law_lies_apart_from_training() -> None:
    apart = 0
    for part in fields(TRAINING):
        ours, theirs = getattr(TRAINING, part.name), getattr(SHIFTED, part.name)
        if isinstance(ours, tuple) and ours != theirs:
            assert ours[0] <= ours[1] and theirs[0] <= theirs[1]
            apart += ours[1] <= theirs[0] or theirs[1] <= ours[0]
    assert apart >= 6
    assert (SHIFTED.t1, SHIFTED.t2) != (TRAINING.t1, TRAINING.t2)


@pytest.mark.parametrize(
    ("seed", "grid", "spacing"), [(-1, (4, 4, 4), 1.0), (1, (0, 4, 4), 1.0), (1, (4, 4, 4), 0.0)]
)
def test_impossible_grids_are_refused(
    seed: int, grid: tuple[int, int, int], spacing: float
) -> None:
    with pytest.raises(InputError, match="expected a seed"):
        brain(seed, grid, spacing)
