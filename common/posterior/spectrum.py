"""Stationary Gaussian fields: covariances that are diagonal in sines and cosines.

Natural signals have power spectra near 1/f^2 (Field 1987), which says how the uncertainty of a
pixel is tied to its neighbours' without asking a network. The power of a frequency f (cycles per
pixel) is

    C(f) = c0 / (1 + (f / knee)^2)^(slope / 2),      c0 such that a pixel has variance spread^2

and of three channels the mean has most of it, the two differences `chroma` times as much each.
Signals are continued as mirror images (cosines, the default) or periodically (Fourier), in 1-D to
3-D.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from undrift.common.errors import InputError

Basis = Literal["cosine", "fourier"]


@dataclass(frozen=True)
class Spectrum:
    """spread: standard deviation of a pixel, in units of the data; slope: of the power, 2 for
    pictures; knee: frequency below which it is flat, in cycles per pixel; chroma: power of each of
    two colour differences over that of the mean, for three channels (others: no correlation).

    Raises InputError for numbers that cannot be.
    """

    spread: float = 0.25
    slope: float = 2.0
    knee: float = 0.01
    chroma: float = 0.05

    def __post_init__(self) -> None:
        if not (self.spread > 0 and self.knee > 0 and self.slope >= 0 and 0 < self.chroma <= 1):
            raise InputError(
                f"{self}: expected a spread and a knee above 0, a slope of 0 or more, and chroma "
                "in (0, 1]"
            )

    def modes(self, shape: tuple[int, ...], basis: Basis = "cosine") -> tuple[Tensor, Tensor]:
        """Power of the mean of the channels and of their differences, each (*space), float64.

        shape: (c, *space). In "fourier" the frequencies are in the order of `fftn`.
        """
        square = torch.zeros((), dtype=torch.float64)
        for n in shape[1:]:
            k = torch.arange(n, dtype=torch.float64)
            f = k / (2 * n) if basis == "cosine" else torch.minimum(k, n - k) / n
            square = square[..., None] + f**2
        power = (1 + square / self.knee**2) ** (-self.slope / 2)
        share = self.chroma if shape[0] == 3 else 1.0
        mean = power / power.mean() * self.spread**2 * shape[0] / (1 + (shape[0] - 1) * share)
        return mean, share * mean


class Field:
    """Functions of a stationary covariance on signals (b, c, *space) of one shape."""

    def __init__(self, spectrum: Spectrum, shape: tuple[int, ...], like: Tensor, basis: Basis):
        self.basis: Basis = basis
        self.axes = tuple(range(-(len(shape) - 1), 0))
        real = like.dtype.to_real() if like.is_complex() else like.dtype
        self.mean, self.rest = (p.to(like.device, real) for p in spectrum.modes(shape, basis))
        self.plain = shape[0] != 3

    def spread_at(self, a: float, s: float) -> tuple[Tensor, Tensor]:
        """V = (C^-1 + a^2/s^2)^-1 of the two parts: what a x0 + s eps leaves open."""
        if s == 0 and a == 0:
            return self.mean, self.rest
        mean, rest = (p * s**2 / (p * a**2 + s**2) for p in (self.mean, self.rest))
        return mean, rest

    def times(self, x: Tensor, mean: Tensor, rest: Tensor) -> Tensor:
        """The signal x with the modes of the mean and of the differences multiplied."""
        coordinates = self.to(x)
        found = rest * coordinates
        if not self.plain:
            found = found + (mean - rest) * coordinates.mean(1, keepdim=True)
        return self.back(found, x)

    def to(self, x: Tensor) -> Tensor:
        """Orthonormal coordinates of x."""
        if self.basis == "fourier":
            return torch.fft.fftn(x, dim=self.axes, norm="ortho")
        return _along(x, self.axes, cosines)

    def back(self, z: Tensor, like: Tensor) -> Tensor:
        """The signal of coordinates; real if `like` is."""
        if self.basis == "fourier":
            x = torch.fft.ifftn(z, dim=self.axes, norm="ortho")
            return x if like.is_complex() else x.real
        return _along(z, self.axes, uncosines)


def _along(x: Tensor, axes: tuple[int, ...], function: Callable[[Tensor], Tensor]) -> Tensor:
    for axis in axes:
        x = function(x.movedim(axis, -1)).movedim(-1, axis)
    return x


def cosines(x: Tensor) -> Tensor:
    """The orthonormal cosine transform (DCT-II) of the last axis, by one FFT (Makhoul 1980)."""
    if x.is_complex():
        return torch.complex(cosines(x.real), cosines(x.imag))
    n = x.shape[-1]
    twiddle, scale = _turns(n, x)
    ordered = torch.cat([x[..., ::2], x[..., 1::2].flip(-1)], -1)
    return (torch.fft.fft(ordered) * twiddle).real * scale


def uncosines(z: Tensor) -> Tensor:
    """The inverse of `cosines`, and its transpose."""
    if z.is_complex():
        return torch.complex(uncosines(z.real), uncosines(z.imag))
    n = z.shape[-1]
    twiddle, scale = _turns(n, z)
    z = z / scale
    mirrored = torch.nn.functional.pad(z[..., 1:].flip(-1), (1, 0))
    x = torch.fft.ifft(torch.complex(z, -mirrored) * twiddle.conj()).real
    out = torch.empty_like(x)
    out[..., ::2], out[..., 1::2] = x[..., : (n + 1) // 2], x[..., (n + 1) // 2 :].flip(-1)
    return out


def _turns(n: int, like: Tensor) -> tuple[Tensor, Tensor]:
    k = torch.arange(n, dtype=torch.float64, device=like.device)
    turn = torch.polar(torch.ones_like(k), -math.pi * k / (2 * n))
    scale = torch.sqrt((1 + (k > 0).to(k)) / n)
    return turn.to(like.dtype.to_complex()), scale.to(like.dtype)
