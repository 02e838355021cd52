"""Stationary covariances of several channels at once: a small matrix for each wave.

    x^(k) = sum_r x(r) exp(-i k r) / sqrt(N),      E x^(k) x^(k)^H = S(k),  (c, c)

On a periodic grid, a field whose statistics are the same everywhere has no other correlations. The
covariance C, its root and (C^-1 + a^2/s^2)^-1 are then products wave by wave: one transform there
and back. S is estimated from states by a mean, and made positive by a share of the channels' power.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators.linear import LinearOperator

_FLOOR = 1e-6  # of a channel's mean power: what every wave has at least


@dataclass(frozen=True, eq=False)
class Spectral:
    """power: (rows, columns // 2 + 1, c, c) Hermitian, one matrix S(k) a wave of `rfft2`.

    columns: of the field, which the half transform does not tell.
    """

    power: Tensor
    columns: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """(c, rows, columns)."""
        return self.power.shape[-1], self.power.shape[0], self.columns

    @classmethod
    def of(cls, states: Iterable[Tensor]) -> "Spectral":
        """The mean over batches of centred states, each (n, c, rows, columns).

        Raises InputError for no states at all.
        """
        total, count, columns = None, 0, 0
        for batch in states:
            wave = torch.fft.rfft2(batch.double(), norm="ortho")
            product = torch.einsum("nirk,njrk->rkij", wave, wave.conj())
            total = product if total is None else total + product
            count, columns = count + len(batch), batch.shape[-1]
        if total is None:
            raise InputError("a spectrum of no states; expected one or more, (n, c, rows, columns)")
        return cls.floored(total / count, columns)

    @classmethod
    def floored(cls, power: Tensor, columns: int) -> "Spectral":
        """With a little white noise, so that no wave is certain."""
        least = power.diagonal(dim1=-2, dim2=-1).real.mean((0, 1)) * _FLOOR
        return cls(power + torch.diag(least).to(power), columns)

    @cached_property
    def _eigen(self) -> tuple[Tensor, Tensor]:
        return torch.linalg.eigh(self.power)

    def function(self, change: Callable[[Tensor], Tensor]) -> "Spectral":
        """The same with a function of the eigenvalues of each S(k)."""
        values, vectors = self._eigen
        changed = (vectors * change(values.clamp(min=0)).to(vectors)[..., None, :]) @ vectors.mH
        return Spectral(changed, self.columns)

    def times(self, x: Tensor) -> Tensor:
        """C x for fields (..., c, rows, columns)."""
        wave = torch.fft.rfft2(x, norm="ortho")
        power = self.power.to(wave)
        moved = torch.einsum("rkij,...jrk->...irk", power, wave)
        return torch.fft.irfft2(moved, s=x.shape[-2:], norm="ortho").to(x.dtype)

    def variance(self) -> Tensor:
        """(c,) variance of a point."""
        rows, columns = self.shape[1:]
        twice = torch.full((columns // 2 + 1,), 2.0, dtype=torch.float64)
        twice[0] = 1.0
        if columns % 2 == 0:
            twice[-1] = 1.0
        own = self.power.diagonal(dim1=-2, dim2=-1).real
        return torch.einsum("rkc,k->c", own, twice) / (rows * columns)

    def whitening(self) -> "Filter":
        """C^-1/2 as an operator."""
        return Filter(self.function(lambda v: v.clamp(min=1e-30).rsqrt()))


class Filter(LinearOperator):
    """Multiplication by a covariance, or a function of one: symmetric."""

    def __init__(self, spectral: Spectral):
        super().__init__(spectral.shape, spectral.shape, "real", "real")
        self.power, self.columns = spectral.power, spectral.columns

    def _forward(self, x: Tensor) -> Tensor:
        return Spectral(self.power, self.columns).times(x)

    def _adjoint(self, v: Tensor) -> Tensor:
        return self._forward(v)
