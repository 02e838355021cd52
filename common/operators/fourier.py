"""Cartesian magnetic resonance: y_c = M F (S_c x), and the pieces real networks need around it.

F is the centred orthonormal FFT, fftshift(fftn(ifftshift(x), norm="ortho")), over the last two or
three axes; M keeps the sampled frequencies; S_c are the coils' sensitivities (Pruessmann et al.
1999, "SENSE", Eq. 1). One coil: everything is closed form. Several: conjugate gradients.
"""

import torch
from torch import Tensor
from torch.fft import fftn, fftshift, ifftn, ifftshift

from undrift.common.errors import InputError
from undrift.common.operators.diagonal import fits, zero_one
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.operator import require_finite, sizes
from undrift.common.operators.svd import SVD


def centred_fft(x: Tensor, axes: int) -> Tensor:
    """Orthonormal FFT of the last `axes` axes with the zero frequency at n // 2."""
    dim = list(range(-axes, 0))
    return fftshift(fftn(ifftshift(x, dim), dim=dim, norm="ortho"), dim)


def centred_ifft(k: Tensor, axes: int) -> Tensor:
    """The inverse, and the adjoint, of `centred_fft`."""
    dim = list(range(-axes, 0))
    return fftshift(ifftn(ifftshift(k, dim), dim=dim, norm="ortho"), dim)


def axes_of(shape: tuple[int, ...], axes: int | None) -> int:
    """How many axes of (c, *space) are transformed. Raises InputError for more than there are."""
    most = len(shape) - 1
    if axes is not None and not 1 <= axes <= most:
        raise InputError(f"a transform of {axes} axes of {shape}: expected 1 to {most}")
    return axes or most


class Fourier(LinearOperator):
    """Complex (c, *space) -> complex (c, *space): M F x, zero where the mask is.

    mask: 0/1, broadcast to (b, *shape), or None for all frequencies; the zero frequency is at
    n // 2 of each axis. axes: how many of the last axes are transformed, by default all of space:
    2 of a volume's 3 for a stack of slices. Every channel alone. Raises InputError.
    """

    def __init__(self, shape: tuple[int, ...], mask: Tensor | None = None, axes: int | None = None):
        shape = sizes(shape, self)
        mask = torch.ones([1] * len(shape)) if mask is None else mask
        self.mask = fits(zero_one(mask, "Fourier"), shape, "Fourier", "mask")
        self.axes = axes_of(shape, axes)
        super().__init__(shape, shape, "complex")

    def _forward(self, x: Tensor) -> Tensor:
        return self.mask * centred_fft(x, self.axes)

    def _adjoint(self, v: Tensor) -> Tensor:
        return centred_ifft(self.mask * v, self.axes)

    def _svd(self) -> SVD:
        s = self.mask.expand(torch.broadcast_shapes(self.mask.shape, self.shape_in))
        return SVD(
            s,
            lambda x: centred_fft(x, self.axes),
            lambda z: centred_ifft(z, self.axes),
            lambda y: self.mask * y,
            lambda z: self.mask * z,
            lambda w: w,
            len(self.shape_in),
        )


class CoilFourier(LinearOperator):
    """Complex (1, *space) -> complex (coils, *space): y_c = M F (S_c x).

    coils: complex (coils, *space); mask: 0/1, broadcast to (b, coils, *space), or None. Whiten the
    coils first if their noise is correlated. axes: as of `Fourier`. Raises InputError.
    """

    def __init__(
        self,
        coils: Tensor,
        shape: tuple[int, ...],
        mask: Tensor | None = None,
        axes: int | None = None,
    ):
        shape = sizes(shape, self)
        if shape[0] != 1 or tuple(coils.shape[1:]) != shape[1:] or not coils.is_complex():
            raise InputError(
                f"CoilFourier got coils of {tuple(coils.shape)}, {coils.dtype}, for signals of "
                f"{shape}; expected complex (coils, *space) and signals of (1, *space)"
            )
        self.coils = require_finite(coils, "coils of CoilFourier")
        mask = torch.ones([1] * len(shape)) if mask is None else mask
        out = (len(coils), *shape[1:])
        self.mask = fits(zero_one(mask, "CoilFourier"), out, "CoilFourier", "mask")
        self.axes = axes_of(shape, axes)
        super().__init__(shape, out, "complex")

    def _forward(self, x: Tensor) -> Tensor:
        return self.mask * centred_fft(self.coils * x, self.axes)

    def _adjoint(self, v: Tensor) -> Tensor:
        each = centred_ifft(self.mask * v, self.axes)
        return (self.coils.conj() * each).sum(1, keepdim=True)
