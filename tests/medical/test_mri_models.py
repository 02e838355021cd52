"""Forward models of MRI, coil maps, noise, and baselines, against dense algebra and SigPy."""

import functools
from pathlib import Path

import numpy as np
import pytest
import torch
from mri_toys import complex_normal, unit_maps
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators import LinearOperator, check_adjoint, dense_matrix
from undrift.common.operators.fourier import centred_fft, centred_ifft
from undrift.medical.mri import sparse
from undrift.medical.mri.baselines import cg_sense, zero_filled
from undrift.medical.mri.espirit import espirit, measured_whole
from undrift.medical.mri.masks import KINDS, line_mask
from undrift.medical.mri.models import cartesian, non_cartesian, to_channels, to_complex
from undrift.medical.mri.noise import SIGMA, Whitening, covariance, one_level, read_covariance
from undrift.medical.mri.planes import poisson_disc, pseudo_radial
from undrift.medical.mri.trajectories import radians, spokes

REFERENCE = Path(__file__).parents[1] / "reference" / "medical"


@functools.cache
def stored(name: str) -> dict[str, Tensor]:
    with np.load(REFERENCE / f"{name}.npz") as file:
        return {key: torch.from_numpy(file[key]) for key in file}


def models() -> dict[str, LinearOperator]:
    maps, space = unit_maps(3, 12, 10), (12, 10)
    found = {
        kind: cartesian(maps, torch.from_numpy(line_mask(kind, 10, 2, 0.2)), space)
        for kind in KINDS
    }
    plane = torch.from_numpy(poisson_disc((10, 8), 3, (2, 2)))
    found["one coil"] = cartesian(None, torch.from_numpy(pseudo_radial(space, 4)), space)
    found["3-D"] = cartesian(unit_maps(2, 6, 10, 8), plane, (6, 10, 8))
    found["stack"] = cartesian(unit_maps(2, 4, 10, 8), plane, (4, 10, 8), axes=2)
    found["odd"] = cartesian(unit_maps(2, 9, 7), torch.ones(7), (9, 7))
    trajectory = radians(spokes(7, 9, 12, through=True) * [1, 10 / 12], space)
    found["radial"] = non_cartesian(maps, trajectory, space)
    found["radial, one coil"] = non_cartesian(None, trajectory, space)
    return found


@pytest.mark.parametrize("name", models())
def test_adjoints(name: str) -> None:
    """<A u, v> = <u, A^H v> in double precision, for every kind of model."""
    assert check_adjoint(models()[name], dtype=torch.float64).error < 1e-10


def test_the_transform_is_that_of_fastmri() -> None:
    """Centred and orthonormal, for even and odd sides."""
    for size in ("8x6", "9x7"):
        x = stored("fastmri_fft")[f"x_{size}"]
        assert (centred_fft(x, 2) - stored("fastmri_fft")[f"fft2c_{size}"]).abs().max() < 2e-6
        assert (centred_ifft(x, 2) - stored("fastmri_fft")[f"ifft2c_{size}"]).abs().max() < 2e-6
        every = cartesian(None, torch.ones(x.shape[-1]), tuple(x.shape[1:]))
        found = every(to_channels(x[:1, None]))[0, 0]
        assert (found - stored("fastmri_fft")[f"fft2c_{size}"][0]).abs().max() < 2e-6
        rss = torch.linalg.vector_norm(x, dim=0)
        assert (rss - stored("fastmri_fft")[f"rss_complex_{size}"]).abs().max() < 2e-6


def test_radial_samples_on_the_grid_are_those_of_the_fft() -> None:
    maps, x = unit_maps(2, 8, 8), complex_normal(1, 1, 8, 8)
    rows = np.stack(np.meshgrid(np.arange(8) - 4, np.arange(8) - 4, indexing="ij"), -1)
    there = non_cartesian(maps, radians(rows.astype(float), (8, 8)), (8, 8))
    grid = cartesian(maps, torch.ones(8), (8, 8))
    both = there(to_channels(x))[0], grid(to_channels(x))[0].flatten(1)
    assert (both[0] - both[1]).abs().max() < 1e-11


def test_masks_of_the_wrong_shape() -> None:
    for shape in ((9,), (12, 9), (10, 12), (1, 12, 10), ()):
        with pytest.raises(InputError, match=r"expected \(10,\) or \(12, 10\)"):
            cartesian(None, torch.ones(shape), (12, 10))
    with pytest.raises(InputError, match="0 everywhere"):
        cartesian(None, torch.zeros(10), (12, 10))


def test_maps_are_those_of_sigpy() -> None:
    """Eigenvalues, support and maps of SigPy's ESPIRiT on its birdcage coils; the phase of both is
    that of the first coil."""
    s = stored("sigpy_coils")
    side, threshold, kernel, crop, _ = s["params"].tolist()
    maps, values = espirit(s["ksp"], int(side), int(kernel), threshold, crop)
    support = s["espirit_maps"].abs().sum(0) > 0
    assert torch.equal(maps.abs().sum(0) > 0, support)
    assert (values - s["espirit_eig"][0]).abs().max() < 1e-5
    assert (maps - s["espirit_maps"]).abs().max() < 1e-4
    birdcage = s["birdcage_6x32x32"] * torch.exp(-1j * s["birdcage_6x32x32"][:1].angle())
    assert float((maps - birdcage).abs()[:, support].median()) < 0.003
    one = torch.linalg.vector_norm(maps, dim=0)[support]
    assert (one - 1).abs().max() < 1e-5


def test_calibration_windows() -> None:
    mask = torch.zeros(16, 12)
    mask[:, 4:8] = 1
    assert measured_whole(mask) == (16, 4) and measured_whole(mask, 6) == (6, 4)
    assert measured_whole(torch.zeros(16, 12)) == (0, 0)
    with pytest.raises(InputError, match=r"measured whole is \(16, 4\); maps need 6 x 6"):
        espirit(complex_normal(3, 16, 12), (16, 4))
    with pytest.raises(InputError, match="0 everywhere"):
        espirit(torch.zeros(3, 16, 12, dtype=torch.complex64))
    with pytest.raises(InputError, match="complex k-space"):
        espirit(torch.zeros(3, 16, 12))


def test_whitened_noise() -> None:
    """Correlated noise becomes white with 1/2 in each part, and maps follow."""
    mixing = complex_normal(3, 3, seed=1)
    noise = mixing @ complex_normal(3, 40000, seed=2)
    whitening = Whitening(mixing @ mixing.mH)
    white = whitening(noise)
    # deviations of the entries of a covariance from n samples are 1 / sqrt(n) = .005
    assert (covariance(white) - torch.eye(3)).abs().max() < 0.025
    assert float(white.real.std()) == pytest.approx(SIGMA, rel=0.02)
    assert (whitening.undone(white) - noise).abs().max() < 1e-10
    assert (covariance(noise) - mixing @ mixing.mH).abs().max() < 0.1
    assert torch.equal(one_level(0.5, 2, noise), 0.5 * torch.eye(2))
    for bad in (0.0, -1.0, float("nan")):
        with pytest.raises(InputError, match="above 0"):
            one_level(bad, 2, noise)
    with pytest.raises(InputError, match="not positive definite"):
        Whitening(torch.zeros(2, 2, dtype=torch.complex128))
    with pytest.raises(InputError, match="3 coils, but 2 coils"):
        whitening(noise[:2])
    with pytest.raises(InputError, match="4 or more for each coil"):
        covariance(noise[:, :6])


@pytest.mark.parametrize("oversampled", [True, False])
def test_noise_read_off_the_measurement(oversampled: bool) -> None:
    """Within 15 % of the deviation that was put in, beside a signal a hundred times as strong."""
    maps = unit_maps(4, 96, 64)
    x = torch.zeros(1, 1, 96, 64, dtype=torch.complex128)
    grid = torch.meshgrid(torch.linspace(-1, 1, 96), torch.linspace(-1, 1, 64), indexing="ij")
    wide = 0.45 if oversampled else 0.98
    x[0, 0] = torch.exp(-4 * ((grid[0] / wide) ** 2 + (grid[1] / 0.9) ** 2)).double()
    mask = torch.from_numpy(line_mask("equispaced", 64, 4))
    clean = cartesian(maps, mask, (96, 64))(to_channels(x))[0]
    kspace = clean + 0.01 * mask * complex_normal(4, 96, 64, seed=3)
    psi = read_covariance(kspace, mask.expand(96, 64))
    assert (psi.diagonal().real.sqrt() / 0.01 - 1).abs().max() < 0.15
    with pytest.raises(InputError, match="too few samples"):
        read_covariance(kspace[:, :4, :2], mask[:2].expand(4, 2))


def test_cg_sense_is_least_squares() -> None:
    """Equal to the dense solution, with and without a penalty."""
    operator = models()["equispaced"]
    matrix = dense_matrix(operator, dtype=torch.float64)
    y = complex_normal(1, 3, 12, 10, seed=4) * torch.from_numpy(line_mask("equispaced", 10, 2, 0.2))
    right = torch.linalg.lstsq(matrix, _as_column(y)).solution
    found = cg_sense(operator, y, iterations=500, tol=1e-13)
    assert (found.flatten() - right).abs().max() < 1e-8 * right.abs().max()
    penalised = torch.linalg.solve(
        matrix.T @ matrix + 0.3 * torch.eye(240, dtype=torch.float64), matrix.T @ _as_column(y)
    )
    found = cg_sense(operator, y, 0.3, tol=1e-13)
    assert (found.flatten() - penalised).abs().max() < 1e-8


def test_zero_filled_of_everything_is_the_image() -> None:
    maps, x = 1.7 * unit_maps(3, 12, 10), complex_normal(1, 1, 12, 10)
    operator = cartesian(maps, torch.ones(10), (12, 10))
    power = (maps.abs() ** 2).sum(0)
    found = to_complex(zero_filled(operator, operator(to_channels(x)), power))
    assert (found - x[0]).abs().max() < 1e-12


def test_wavelets_of_a_measured_image_are_shrunk() -> None:
    """With A = I the answer is W^T soft(W y): for Haar wavelets of one level, by hand."""
    operator = cartesian(None, torch.ones(8), (8, 8))
    y = complex_normal(1, 1, 8, 8, seed=5)
    found = to_complex(sparse.shrunk(to_channels(y), 0.4, "haar", 1))[0]
    a, b, c, d = y[0, 0, ::2, ::2], y[0, 0, 1::2, ::2], y[0, 0, ::2, 1::2], y[0, 0, 1::2, 1::2]
    parts = [(a + b + c + d) / 2, (a - b + c - d) / 2, (a + b - c - d) / 2, (a - b - c + d) / 2]
    soft = [parts[0]] + [p * (1 - 0.4 / p.abs().clamp(min=1e-9)).clamp(min=0) for p in parts[1:]]
    assert (found[::2, ::2] - sum(soft) / 2).abs().max() < 1e-12
    # and the whole algorithm minimises: no move lowers the objective of one without shifts
    data = operator(to_channels(y))
    free = sparse.wavelet(operator, data, 0.0, iterations=5)
    assert (to_complex(free) - y[0]).abs().max() < 1e-10


def test_total_variation_of_a_step() -> None:
    """Denoising two plateaus of m pixels moves each by lam / m (Strong & Chan 2003): along a row
    that is measured whole, lam over the length of a plateau."""
    x = torch.zeros(1, 1, 1, 16, dtype=torch.complex128)
    x[..., 8:] = 2.0
    operator = cartesian(None, torch.ones(16), (1, 16))
    found = sparse.total_variation(operator, operator(to_channels(x)), 0.4, iterations=400)
    wanted = torch.tensor([0.05] * 8 + [1.95] * 8, dtype=torch.float64)
    assert (to_complex(found)[0, 0] - wanted).abs().max() < 1e-4
    u, v = torch.randn(1, 2, 5, 4), torch.randn(2, 1, 2, 5, 4)
    left = (sparse.differences(u, (2, 3)) * v).sum()
    assert float(left) == pytest.approx(
        float((u * sparse.differences_adjoint(v, (2, 3))).sum()), rel=1e-4, abs=1e-4
    )


def _as_column(y: Tensor) -> Tensor:
    """As `dense_matrix` lays a complex measurement out."""
    return torch.cat([y.real.flatten(), y.imag.flatten()])
