"""CT of brain phantoms: partial volume in closed form, one subject in MR and CT, its own law."""

from dataclasses import replace

import numpy as np
import pytest

from undrift.medical.simulate.anatomy import TISSUES, Phantom, brain
from undrift.medical.simulate.brain_ct import AS_IN_CT, FIXED, brain_ct, subject_ct
from undrift.medical.simulate.ct_law import TEST, TRAIN
from undrift.medical.simulate.ct_law import TISSUES as HU
from undrift.medical.simulate.law import SHIFTED, TRAINING, UNVARIED, BrainLaw

GRID = (20, 22, 18)


def phantom_of(law: BrainLaw = UNVARIED, seed: int = 5, /, **shares: float) -> Phantom:
    """A block of 4 x 4 x 4 voxels of 2 mm, all with the same shares of tissues."""
    grid = (4, 4, 4)
    members = {name: np.full(grid, shares.get(name, 0.0), np.float32) for name in TISSUES}
    return Phantom(
        members, np.zeros((2, *grid), np.float32), np.diag([2.0] * 3 + [1]), (), seed, law
    )


@pytest.mark.parametrize(
    ("shares", "hu"),
    [
        ({}, -1000),
        ({"skull": 1.0}, 1300),
        ({"fat": 1.0}, -100),
        ({"wm": 0.25, "gm": 0.75}, 0.25 * 28 + 0.75 * 38),
        ({"skull": 0.5}, 0.5 * 1300 - 0.5 * 1000),
        ({"ventricle": 0.2, "deep": 0.3, "blood": 0.1}, 0.2 * 8 + 0.3 * 38 + 0.1 * 45 - 0.4 * 1000),
        ({"lesion": 1.0}, 22),
    ],
)
def test_a_voxel_is_the_mean_of_what_fills_it(shares: dict[str, float], hu: float) -> None:
    volume = brain_ct(phantom_of(**shares))
    np.testing.assert_allclose(volume.array, hu, rtol=1e-6, atol=1e-4)
    assert volume.units == "HU" and volume.stored.dtype == "int16"


def test_textures_have_the_deviations_of_the_ct_law() -> None:
    """Over a large block of one tissue: the squares of three independent fields add up."""
    grid = (64, 64, 64)
    members = {name: np.zeros(grid, np.float32) for name in TISSUES}
    members["marrow"] += 1
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    affine[:3, 3] = -94.5
    phantom = Phantom(members, np.zeros((2, *grid), np.float32), affine, (), 8, TRAINING)
    tissue = subject_ct(phantom)["marrow"]
    found = brain_ct(phantom).array
    expected = np.sqrt(tissue.fine**2 + tissue.middle**2 + tissue.coarse**2)
    assert found.std() == pytest.approx(expected, rel=0.05)
    assert found.mean() == pytest.approx(tissue.hu, abs=0.15 * expected)
    assert HU["spongy bone"][2] == 70  # the fine share, of which texture is a factor


def test_tissues_vary_between_subjects_by_the_ct_law() -> None:
    bone, laws = [], (TRAIN, TEST)
    for seed in range(200):
        tissues = subject_ct(phantom_of(TRAINING, seed))
        assert tissues["csf"] == tissues["ventricle"] and tissues["gm"] == tissues["deep"]
        assert tissues["lesion"].hu - tissues["wm"].hu == pytest.approx(-6)
        bone.append(tissues["skull"].hu)
    assert np.mean(bone) == pytest.approx(1300, abs=3 * 150 / np.sqrt(200))
    assert np.std(bone) == pytest.approx(150, rel=0.15)
    assert [subject_ct(phantom_of(law))["wm"] for law in (TRAINING, SHIFTED)] == [
        subject_ct(phantom_of(), law)["wm"] for law in laws
    ]
    assert subject_ct(phantom_of())["skull"] == subject_ct(phantom_of(SHIFTED), FIXED)["skull"]
    assert set(AS_IN_CT) == set(TISSUES)


def test_a_head_shows_air_bone_and_brain_and_is_the_same_on_any_grid() -> None:
    exact = brain(4, GRID, 9.0, UNVARIED)
    share = {name: exact.memberships[name].astype(float) for name in TISSUES}
    expected = -1000 * (1 - sum(share.values()))
    for name, (kind, more) in AS_IN_CT.items():
        expected = expected + share[name] * (HU[kind][0] + more)
    np.testing.assert_allclose(brain_ct(exact).array, np.maximum(expected, -1000), atol=0.01)
    head = brain(4, GRID, 9.0)
    volume = brain_ct(head)
    assert volume.array.min() == -1000 and np.count_nonzero(volume.array > 300) > 20
    affine = head.affine.copy()
    affine[:3, 3] = (head.affine @ [2, 3, 4, 1])[:3]
    cut = (slice(2, None), slice(3, None), slice(4, None))
    part = {name: member[cut] for name, member in head.memberships.items()}
    found = brain_ct(replace(head, memberships=part, affine=affine)).array
    np.testing.assert_allclose(found, volume.array[cut], atol=0.01)


def test_mr_does_not_tell_the_density_of_a_subjects_bone() -> None:
    """Bone has no signal, and CT draws from streams of its own: no relaxation goes with HU."""
    from undrift.medical.simulate.mr_signal import subject_tissues

    pairs = np.array([
        (subject_tissues(p)["gm"].t1, subject_ct(p)["gm"].hu)
        for p in (phantom_of(TRAINING, seed) for seed in range(300))
    ])  # fmt: skip
    assert abs(np.corrcoef(pairs.T)[0, 1]) < 3 / np.sqrt(300)
