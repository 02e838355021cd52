"""What a scanner adds: noise with known moments, coils, motion, slices."""

import numpy as np
import pytest
from scipy.stats import rice

from undrift.common.errors import InputError
from undrift.medical.simulate.coils import ring_coils
from undrift.medical.simulate.mr_acquisition import (
    acquire,
    bias_field,
    complex_noise,
    image_of,
    kspace,
    low_field_sigma,
    moved,
    phase_map,
    rician,
    shifted_shots,
    slice_weights,
    thick_slices,
)
from undrift.medical.volumes.volume import Volume

AFFINE = np.diag([2.0, 2.0, 3.0, 1.0])


def flat(value: float, grid: tuple[int, int, int] = (40, 40, 40)) -> Volume:
    return Volume(np.full(grid, value, np.float32), AFFINE)


@pytest.mark.parametrize("signal", [0.0, 0.5, 1.0, 4.0])
def test_noise_has_the_moments_of_rices_law(signal: float) -> None:
    sigma = 0.5
    found = rician(flat(signal), sigma, seed=2).array.astype(np.float64)
    law = rice(signal / sigma, scale=sigma)
    tolerance = 4 / np.sqrt(found.size)
    assert found.mean() == pytest.approx(law.mean(), abs=tolerance * law.std())
    assert found.std() == pytest.approx(law.std(), rel=tolerance)
    assert (found**2).mean() == pytest.approx(signal**2 + 2 * sigma**2, rel=2 * tolerance)


def test_noise_is_a_function_of_seed_and_voxel() -> None:
    whole = complex_noise((8, 6, 5), 3, 1.0)
    np.testing.assert_array_equal(whole[:4], complex_noise((4, 6, 5), 3, 1.0))
    assert not np.array_equal(whole, complex_noise((8, 6, 5), 4, 1.0))
    assert not np.array_equal(whole, complex_noise((8, 6, 5), 3, 1.0, "coil 1"))
    assert (np.abs(complex_noise((32, 32, 32), 1, 0.3)) ** 2).mean() == pytest.approx(
        0.09, rel=0.02
    )


@pytest.mark.parametrize("grid", [(16, 18, 12), (20, 20)])
def test_coils_add_up_to_one_and_differ(grid: tuple[int, ...]) -> None:
    maps = ring_coils(grid, 6)
    assert maps.shape == (6, *grid)
    np.testing.assert_allclose((np.abs(maps) ** 2).sum(0), 1, atol=1e-6)
    nearest = [np.abs(m).reshape(-1).argmax() for m in maps]
    assert len(set(nearest)) == 6


def test_measuring_is_linear_keeps_energy_and_adds_its_noise() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((16, 18, 12)) + 1j * rng.standard_normal((16, 18, 12))
    maps = ring_coils((16, 18, 12), 4)
    clean = acquire(x, maps, 0.0, seed=1)
    assert np.linalg.norm(clean) == pytest.approx(np.linalg.norm(x), rel=1e-5)
    back = (maps.conj() * image_of(clean)).sum(0)
    np.testing.assert_allclose(back, x, atol=1e-4)
    noise = acquire(x, maps, 0.2, seed=1) - clean
    assert (np.abs(noise) ** 2).mean() == pytest.approx(0.04, rel=0.05)
    across = (
        np.abs(np.vdot(noise[0], noise[1])) / np.linalg.norm(noise[0]) / np.linalg.norm(noise[1])
    )
    assert across < 0.1
    np.testing.assert_allclose(image_of(kspace(x)), x, atol=1e-12)


def test_shading_and_phase_are_smooth_bounded_and_placed_in_the_world() -> None:
    bias = bias_field((32, 32, 32), AFFINE, 5, amount=0.2)
    assert 0.8 < bias.min() < 0.95 and 1.05 < bias.max() < 1.2
    assert np.abs(np.diff(bias, axis=0)).max() < 0.02
    moved_affine = AFFINE.copy()
    moved_affine[:3, 3] = AFFINE[:3, :3] @ [4, 5, 6]
    part = bias_field((8, 8, 8), moved_affine, 5)
    np.testing.assert_allclose(part, bias[4:12, 5:13, 6:14], atol=1e-5)
    assert np.abs(phase_map((16, 16, 16), AFFINE, 1, amount=0.0)).max() == 0


def test_one_shift_of_all_shots_moves_the_picture() -> None:
    x = np.random.default_rng(1).standard_normal((12, 10, 8))
    shift = np.tile(np.array([[2.0], [-1.0], [3.0]]), (1, 5))
    np.testing.assert_allclose(
        shifted_shots(x, shift), np.roll(x, (2, -1, 3), (0, 1, 2)), atol=1e-5
    )
    still = moved(x, 1, 0.0)
    np.testing.assert_allclose(still, x, atol=1e-5)
    ghosts = moved(x, 1, 1.5)
    assert np.linalg.norm(ghosts) == pytest.approx(np.linalg.norm(x), rel=1e-5)
    assert np.abs(np.abs(ghosts) - np.abs(x)).max() > 0.1


def test_thick_slices_are_means_with_the_affine_of_their_centres() -> None:
    values = np.random.default_rng(2).standard_normal((5, 4, 11)).astype(np.float32)
    thick = thick_slices(Volume(values, AFFINE), 3)
    np.testing.assert_allclose(thick.array, values[..., :9].reshape(5, 4, 3, 3).mean(3), atol=1e-6)
    assert thick.spacing == (2.0, 2.0, 9.0)
    np.testing.assert_allclose(thick.affine @ [0, 0, 0, 1], AFFINE @ [0, 0, 1, 1])
    ramp = Volume(np.broadcast_to(np.arange(12, dtype=np.float32), (2, 2, 12)).copy(), AFFINE)
    for profile in ("box", "gaussian"):
        found = thick_slices(ramp, 4, profile=profile).array[0, 0]
        assert found[1] == pytest.approx(5.5, abs=1e-5)  # a symmetric profile keeps a ramp
    along_x = thick_slices(Volume(values, AFFINE), 2, axis=0)
    assert along_x.grid == (2, 4, 11) and along_x.spacing == (4.0, 2.0, 3.0)
    np.testing.assert_allclose(slice_weights(12, 4, "gaussian").sum(1), 1, rtol=1e-6)


def test_impossible_scans_are_refused() -> None:
    with pytest.raises(InputError, match="profile"):
        slice_weights(8, 2, "sinc")
    with pytest.raises(InputError, match="from 1 to 3"):
        slice_weights(3, 4)
    with pytest.raises(InputError, match="ring"):
        ring_coils((8, 8), 4, radius=0.5)
    with pytest.raises(InputError, match="maps"):
        acquire(np.zeros((4, 4, 4)), np.zeros((2, 4, 4, 5)), 0.1, 1)
    with pytest.raises(InputError, match="sigma"):
        rician(flat(1.0, (2, 2, 2)), -1.0, 1)
    with pytest.raises(InputError, match="field"):
        low_field_sigma(0.1, 0.0)
    assert low_field_sigma(0.01, 0.15) == pytest.approx(0.1)
