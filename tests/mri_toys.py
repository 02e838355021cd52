"""Small MR problems whose answer is known: Gaussian images, coils, and their dense posterior."""

import math

import torch
from gaussian_posterior import prior as gaussian_prior
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.operators import LinearOperator, dense_matrix
from undrift.common.posterior.priors import Prior
from undrift.common.processes.variance_preserving import VariancePreserving


def complex_normal(*shape: int, seed: int = 0) -> Tensor:
    """Each part of variance 1/2."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.complex128, generator=generator)


def unit_maps(coils: int, *space: int) -> Tensor:
    """Smooth maps with sum |S|^2 = 1."""
    axes = [torch.linspace(-1, 1, n, dtype=torch.float64) for n in space]
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij"))
    found = []
    for k in range(coils):
        turn = torch.tensor(2 * torch.pi * k / coils, dtype=torch.float64)
        away = (grid[0] - 1.5 * turn.cos()) ** 2 + (grid[1] - 1.5 * turn.sin()) ** 2
        found.append(torch.polar(1 / (0.2 + away), 2 * grid[0] + turn))
    maps = torch.stack(found)
    return maps / torch.linalg.vector_norm(maps, dim=0)


def smooth_covariance(*space: int, spread: float = 0.4, length: float = 2.0) -> Tensor:
    """Of two independent channels (re, im) that are smooth over `length` pixels, (n, n)."""
    axes = [torch.arange(n, dtype=torch.float64) for n in space]
    place = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(space))
    apart = torch.cdist(place, place)
    one = spread**2 * (torch.exp(-0.5 * (apart / length) ** 2) + 0.05 * torch.eye(len(place)))
    return torch.block_diag(one, one)


def toy_prior(covariance: Tensor, *space: int, spread: float = 0.4) -> Prior:
    """The exact prior of N(0, covariance) on images (2, *space)."""
    process = VariancePreserving()
    flat = gaussian_prior(torch.zeros(len(covariance), dtype=torch.float64), covariance, process)

    def denoise(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        found = flat(x.flatten(1).double(), t, None, None)
        return Estimate(found.x0.reshape(x.shape).to(x))

    return Prior(denoise, process, spread, channels=2, name="toy")


def dense_posterior(
    operator: LinearOperator, y: Tensor, sigma: float, covariance: Tensor
) -> tuple[Tensor, Tensor]:
    """Mean (2, *space) and covariance (n, n) of x given y = A x + noise, x ~ N(0, covariance)."""
    matrix = dense_matrix(operator, dtype=torch.float64)
    seen = torch.cat([y.real.flatten(), y.imag.flatten()]).double()
    gain = covariance @ matrix.T
    inner = matrix @ gain + sigma**2 * torch.eye(len(matrix), dtype=torch.float64)
    solved = torch.linalg.solve(inner, torch.cat([seen[:, None], gain.T], 1))
    mean = gain @ solved[:, 0]
    return mean.reshape(operator.shape_in), covariance - gain @ solved[:, 1:]


def drawn(covariance: Tensor, *space: int, seed: int = 0) -> Tensor:
    """One complex image (*space) of N(0, covariance)."""
    generator = torch.Generator().manual_seed(seed)
    normal = torch.randn(len(covariance), dtype=torch.float64, generator=generator)
    root = torch.linalg.cholesky(covariance + 1e-12 * torch.eye(len(covariance)))
    re, im = (root @ normal).reshape(2, *space)
    return torch.complex(re, im)


def psnr(found: Tensor, truth: Tensor) -> float:
    """Of magnitudes, in dB, against the largest one of the truth."""
    error = (found.abs() - truth.abs()).square().mean()
    return 10 * math.log10(float(truth.abs().max() ** 2 / error))
