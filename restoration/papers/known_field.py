"""A picture of 8 x 8 pixels whose posterior is known, for papers on posterior sampling.

x0 ~ N(m, C), C circulant with the spectrum (1 + |k|^2/1.2^2)^-3/2 and pixels of deviation 1/2, m a
wave across and a wave down; y is the mean of 2 x 2 pixels and noise of deviation .1. Everything is
Gaussian, so the posterior N(mu, S) is a formula. The distance is Wasserstein's second between the
Gaussian fitted to the samples and the posterior, over sqrt(trace S): 1 is as wrong as mu alone.
With n samples an exact sampler reads about sqrt(14/n) by chance.
"""

import functools
from collections.abc import Callable

import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.exact import abs_at
from undrift.common.networks.guided_unet import schedule_process
from undrift.common.operators.coarse import Average

SIDE, SPREAD, NOISE = 8, 0.5, 0.1
SHAPE = (1, SIDE, SIDE)
OPERATOR = Average(SHAPE, 2)
PROCESS = schedule_process("linear")
# A draw of the model, kept so that every sampler meets the same measurement.
MEASURED = (
    0.4460024598022994, 0.5125896974731259, -0.4654525004813329, 0.09149960757123152,
    0.3025457586376765, -0.0842117448426099, -0.645953398907495, 0.23102911020606232,
    0.012378085916255915, -0.13949013192888687, -0.4704072647340755, -0.4335963695876536,
    0.3948933976606846, 0.15104748367926493, -0.34704907109376204, -0.23490312061032104,
)  # fmt: skip


@functools.cache
def prior() -> tuple[Tensor, Tensor]:
    """Mean (64,) and covariance (64, 64)."""
    place = torch.arange(SIDE, dtype=torch.float64)
    wave = 2 * torch.pi * place / SIDE
    mean = 0.3 * torch.cos(wave)[None] + 0.1 * torch.sin(wave)[:, None]
    k = torch.fft.fftfreq(SIDE, 1 / SIDE, dtype=torch.float64)
    shape = torch.fft.ifft2((1 + (k[:, None] ** 2 + k[None] ** 2) / 1.2**2) ** -1.5).real
    shape = SPREAD**2 * shape / shape[0, 0]
    gap = ((place[:, None] - place[None]) % SIDE).long()  # (to, from) along one side
    rows, columns = gap[:, None, :, None], gap[None, :, None, :]
    return mean.flatten(), shape[rows, columns].reshape(SIDE**2, SIDE**2)


@functools.cache
def posterior() -> tuple[Tensor, Tensor]:
    """mu (64,) and S (64, 64)."""
    mean, covariance = prior()
    each = torch.eye(SIDE**2, dtype=torch.float64).reshape(-1, *SHAPE)
    A = OPERATOR(each).flatten(1).T
    seen = A @ covariance @ A.T + NOISE**2 * torch.eye(len(A), dtype=torch.float64)
    gain = torch.linalg.solve(seen, A @ covariance).T
    left = measurement().flatten() - A @ mean
    return mean + gain @ left, covariance - gain @ A @ covariance


def measurement() -> Tensor:
    """y, (1, 1, 4, 4)."""
    return torch.tensor(MEASURED, dtype=torch.float64).reshape(1, *OPERATOR.shape_out)


def denoise(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
    """The exact E[x0 | x_t], x (n, 1, 8, 8); differentiable."""
    mean, _ = prior()
    values, vectors = _axes()
    a, _, s = abs_at(PROCESS, t)
    below = a**2 * values + s**2
    centred = x.flatten(1) - a * mean
    x0 = mean + (centred @ vectors * (a * values / below)) @ vectors.T
    return Estimate(x0.reshape(x.shape))


@functools.cache
def _axes() -> tuple[Tensor, Tensor]:
    return torch.linalg.eigh(prior()[1])


def draws(count: int, seed: int = 0) -> Callable[[int], Tensor]:
    """Standard normals (count, 1, 8, 8) by number."""

    def draw(number: int) -> Tensor:
        generator = torch.Generator().manual_seed(1_000_003 * seed + number)
        return torch.randn(count, *SHAPE, generator=generator, dtype=torch.float64)

    return draw


def whole_times(n: int) -> list[float]:
    """n of the thousand steps at equal distance, from the noisy end, as the authors' loops do."""
    return [(index + 1) / 1000 for index in range(0, 1000, 1000 // n)][::-1]


def distance(samples: Tensor) -> tuple[float, float]:
    """The distance of samples (n, 1, 8, 8), and the mean ratio of deviations (1: calibrated)."""
    found = samples.flatten(1)
    mean, covariance = posterior()
    own = torch.cov(found.T)
    values, vectors = torch.linalg.eigh(covariance)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ own @ root).clamp(min=0).sqrt().sum()
    squared = (found.mean(0) - mean).square().sum() + covariance.trace() + own.trace() - 2 * cross
    ratio = (own.diagonal() / covariance.diagonal()).sqrt().mean()
    return float((squared.clamp(min=0) / covariance.trace()).sqrt()), float(ratio)
