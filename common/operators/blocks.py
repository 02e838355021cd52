"""Block compressed sensing: every square block of a picture is measured by the same matrix.

y_b = P vec(x_b) with P (m, n) of orthonormal rows, so that A^H is the pseudo-inverse and A^H A a
projection (Gan 2007, "Block compressed sensing of natural images"). Learned methods take blocks of
32 or 33 and a Gaussian matrix made orthonormal.
"""

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.noise import Noise
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.svd import SVD


class BlockSample(LinearOperator):
    """(c, h, w) -> (c, m, h / block, w / block): m values of every block of every channel.

    rate: share of values kept, m = round(rate block^2); seed names the matrix. Raises InputError
    for a rate outside (0, 1] and for sides that are no multiples of the block.
    """

    def __init__(self, shape: tuple[int, ...], rate: float, block: int = 32, seed: int = 0):
        m = round(rate * block**2)
        if len(shape) != 3 or any(n % block for n in shape[1:]) or not 1 <= m <= block**2:
            raise InputError(
                f"BlockSample got shape {tuple(shape)}, rate {rate:g} and block {block}; expected "
                "(c, h, w) with sides that are multiples of the block, and a rate in (0, 1]; pad "
                "the picture"
            )
        rows, columns = (n // block for n in shape[1:])
        super().__init__(shape, (shape[0], m, rows, columns), "real", "real")
        self.block = block
        drawn = Noise(seed, "block sampling")((1, 1, block**2, m), dtype=torch.float64)[0, 0]
        self.matrix = torch.linalg.qr(drawn).Q.T.contiguous()

    def _forward(self, x: Tensor) -> Tensor:
        return torch.einsum("mn,bcnij->bcmij", self.matrix, self._split(x))

    def _adjoint(self, v: Tensor) -> Tensor:
        return self._join(torch.einsum("mn,bcmij->bcnij", self.matrix, v))

    def _split(self, x: Tensor) -> Tensor:
        n, (c, h, w) = self.block, self.shape_in
        parts = x.reshape(-1, c, h // n, n, w // n, n).permute(0, 1, 3, 5, 2, 4)
        return parts.reshape(-1, c, n * n, h // n, w // n)

    def _join(self, parts: Tensor) -> Tensor:
        n, (c, h, w) = self.block, self.shape_in
        x = parts.reshape(-1, c, n, n, h // n, w // n).permute(0, 1, 4, 2, 5, 3)
        return x.reshape(-1, c, h, w)

    def _gain(self, v: Tensor, variance, noise, start, tol, iterations) -> Tensor:
        return self._adjoint(v * (variance / (variance + noise)))

    def _svd(self) -> SVD:
        m, n = self.matrix.shape
        basis = torch.linalg.qr(self.matrix.T, mode="complete").Q.T.clone()
        basis[:m] = self.matrix  # the same but for signs
        s = self.unit.new_zeros(self.shape_in[0], n, *self.shape_out[2:])
        s[:, :m] = 1

        def place(y: Tensor) -> Tensor:
            return torch.nn.functional.pad(y, (0, 0, 0, 0, 0, n - m))

        return SVD(
            s,
            lambda x: torch.einsum("kn,bcnij->bckij", basis, self._split(x)),
            lambda z: self._join(torch.einsum("kn,bckij->bcnij", basis, z)),
            place,
            lambda z: z[:, :, :m],
        )

    def _pinv(self, y: Tensor, rcond: float | None, tol: float | None, iterations: int) -> Tensor:
        return self._adjoint(y)
