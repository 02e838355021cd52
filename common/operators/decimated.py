"""Circular blur followed by taking every f-th value: A = D F^-1 K F.

Decimation folds the frequencies that differ by a multiple of n / f onto each other, so in the
Fourier domain the rows of A do not overlap and A A^H is diagonal: exact SVD and solves for any
kernel (Zhao et al. 2016, "Fast single image super-resolution using a new analytical solution",
Eq. 11; the data step of DiffPIR).
"""

import torch
from torch import Tensor
from torch.fft import fftn, ifftn

from undrift.common.operators.blur import checked_kernel, filtered, transfer
from undrift.common.operators.coarse import factors_of
from undrift.common.operators.householder import Reflection
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.operator import sizes
from undrift.common.operators.svd import SVD


class BlurDownsample(LinearOperator):
    """(c, *space) -> (c, *space / factor): circular blur, then every factor-th value from 0.

    kernel: (*small) or (c, *small), centre at size // 2; factor: one or one an axis, has to divide
    the size. Raises InputError.
    """

    def __init__(self, kernel: Tensor, shape: tuple[int, ...], factor: int | tuple[int, ...]):
        shape = sizes(shape, self)
        kernel = checked_kernel(kernel, shape, "circular", "BlurDownsample")
        self.factors = factors_of(factor, shape, "BlurDownsample")
        small = tuple(n // f for n, f in zip(shape[1:], self.factors, strict=True))
        super().__init__(shape, (shape[0], *small))
        self.transfer = transfer(kernel, shape[1:], tuple(k // 2 for k in kernel.shape[1:]))

    def _forward(self, x: Tensor) -> Tensor:
        return filtered(x, self.transfer)[(..., *(slice(None, None, f) for f in self.factors))]

    def _adjoint(self, v: Tensor) -> Tensor:
        wide = v.new_zeros(v.shape[0], *self.shape_in)
        wide[(..., *(slice(None, None, f) for f in self.factors))] = v
        return filtered(wide, self.transfer.conj())

    def _svd(self) -> SVD:
        axes = list(range(1 - len(self.shape_in), 0))
        # Frequency k + j n/f of the signal goes to k of the measurement: aliases are strided.
        blocks = _Aliases(self.shape_in, self.factors)
        rows = blocks.split(self.transfer.expand(self.shape_in)[None])[0].conj()
        size = torch.linalg.vector_norm(rows, dim=-1, keepdim=True)
        turn = Reflection(torch.where(size > 0, rows / torch.where(size > 0, size, 1), 0))
        count = rows.shape[-1]
        s = torch.cat([size / count**0.5, torch.zeros_like(size).expand(rows[..., 1:].shape)], -1)

        def weigh(w: Tensor) -> Tensor | None:
            tail = w.shape[max(0, w.ndim - len(axes)) :]
            return w[..., None] if torch.Size(tail).numel() == 1 else None

        def place(y: Tensor) -> Tensor:
            seen = torch.where(s[..., 0] > 0, fftn(y, dim=axes, norm="ortho"), 0)
            return torch.nn.functional.pad(seen[..., None], (0, count - 1))

        return SVD(
            s,
            lambda x: turn.back(blocks.split(fftn(x, dim=axes, norm="ortho"))),
            lambda z: ifftn(blocks.join(turn.forward(z)), dim=axes, norm="ortho"),
            place,
            lambda z: ifftn(torch.where(s[..., 0] > 0, z[..., 0], 0), dim=axes, norm="ortho"),
            weigh,
        )


class _Aliases:
    """(b, c, *space) <-> (b, c, *small, aliases): index k + j n/f becomes [k, j]."""

    def __init__(self, shape: tuple[int, ...], factors: tuple[int, ...]):
        self.shape, self.factors = shape, factors
        self.small = tuple(n // f for n, f in zip(shape[1:], factors, strict=True))

    def split(self, x: Tensor) -> Tensor:
        d = len(self.factors)
        parts = [n for f, m in zip(self.factors, self.small, strict=True) for n in (f, m)]
        order = [0, 1, *(3 + 2 * k for k in range(d)), *(2 + 2 * k for k in range(d))]
        return x.reshape(*x.shape[:2], *parts).permute(order).flatten(2 + d)

    def join(self, z: Tensor) -> Tensor:
        d = len(self.factors)
        open_ = z.reshape(*z.shape[:-1], *self.factors)
        order = [0, 1, *(n for k in range(d) for n in (2 + d + k, 2 + k))]
        return open_.permute(order).reshape(-1, *self.shape)
