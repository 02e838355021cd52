"""A doubly periodic square and its Fourier modes.

Fields (..., n, n) are (y, x); their spectra (..., n, n // 2 + 1) are `rfft2` without a factor.
Small scales are taken out by the exponential filter of pyqg, exp(-23.6 (k dx - .65 pi)^4) above
k dx = .65 pi, once a step: it stands for viscosity and for dealiasing, and leaves the spectrum
below it alone, which hyperviscosity at these sizes does not.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from undrift.common.errors import InputError

_CUT, _STEEPNESS = 0.65 * math.pi, 23.6


@dataclass(frozen=True)
class Square:
    """n: grid points a side, even, from 8. length: of a side, in the user's unit.

    Raises InputError for other numbers.
    """

    n: int
    length: float = 2 * math.pi

    def __post_init__(self) -> None:
        if self.n < 8 or self.n % 2 or not self.length > 0:
            raise InputError(
                f"got n={self.n}, length={self.length:g}; expected an even n from 8, length > 0"
            )

    @property
    def step(self) -> float:
        """Distance of grid points."""
        return self.length / self.n

    @cached_property
    def kx(self) -> Tensor:
        """(1, n // 2 + 1) float64 wavenumbers along x, radians per length."""
        return (torch.arange(self.n // 2 + 1, dtype=torch.float64) * self._unit)[None]

    @cached_property
    def ky(self) -> Tensor:
        """(n, 1) float64 wavenumbers along y."""
        return (torch.fft.fftfreq(self.n, 1 / self.n, dtype=torch.float64) * self._unit)[:, None]

    @cached_property
    def k2(self) -> Tensor:
        """(n, n // 2 + 1) squared wavenumbers."""
        return self.kx**2 + self.ky**2

    @cached_property
    def number(self) -> Tensor:
        """(n, n // 2 + 1) wavenumbers in waves a side."""
        return self.k2.sqrt() / self._unit

    @cached_property
    def twice(self) -> Tensor:
        """(n, n // 2 + 1) how often a mode counts: `rfft2` keeps one of each conjugate pair."""
        weight = torch.full(self.k2.shape, 2.0, dtype=torch.float64)
        weight[:, [0, -1]] = 1.0
        return weight

    @cached_property
    def filter(self) -> Tensor:
        """(n, n // 2 + 1) factor of the exponential filter."""
        above = (self.k2.sqrt() * self.step - _CUT).clamp(min=0)
        return torch.exp(-_STEEPNESS * above**4)

    def safe(self, values: Tensor) -> Tensor:
        """`values` of modes with 1 at the mean, so that one may divide by them."""
        return torch.where(self.k2 == 0, torch.ones_like(values), values)

    def without_mean(self, values: Tensor) -> Tensor:
        """`values` of modes with 0 at the mean."""
        return torch.where(self.k2 == 0, torch.zeros_like(values), values)

    def field(self, spectrum: Tensor) -> Tensor:
        """(..., n, n) of a spectrum."""
        return torch.fft.irfft2(spectrum, s=(self.n, self.n))

    @property
    def _unit(self) -> float:
        return 2 * math.pi / self.length
