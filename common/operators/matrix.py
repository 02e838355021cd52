"""A dense matrix as an operator, and Gaussian compressed sensing."""

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.noise import Noise
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.operator import require_finite, sizes
from undrift.common.operators.svd import SVD


class Matrix(LinearOperator):
    """y = M vec(x) with M (m, n), n the number of values of `shape`; y is shaped shape_out or (m,).

    Its SVD is computed once, in full: for n of a few thousand. Raises InputError.
    """

    def __init__(
        self, matrix: Tensor, shape: tuple[int, ...], shape_out: tuple[int, ...] | None = None
    ):
        shape = sizes(shape, self)
        n, out = torch.Size(shape).numel(), shape_out or (matrix.shape[0],)
        if matrix.ndim != 2 or matrix.shape != (torch.Size(out).numel(), n):
            raise InputError(
                f"{type(self).__name__} got a matrix of {tuple(matrix.shape)}; expected "
                f"({torch.Size(out).numel()}, {n}) for signals of {shape} and measurements of {out}"
            )
        super().__init__(shape, out, "complex" if matrix.is_complex() else "any")
        self.matrix = require_finite(matrix, f"matrix of {type(self).__name__}")

    def _forward(self, x: Tensor) -> Tensor:
        return _times(x.flatten(1), self.matrix.mT).reshape(-1, *self.shape_out)

    def _adjoint(self, v: Tensor) -> Tensor:
        return _times(v.flatten(1), self.matrix.conj()).reshape(-1, *self.shape_in)

    def _svd(self) -> SVD:
        m, n = self.matrix.shape
        rank = min(m, n)
        u, s, vh = torch.linalg.svd(self.matrix, full_matrices=True)
        u = u[:, :rank]
        gap = n - rank
        return SVD(
            torch.nn.functional.pad(s, (0, gap)),
            lambda x: _times(x.flatten(1), vh.mT),
            lambda z: _times(z, vh.conj()).reshape(-1, *self.shape_in),
            lambda y: torch.nn.functional.pad(_times(y.flatten(1), u.conj()), (0, gap)),
            lambda z: _times(z[:, :rank], u.mT).reshape(-1, *self.shape_out),
        )


class RandomGaussian(Matrix):
    """Compressed sensing by an m x n matrix of N(0, 1/m) entries; `seed` names the matrix."""

    def __init__(self, shape: tuple[int, ...], measurements: int, seed: int = 0):
        n = torch.Size(sizes(shape, self)).numel()
        if measurements < 1:
            raise InputError(f"RandomGaussian got measurements={measurements}; expected 1 or more")
        draw = Noise(seed, "compressed sensing")((1, 1, measurements, n), dtype=torch.float64)
        super().__init__(draw[0, 0] / measurements**0.5, shape)


def _times(rows: Tensor, matrix: Tensor) -> Tensor:
    both = torch.promote_types(rows.dtype, matrix.dtype)
    return rows.to(both) @ matrix.to(both)
