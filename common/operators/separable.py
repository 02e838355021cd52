"""Operators that act on each axis by its own small matrix: A = A_1 x A_2 x A_3 (Kronecker).

The SVD of a Kronecker product is the product of the SVDs, so bicubic shrinking and Gaussian blur
or shrinking with any border have an exact SVD that costs one small decomposition an axis.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators.borders import Border, border_matrix
from undrift.common.operators.coarse import factors_of
from undrift.common.operators.kernels import gaussian_kernel
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.operator import require_finite, sizes
from undrift.common.operators.svd import SVD
from undrift.common.resize import resize_matrix, resized


class Separable(LinearOperator):
    """(c, n_1, n_2, ...) -> (c, m_1, m_2, ...) by matrices (m_k, n_k), one for each axis of space.

    Raises InputError if a matrix does not fit its axis or is not finite.
    """

    def __init__(self, matrices: Sequence[Tensor], shape: tuple[int, ...]):
        shape = sizes(shape, self)
        wide = tuple(m.shape[-1] for m in matrices)
        if wide != shape[1:] or any(m.ndim != 2 for m in matrices):
            raise InputError(
                f"{type(self).__name__} got matrices of {[tuple(m.shape) for m in matrices]} for "
                f"signals of {shape}; expected one (m, n) for each n of {shape[1:]}"
            )
        super().__init__(shape, (shape[0], *(len(m) for m in matrices)))
        self.matrices = [require_finite(m, f"matrix of {type(self).__name__}") for m in matrices]

    def _forward(self, x: Tensor) -> Tensor:
        return along_axes(x, self.matrices)

    def _adjoint(self, v: Tensor) -> Tensor:
        return along_axes(v, [m.mT for m in self.matrices])

    def _svd(self) -> SVD:
        parts = [torch.linalg.svd(m, full_matrices=True) for m in self.matrices]
        s = torch.ones((), dtype=self.matrices[0].dtype, device=self.matrices[0].device)
        sides = []
        for (left, values, right), matrix in zip(parts, self.matrices, strict=True):
            m, n = matrix.shape
            s = s[..., None] * torch.nn.functional.pad(values, (0, n - len(values)))
            sides.append((left[:, : min(m, n)], right, n - min(m, n)))

        def uh(y: Tensor) -> Tensor:
            y = along_axes(y, [left.mT for left, _, _ in sides])
            gaps = [g for _, _, rest in reversed(sides) for g in (0, rest)]
            return torch.where(s > 0, torch.nn.functional.pad(y, gaps), 0)

        def u(z: Tensor) -> Tensor:
            z = torch.where(s > 0, z, 0)
            z = z[(..., *(slice(0, side.shape[1]) for side, _, _ in sides))]
            return along_axes(z, [side for side, _, _ in sides])

        def weigh(w: Tensor) -> Tensor | None:
            tail = w.shape[max(0, w.ndim - len(sides)) :]
            return w if torch.Size(tail).numel() == 1 else None

        return SVD(
            s.expand(self.shape_in),
            lambda x: along_axes(x, [vh for _, vh, _ in sides]),
            lambda z: along_axes(z, [vh.mT for _, vh, _ in sides]),
            uh,
            u,
            weigh,
        )


class Bicubic(Separable):
    """Shrinks by `factor` >= 1 like MATLAB's imresize, antialiased: sizes become ceil(n / factor).

    The exact bicubic of `undrift.common.resize`, in 1-D to 3-D.
    """

    def __init__(self, shape: tuple[int, ...], factor: float):
        shape = sizes(shape, self)
        if not factor >= 1:
            raise InputError(f"Bicubic got factor {factor}; expected 1 or more, it shrinks")
        super().__init__(
            [resize_matrix(n, resized(n, 1 / factor), 1 / factor) for n in shape[1:]], shape
        )


class GaussianBlur(Separable):
    """Gaussian blur of `std` pixels with any border; exact SVD, unlike a general `Blur`."""

    def __init__(
        self, shape: tuple[int, ...], std: float, border: Border = "reflect",
        size: int | None = None,
    ):  # fmt: skip
        shape = sizes(shape, self)
        super().__init__(_gaussian(shape, std, size, border, (1,) * (len(shape) - 1)), shape)


class GaussianDownsample(Separable):
    """Gaussian blur of `std` pixels, then every `factor`-th value, the first at factor // 2.

    std is 0.5 factor by default; the factor has to divide the size.
    """

    def __init__(
        self, shape: tuple[int, ...], factor: int | tuple[int, ...], std: float | None = None,
        border: Border = "reflect", size: int | None = None,
    ):  # fmt: skip
        shape = sizes(shape, self)
        factors = factors_of(factor, shape, "GaussianDownsample")
        std = 0.5 * max(factors) if std is None else std
        super().__init__(_gaussian(shape, std, size, border, factors), shape)


def _gaussian(
    shape: tuple[int, ...], std: float, size: int | None, border: Border, factors: tuple[int, ...]
) -> list[Tensor]:
    kernel = gaussian_kernel(std, size, axes=1)
    if len(kernel) > min(shape[1:]):
        raise InputError(
            f"a Gaussian kernel of {len(kernel)} values is larger than the signal {shape[1:]}; "
            f"give a smaller size= or std="
        )
    return [
        border_matrix(kernel, n, border)[f // 2 :: f]
        for n, f in zip(shape[1:], factors, strict=True)
    ]


def along_axes(x: Tensor, matrices: Sequence[Tensor]) -> Tensor:
    """Applies a matrix (m, n) to each of the last axes of x, the axis that shrinks most first."""
    order = sorted(range(len(matrices)), key=lambda k: matrices[k].shape[0] / matrices[k].shape[1])
    for k in order:
        dim = x.ndim - len(matrices) + k
        matrix = matrices[k].to(x.dtype) if x.is_complex() else matrices[k]
        if dim == x.ndim - 1:
            x = x @ matrix.mT
        else:
            x = matrix @ x.transpose(dim, -2).contiguous() if dim != x.ndim - 2 else matrix @ x
            x = x.transpose(dim, -2) if dim != x.ndim - 2 else x
    return x
