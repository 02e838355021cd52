"""Convolution with one known kernel, y(i) = sum_j k(j) x(i - j), in 1-D to 3-D.

A circular blur is diagonal in the Fourier basis, A = F^H diag(K) F, so the SVD, every solve and
the pseudo-inverse are closed forms. Other borders pad first; the convolution itself still goes
through the Fourier domain, whatever the size of the kernel, and is exact to round-off.
"""

import math

import torch
from torch import Tensor
from torch.fft import fftn, ifftn, irfftn, rfftn

from undrift.common.errors import InputError
from undrift.common.operators.borders import Border, border_index, pad, pad_adjoint
from undrift.common.operators.framed import framed_solve
from undrift.common.operators.linear import LinearOperator, Number
from undrift.common.operators.operator import require_finite, sizes
from undrift.common.operators.svd import SVD

BORDERS = ("circular", "valid", "reflect", "symmetric", "replicate", "zero")


def transfer(kernel: Tensor, space: tuple[int, ...], centre: tuple[int, ...]) -> Tensor:
    """K = FFT of the kernel on a periodic grid of `space`, with its entry `centre` at 0."""
    d = len(space)
    big = kernel.new_zeros(*kernel.shape[: kernel.ndim - d], *space)
    big[(..., *(slice(0, n) for n in kernel.shape[kernel.ndim - d :]))] = kernel
    return fftn(torch.roll(big, [-c for c in centre], list(range(-d, 0))), dim=_axes(d))


def filtered(x: Tensor, gain: Tensor) -> Tensor:
    """F^-1 gain F x; for real x, `gain` has to be the spectrum of a real kernel."""
    d = gain.ndim - 1
    if x.is_complex():
        return ifftn(gain * fftn(x, dim=_axes(d)), dim=_axes(d))
    half = gain[..., : gain.shape[-1] // 2 + 1]
    return irfftn(half * rfftn(x, dim=_axes(d)), s=gain.shape[1:], dim=_axes(d))


class Blur(LinearOperator):
    """(c, *space) -> the same, smaller for border="valid".

    kernel: real, (*small) for all channels or (c, *small); its centre is at size // 2.
    border: circular, valid, reflect, symmetric, replicate or zero, see `borders`.
    Raises InputError for a kernel that is larger than the signal, zero, or not finite.
    """

    def __init__(self, kernel: Tensor, shape: tuple[int, ...], border: Border = "circular"):
        shape = sizes(shape, self)
        kernel = checked_kernel(kernel, shape, border, type(self).__name__)
        space, small = shape[1:], tuple(kernel.shape[1:])
        self.border: Border = border
        self.indices: list[Tensor] = []
        grid = space
        if border not in ("circular", "valid"):
            self.indices = [
                border_index(n, k - 1 - k // 2, k // 2, border)
                for n, k in zip(space, small, strict=True)
            ]
            grid = tuple(len(index) for index in self.indices)
        out = space
        if border == "valid":
            out = tuple(n - k + 1 for n, k in zip(space, small, strict=True))
        super().__init__(shape, (shape[0], *out))
        centre = tuple(k // 2 if border == "circular" else k - 1 for k in small)
        self.transfer = transfer(kernel, grid, centre)

    def _forward(self, x: Tensor) -> Tensor:
        whole = filtered(pad(x, self.indices) if self.indices else x, self.transfer)
        return whole[(..., *(slice(0, n) for n in self.shape_out[1:]))]

    def _adjoint(self, v: Tensor) -> Tensor:
        grid = self.transfer.shape[1:]
        gaps = [g for n, m in zip(reversed(grid), reversed(v.shape[2:]), strict=True)
                for g in (0, n - m)]  # fmt: skip
        v = torch.nn.functional.pad(v, gaps) if any(gaps) else v
        whole = filtered(v, self.transfer.conj())
        return pad_adjoint(whole, self.indices, self.shape_in[1:]) if self.indices else whole

    def _svd(self) -> SVD | None:
        return circulant_svd(self.transfer, self.shape_in) if self.border == "circular" else None

    def _solve(
        self, rhs: Tensor, weight: Number, precision: Number, start: Tensor | None,
        tol: float | None, iterations: int,
    ) -> Tensor:  # fmt: skip
        if self.border != "circular" or isinstance(weight, Tensor) or isinstance(precision, Tensor):
            return super()._solve(rhs, weight, precision, start, tol, iterations)
        return filtered(rhs, 1 / (weight * self.transfer.abs() ** 2 + precision))

    def _gain(
        self, v: Tensor, variance: Number, noise: Number, start: Tensor | None,
        tol: float | None, iterations: int,
    ) -> Tensor:  # fmt: skip
        if isinstance(variance, Tensor) or isinstance(noise, Tensor):
            return super()._gain(v, variance, noise, start, tol, iterations)
        if self.border == "valid" and noise > 0:
            power = variance * self.transfer.abs() ** 2
            space = self.shape_in[1:]
            found = framed_solve(filtered, power, noise, v, space, start, tol, iterations)
            return variance * self._adjoint(found)
        if self.border != "circular":
            return super()._gain(v, variance, noise, start, tol, iterations)
        below = variance * self.transfer.abs() ** 2 + noise
        share = torch.where(below > 0, variance / torch.where(below > 0, below, 1), 0)
        return filtered(v, self.transfer.conj() * share)


def circulant_svd(spectrum: Tensor, shape: tuple[int, ...]) -> SVD:
    """The SVD of x -> F^-1 K F x, K: (c or 1, *space); coordinates are Fourier coefficients."""
    axes = _axes(spectrum.ndim - 1)
    s = spectrum.abs()
    phase = torch.where(s > 0, spectrum / torch.where(s > 0, s, 1), 0)

    def weigh(w: Tensor) -> Tensor | None:
        return w if math.prod(w.shape[max(0, w.ndim - len(axes)) :]) == 1 else None

    return SVD(
        s.expand(shape),
        lambda x: fftn(x, dim=axes, norm="ortho"),
        lambda z: ifftn(z, dim=axes, norm="ortho"),
        lambda y: phase.conj() * fftn(y, dim=axes, norm="ortho"),
        lambda z: ifftn(phase * z, dim=axes, norm="ortho"),
        weigh,
    )


def checked_kernel(kernel: Tensor, shape: tuple[int, ...], border: str, owner: str) -> Tensor:
    """The kernel as (c or 1, *small), float; raises InputError if it does not fit the shape."""
    space = shape[1:]
    lead = kernel.ndim - len(space)
    small = tuple(kernel.shape[lead:]) if lead >= 0 else ()
    if (
        not 1 <= len(space) <= 3
        or lead not in (0, 1)
        or (lead and len(kernel) not in (1, shape[0]))
    ):
        raise InputError(
            f"{owner} got a kernel of shape {tuple(kernel.shape)} for signals of {shape}; expected "
            f"{len(space)} axes, or a leading axis of {shape[0]} channels besides"
        )
    if any(k > n for k, n in zip(small, space, strict=True)):
        raise InputError(
            f"{owner} got a kernel of {small} for a signal of {space}; expected one no larger than "
            "the signal; crop the kernel to where it matters, or pad the signal"
        )
    if border not in BORDERS:
        raise InputError(f"{owner} got border {border!r}; expected one of {', '.join(BORDERS)}")
    if kernel.is_complex() or not bool(require_finite(kernel, f"kernel of {owner}").any()):
        raise InputError(
            f"{owner} got a kernel that is complex or 0 everywhere; expected a real one"
        )
    return (kernel if lead else kernel[None]).to(torch.promote_types(kernel.dtype, torch.float32))


def _axes(d: int) -> list[int]:
    return list(range(-d, 0))
