"""Optimal interpolation and trajectories against Gaussian posteriors in closed form."""

import numpy as np
import pytest
import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError
from undrift.common.operators.diagonal import Diagonal, Sample
from undrift.common.posterior.moment_matching import MomentMatching
from undrift.common.processes.variance_exploding import VarianceExploding
from undrift.common.solvers.loop import Denoise
from undrift.scientific.atmosphere.climatology import KnownCovariance
from undrift.scientific.atmosphere.kriging import Interpolation, ordinary
from undrift.scientific.atmosphere.members import Drawing
from undrift.scientific.atmosphere.patches import Patches
from undrift.scientific.atmosphere.spectral import Spectral
from undrift.scientific.atmosphere.trajectories import Trajectory, folded, unfolded

TOP = 50.0


def climatology() -> tuple[Spectral, Tensor]:
    """Of two channels on 6 x 8 points, and the same as a matrix."""
    states = torch.from_numpy(np.random.default_rng(0).standard_normal((60, 2, 6, 8)))
    mixed = states + 0.7 * states.roll(1, -2) + 0.6 * states.flip(1).roll(1, -1)
    spectral = Spectral.of([mixed])
    eye = torch.eye(96, dtype=torch.float64).reshape(96, 2, 6, 8)
    return spectral, spectral.times(eye).reshape(96, 96)


def measured() -> tuple[Diagonal, Tensor]:
    """Every fourth value with an error of .4, whitened."""
    mask = torch.zeros(2, 6, 8, dtype=torch.bool)
    mask[:, ::2, ::2] = True
    rows = Sample(mask, (2, 6, 8))
    y = torch.from_numpy(np.random.default_rng(1).standard_normal(rows.shape_out)) * 3
    weight = Diagonal(torch.full(rows.shape_out, 1 / 0.4, dtype=torch.float64), rows.shape_out)
    return weight @ rows, y / 0.4


def closed(covariance: Tensor, rows: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and covariance of a Gaussian given whitened rows."""
    seen = rows @ covariance @ rows.T + torch.eye(len(rows), dtype=torch.float64)
    gain = covariance @ rows.T @ torch.linalg.inv(seen)
    return gain @ y, covariance - gain @ rows @ covariance


def test_optimal_interpolation_is_the_gaussian_posterior() -> None:
    spectral, matrix = climatology()
    operator, y = measured()
    rows = operator(torch.eye(96, dtype=torch.float64).reshape(96, 2, 6, 8)).T
    mean, covariance = closed(matrix, rows, y)
    solved = Interpolation(spectral, operator, y)
    assert solved.best().flatten() == pytest.approx(mean, abs=1e-3)
    members = solved.members(400).flatten(1)
    error = (members.mean(0) - mean) / covariance.diagonal().sqrt() * 400**0.5
    assert float(error.square().mean()) == pytest.approx(1, abs=0.35)
    ratio = members.var(0) / covariance.diagonal()
    assert float(ratio.mean()) == pytest.approx(1, abs=0.05)


def test_the_covariance_of_the_climatology_is_exact_for_gaussian_fields() -> None:
    """E[x0 | x_t, y] of one call, against the closed form with x_t as one more measurement."""
    spectral, matrix = climatology()
    operator, y = measured()
    process = VarianceExploding(high=TOP, law="linear")
    noise = 0.8

    def denoise(x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None):
        keep = spectral.function(lambda v: v / (v + (TOP * t) ** 2))
        return Estimate(keep.times(x))

    x = torch.from_numpy(np.random.default_rng(2).standard_normal((1, 2, 6, 8)))
    eye = torch.eye(96, dtype=torch.float64)
    rows = torch.cat([operator(eye.reshape(96, 2, 6, 8)).T, eye / noise])
    mean, _ = closed(matrix, rows, torch.cat([y, x.flatten() / noise]))
    known = KnownCovariance(
        denoise, process, operator, y[None], 1.0, climatology=spectral, tol=1e-12
    )
    assert known(x, noise / TOP).x0.flatten() == pytest.approx(mean, abs=1e-8)


def test_ordinary_kriging_meets_its_stations_and_knows_what_it_does_not() -> None:
    drawn = np.zeros((1, 12, 12))
    where = np.array([[2.0, 2.0], [2.0, 9.0], [9.0, 2.0], [9.0, 9.0], [5.0, 6.0]])
    told = np.array([[1.0, -1.0, 0.5, 2.0, np.nan]])
    field, spread = ordinary(drawn, where, told, np.array([1e-3]), (False, False))
    at = where[:4].astype(int)
    assert field[0, at[:, 0], at[:, 1]] == pytest.approx(told[0, :4], abs=0.01)
    assert spread[0, at[:, 0], at[:, 1]].max() < 0.05
    assert spread[0, 5, 6] > 0.5


# A field of 3 x 3 points, correlated by RHO from one frame to the next: AR(1).
SIDE, RHO = 3, 0.6


def in_time(frames: int) -> Tensor:
    """(frames, frames) correlation of an AR(1) process."""
    place = torch.arange(frames, dtype=torch.float64)
    return RHO ** (place[:, None] - place).abs()


def in_space() -> Tensor:
    place = torch.arange(SIDE, dtype=torch.float64)
    row = torch.exp(-((place[:, None] - place) ** 2) / 4) + 0.05 * torch.eye(SIDE).double()
    return torch.kron(row, row)


def exact(frames: int) -> Denoise:
    """The denoiser of so many frames, one channel each."""
    values, vectors = torch.linalg.eigh(torch.kron(in_time(frames), in_space()))

    def denoise(x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None):
        gain = values / (values + (TOP * t) ** 2)
        return Estimate((x.flatten(1) @ vectors * gain @ vectors.T).reshape(x.shape))

    return denoise


def test_windows_are_cut_and_joined_frame_by_frame() -> None:
    x = torch.arange(2 * 6 * 2, dtype=torch.float64).reshape(2, 12, 1, 1)
    windows = unfolded(x, 6, 3)
    assert windows.shape == (8, 6, 1, 1)
    assert windows[1].flatten().tolist() == [2, 3, 4, 5, 6, 7]
    assert folded(windows, 6, 3).equal(x)
    with pytest.raises(InputError, match="an odd number"):
        Trajectory(exact(2), 6, 2)


@pytest.mark.parametrize("noise", [0.1, 0.5, 2.0])
def test_local_scores_come_near_the_whole_as_windows_grow(noise: float) -> None:
    """One window of all frames is exact; the error falls with the window at every noise."""
    frames = 9
    x = torch.randn(4, frames, SIDE, SIDE, generator=torch.Generator().manual_seed(0)).double() * 2
    whole = exact(frames)(x, noise / TOP, None, None).x0
    errors = []
    for window in (1, 3, 5, 9):
        found = Trajectory(exact(window), frames, window, batch=7)(x, noise / TOP).x0
        errors.append(float((found - whole).square().mean().sqrt()))
    assert errors[0] > errors[1] > errors[2] > errors[3]
    assert errors[3] < 1e-12
    assert errors[2] < errors[0] / 4


def test_a_trajectory_given_a_few_frames_has_the_exact_posterior() -> None:
    """Nine frames from a prior of five; the first, fifth and last are observed in part."""
    frames, window = 9, 5
    mask = torch.zeros(frames, SIDE, SIDE, dtype=torch.bool)
    mask[::4, ::2, ::2] = True
    rows = Sample(mask, (frames, SIDE, SIDE))
    weight = Diagonal(torch.full(rows.shape_out, 1 / 0.3, dtype=torch.float64), rows.shape_out)
    operator = weight @ rows
    size = frames * SIDE**2
    covariance = torch.kron(in_time(frames), in_space())
    matrix = operator(torch.eye(size, dtype=torch.float64).reshape(size, frames, SIDE, SIDE)).T
    truth = (
        torch.linalg.cholesky(covariance)
        @ torch.randn(size, generator=torch.Generator().manual_seed(5)).double()
    )
    y = matrix @ truth
    mean, left = closed(covariance, matrix, y)
    process = VarianceExploding(high=TOP, law="linear")
    local = Trajectory(exact(window), frames, window)

    def prepare() -> MomentMatching:
        return MomentMatching(local, process, operator, y[None], 1.0, 1.0, method="gmres",
                              iterations=12)  # fmt: skip

    drawing = Drawing(64, 24, batch=64)
    z = drawing.draw(prepare, process, (frames, SIDE, SIDE), 1.0, torch.float64).flatten(1)
    error = float((z.mean(0) - mean).square().mean().sqrt())
    own = float(left.diagonal().mean().sqrt()) / 8  # of the mean of 64 members
    assert error <= 1.4 * own
    assert float(z.std(0).mean() / left.diagonal().sqrt().mean()) == pytest.approx(1, abs=0.1)


def test_patches_refuse_what_leaves_no_stride() -> None:
    with pytest.raises(InputError, match="a patch larger than both"):
        Patches((20, 24), 6, 4, 2)
