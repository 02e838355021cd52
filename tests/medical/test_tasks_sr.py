"""`super_resolve` and its parts: slices of a result are the scan, and so is its box."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_medical import PRIOR, head, oblique, write_medical

from undrift.common.errors import UsageError
from undrift.medical.finer_grid import Finer, wanted_spacing
from undrift.medical.slice_profile import applied, cubic_matrix, gain_matrix, slice_matrix
from undrift.medical.thick_slices import neighbour_noise, super_resolve
from undrift.medical.volumes import Volume

THICK = (1.0, 1.0, 4.0)


def thick(affine: np.ndarray | None = None) -> Volume:
    array = head((20, 22, 32))
    array = array.reshape(20, 22, 8, 4).mean(-1).astype(np.float32)
    return Volume(array, np.diag([*THICK, 1.0]) if affine is None else affine)


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The prior whose denoiser is exact for independent normal voxels of deviation .35."""
    return write_medical(tmp_path_factory.mktemp("m") / "prior.safetensors", PRIOR, last=0.0)


def test_slices_are_means() -> None:
    assert np.array_equal(slice_matrix(2, 6), [[1 / 3] * 3 + [0] * 3, [0] * 3 + [1 / 3] * 3])
    np.testing.assert_allclose(slice_matrix(2, 3), [[2 / 3, 1 / 3, 0], [0, 1 / 3, 2 / 3]])
    np.testing.assert_allclose(slice_matrix(2, 6, 1 / 3), [[0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0]])
    with pytest.raises(UsageError):
        slice_matrix(2, 6, 0)


def test_splines_give_straight_lines_and_go_through_slices() -> None:
    line = 3.0 + 2 * np.arange(6)
    places = (np.arange(18) + 0.5) / 3 - 0.5
    found = cubic_matrix(6, 18) @ line
    inside = (places >= 0) & (places <= 5)
    np.testing.assert_allclose(found[inside], 3 + 2 * places[inside])
    wave = np.sin(np.arange(6))
    np.testing.assert_allclose((cubic_matrix(6, 18) @ wave)[1::3], wave)


def test_gain_is_that_of_the_gaussian_posterior() -> None:
    """Against the textbook formula with the inverse covariance; noise 0 is the pseudo-inverse."""
    matrix = slice_matrix(3, 12)
    gain = gain_matrix(matrix, 0.7, 0.2)
    precision = np.eye(12) / 0.7**2 + matrix.T @ matrix / 0.2**2
    np.testing.assert_allclose(gain, np.linalg.solve(precision, matrix.T) / 0.2**2)
    np.testing.assert_allclose(matrix @ gain_matrix(matrix, 0.7, 0.0), np.eye(3), atol=1e-12)


def test_matrices_go_along_their_axes() -> None:
    values = torch.randn(2, 4, 6, 5, dtype=torch.float64)
    found = applied(values, [None, slice_matrix(3, 6), slice_matrix(5, 5)])
    assert torch.allclose(found, values.reshape(2, 4, 3, 2, 5).mean(3))


@pytest.mark.parametrize("spacing", ["isotropic", 1.0, (1, 1, 1), "1,1,1"])
def test_interpolation_explains_the_scan_in_the_same_box(spacing: Any) -> None:
    volume = thick(oblique(THICK))
    result = super_resolve(volume, spacing=spacing, method="interpolation")
    assert result.value.grid == (20, 22, 32)
    assert np.abs(result.residual).max() < 1e-3
    corners = np.array([[-0.5, -0.5, -0.5, 1], [19.5, 21.5, 7.5, 1]]).T
    fine = np.array([[-0.5, -0.5, -0.5, 1], [19.5, 21.5, 31.5, 1]]).T
    assert np.abs(volume.affine @ corners - result.value.affine @ fine).max() < 1e-9
    np.testing.assert_allclose(result.value.spacing, (1, 1, 1))
    four = result.value.array.reshape(20, 22, 8, 4).mean(-1)
    np.testing.assert_allclose(four, volume.array, atol=1e-3)


def test_samples_have_the_posterior_of_an_exact_prior(exact: str) -> None:
    """For independent normal voxels the posterior is known; so are mean and spread of samples."""
    volume, noise = thick(), 8.0
    result = super_resolve(
        volume, model=exact, samples=8, steps=40, solver="ddim", noise=noise, tile=(12, 22, 32)
    )
    scale = result.info["intensity"]["scale"]
    gain = gain_matrix(slice_matrix(8, 32), 0.35, noise / scale)
    mean = volume.array @ gain.T
    error = result.value.array - mean
    assert np.abs(error.mean()) < 0.01 * scale
    left = np.eye(32) - gain @ slice_matrix(8, 32)
    wanted = scale * 0.35 * np.sqrt(np.diag(left)).mean()
    assert result.std.mean() == pytest.approx(wanted, rel=0.1)
    assert error.std() == pytest.approx(wanted / np.sqrt(8), rel=0.15)
    assert result.info["chi"] < 1.2


def test_flipped_axes_are_the_same_scan(exact: str) -> None:
    one = thick()
    affine = np.diag([1.0, 1.0, -4.0, 1.0])
    affine[2, 3] = 7 * 4.0
    other = Volume(np.ascontiguousarray(one.array[:, :, ::-1]), affine)
    found = [super_resolve(v, model=exact, steps=3, item="x").value for v in (one, other)]
    np.testing.assert_allclose(found[1].array[:, :, ::-1], found[0].array, atol=1e-3)


def test_result_is_saved_with_its_own_affine(exact: str, tmp_path: Path) -> None:
    import nibabel as nib

    volume = thick(oblique(THICK))
    result = super_resolve(volume, model=exact, steps=2)
    result.save(tmp_path / "fine.nii.gz")
    back = nib.load(tmp_path / "fine.nii.gz")
    assert np.abs(back.affine - result.value.affine).max() < 1e-5  # type: ignore[attr-defined]


def test_wrong_spacings_are_told() -> None:
    for spacing, said in [
        ((1, 1, 5), "coarser"),
        ((1, 1, 4), "already"),
        ("1,2", "expected mm"),
        ("fine", "expected mm"),
        (-1.0, "expected mm"),
    ]:
        with pytest.raises(UsageError, match=said):
            super_resolve(thick(), spacing=spacing, method="interpolation")
    assert wanted_spacing(2.0, (1.0, 1.0, 4.0)) == (1.0, 1.0, 2.0)
    plan = Finer.of(thick(), 1.0, 3.0)
    assert plan.share == 0.75


def test_noise_between_neighbours() -> None:
    ramp = np.linspace(0, 50, 4000).reshape(200, 20, 1).repeat(20, 2)
    noise = np.random.default_rng(1).normal(0, 2.0, ramp.shape)
    assert neighbour_noise((ramp + noise).astype(np.float32)) == pytest.approx(2.0, rel=0.03)


def test_one_value_is_refined_without_drawing(exact: str) -> None:
    """From the interpolated volume, in four calls: seeds do not matter, the scan is explained."""
    one, other = (super_resolve(thick(), model=exact, seed=seed, noise=4.0) for seed in (0, 1))
    assert np.array_equal(one.value.array, other.value.array)
    assert one.info["nfe"] == 4
    assert one.info["residual_rms"] < 4.0
    assert one.std is None
