"""How a measurement scatters about A(x): Gaussian with any deviations, and Poisson-Gaussian.

sigma is the deviation of a real number; a complex value has it in each of its two parts. Where a
deviation is infinite nothing was measured: precision 0, and no part in the likelihood or in chi.
chi = sqrt(mean of (y - A x)^2 / variance) over the measured numbers: 1 where x explains y, much
less where x copies its noise, much more where x ignores it.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.noise import Noise


class NoiseModel(ABC):
    """Base class; signal means A(x), (b, *shape_out), and results broadcast to it."""

    @abstractmethod
    def variance(self, signal: Tensor) -> Tensor:
        """Variance of each real number of y, at this signal; infinite where not measured."""

    @abstractmethod
    def draw(self, signal: Tensor, noise: Noise, draw: int = 0) -> Tensor:
        """A measurement of `signal`, (1, c, *space): a function of the noise's seed and item."""

    def precision(self, signal: Tensor) -> Tensor:
        """1 / variance, 0 where not measured. Raises InputError where the variance is 0."""
        variance = self.variance(signal)
        if self._vanishes(variance):
            raise InputError(
                f"{self} has variance 0 somewhere, so no density; expected sigma > 0; state the "
                "noise that remains, such as sigma=1e-3, or use a method for noiseless data"
            )
        return 1 / variance

    def _vanishes(self, variance: Tensor) -> bool:
        return bool((variance <= 0).any())

    def whiten(self, residual: Tensor, signal: Tensor) -> Tensor:
        """The residual y - A(x) in units of its deviation."""
        return residual * torch.sqrt(self.precision(signal))

    def log_likelihood(self, y: Tensor, signal: Tensor) -> Tensor:
        """log p(y | signal) of each item, (b,): sums, with the normalisation."""
        precision = self.precision(signal)
        seen = precision > 0
        parts = 2 if y.is_complex() else 1
        log = torch.log(torch.where(seen, precision / (2 * math.pi), 1))
        terms = parts * log.expand(y.shape) - (y - signal).abs() ** 2 * precision
        return terms.flatten(1).sum(1) / 2

    def chi(self, y: Tensor, signal: Tensor) -> Tensor:
        """sqrt of the mean square of the whitened residual, (b,); 1 is right."""
        total, count = self.squares(y, signal)
        return torch.sqrt(total / count)

    def squares(self, y: Tensor, signal: Tensor) -> tuple[Tensor, Tensor]:
        """Sum of the whitened squares and number of real numbers in it, each (b,)."""
        precision = self.precision(signal).expand(y.shape)
        count = (precision > 0).flatten(1).sum(1) * (2 if y.is_complex() else 1)
        return ((y - signal).abs() ** 2 * precision).flatten(1).sum(1), count


@dataclass(frozen=True, eq=False)
class Gaussian(NoiseModel):
    """y = A(x) + sigma z. sigma: a number, or a tensor that broadcasts to y.

    (bands, 1, 1) is one a band, the shape of y one a value; infinite where nothing was measured.
    Raises InputError if it is negative or NaN.
    """

    sigma: float | Tensor

    def __post_init__(self) -> None:
        if not bool((torch.as_tensor(self.sigma) >= 0).all()):
            raise InputError(f"{self} has a negative or NaN sigma; expected 0 or more")

    def variance(self, signal: Tensor) -> Tensor:
        return self._sigma(signal) ** 2

    def _vanishes(self, variance: Tensor) -> bool:
        return self._noiseless  # known beforehand: no waiting for the device

    @cached_property
    def _noiseless(self) -> bool:
        return bool((torch.as_tensor(self.sigma) == 0).any())

    def draw(self, signal: Tensor, noise: Noise, draw: int = 0) -> Tensor:
        sigma = self._sigma(signal)
        seen = torch.isfinite(sigma)
        return torch.where(
            seen, signal + torch.where(seen, sigma, 0) * normal(signal, noise, draw), 0
        )

    def _sigma(self, signal: Tensor) -> Tensor:
        real = signal.dtype.to_real() if signal.is_complex() else signal.dtype
        return torch.as_tensor(self.sigma, dtype=real, device=signal.device)

    def __repr__(self) -> str:
        return f"Gaussian(sigma={_short(self.sigma)})"


@dataclass(frozen=True, eq=False)
class PoissonGaussian(NoiseModel):
    """y = gain Poisson(A(x) / gain) + sigma z, for signals >= 0 (Foi et al. 2008, Eq. 3).

    gain: the value of one count; sigma: deviation of the reading. The likelihood is the Gaussian
    of variance gain A(x) + sigma^2, with its normalisation. Raises InputError for gain <= 0.
    """

    gain: float
    sigma: float | Tensor = 0.0

    def __post_init__(self) -> None:
        if not self.gain > 0 or not bool((torch.as_tensor(self.sigma) >= 0).all()):
            raise InputError(f"{self} has gain <= 0 or sigma < 0; expected gain > 0, sigma >= 0")

    def variance(self, signal: Tensor) -> Tensor:
        sigma = torch.as_tensor(self.sigma, dtype=signal.dtype, device=signal.device)
        return self.gain * signal.clamp(min=0) + sigma**2

    def draw(self, signal: Tensor, noise: Noise, draw: int = 0) -> Tensor:
        """Draws 2 k and 2 k + 1 of the noise are the counts and the reading of draw k."""
        from scipy.special import ndtr
        from scipy.stats import poisson

        if bool((signal < 0).any()):
            raise InputError(
                f"{self} got a signal below 0, to {float(signal.min()):g}; expected >= 0"
            )
        quantile = ndtr(normal(signal.double(), noise, 2 * draw).cpu().numpy())
        counts = poisson.ppf(quantile, (signal.double() / self.gain).cpu().numpy())
        sigma = torch.as_tensor(self.sigma, dtype=signal.dtype, device=signal.device)
        photons = torch.from_numpy(counts).to(signal) * self.gain
        return photons + sigma * normal(signal, noise, 2 * draw + 1)

    def __repr__(self) -> str:
        return f"PoissonGaussian(gain={self.gain:g}, sigma={_short(self.sigma)})"


def normal(like: Tensor, noise: Noise, draw: int) -> Tensor:
    """Standard normal values shaped like `like`, (1, *shape) with up to four axes; complex values
    take both parts from the channels of one draw.
    """
    real = like.dtype.to_real() if like.is_complex() else like.dtype
    shape = tuple(like.shape)
    if shape[0] != 1:
        raise InputError(f"drawing noise for {shape[0]} items at once; expected 1; draw each alone")
    space = shape[2:] if len(shape) > 2 else (1,)
    channels = shape[1] if len(shape) > 2 else 1
    if len(shape) == 2:
        space = (shape[1],)
    twice = channels * (2 if like.is_complex() else 1)
    z = noise((1, twice, *space), draw=draw, dtype=real, device=like.device)
    if like.is_complex():
        z = torch.complex(z[:, :channels].contiguous(), z[:, channels:].contiguous())
    return z.reshape(shape)


def _short(value: float | Tensor) -> str:
    if isinstance(value, Tensor) and value.numel() > 1:
        return f"tensor of {tuple(value.shape)}"
    return f"{float(value):g}"
