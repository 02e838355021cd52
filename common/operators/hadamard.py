"""Compressed sensing in the Walsh-Hadamard basis, by the fast transform in n log n additions.

H_n = H_2 x H_{n/2} (Sylvester's order), scaled by 1 / sqrt(n): orthogonal and symmetric, so the
kept coefficients are singular vectors with singular value one.
"""

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.noise import Noise
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.operator import sizes
from undrift.common.operators.svd import SVD


class Hadamard(LinearOperator):
    """(c, *space) -> (c, m): the same m coefficients of every channel.

    The pixels of a channel are taken in the order `order` (n,), then transformed; `keep` (m,) are
    indices of coefficients, by default the first `measurements`. With `seed` the pixels are
    shuffled instead, which spreads every pattern over the image. n has to be a power of two.
    Raises InputError.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        measurements: int | None = None,
        keep: Tensor | None = None,
        order: Tensor | None = None,
        seed: int | None = None,
    ):
        shape = sizes(shape, self)
        n = torch.Size(shape[1:]).numel()
        if n & (n - 1):
            raise InputError(
                f"Hadamard got signals of {shape} with {n} values a channel; expected a power of "
                f"two; crop or pad to {2 ** (n.bit_length() - 1)} or {2 ** n.bit_length()}"
            )
        if (measurements is None) == (keep is None) or (order is not None and seed is not None):
            raise InputError(
                "Hadamard got measurements and keep, or order and seed, or none of the first two; "
                "expected measurements=m or keep=indices, and at most one of order and seed"
            )
        self.keep = torch.arange(n if measurements is None else measurements)
        if keep is not None:
            self.keep = keep.long()
        if seed is not None:
            order = Noise(seed, "hadamard")((1, 1, n), dtype=torch.float64).flatten().argsort()
        self.order = torch.arange(n) if order is None else order.long()
        _check(self.keep, self.order, n)
        self.undo = self.order.argsort()
        super().__init__(shape, (shape[0], len(self.keep)))

    def _coefficients(self, x: Tensor) -> Tensor:
        return hadamard(x.flatten(2).index_select(2, self.order))

    def _pixels(self, z: Tensor) -> Tensor:
        return hadamard(z).index_select(2, self.undo).reshape(-1, *self.shape_in)

    def _place(self, v: Tensor) -> Tensor:
        wide = v.new_zeros(*v.shape[:2], len(self.order))
        return wide.index_copy(2, self.keep, v)

    def _forward(self, x: Tensor) -> Tensor:
        return self._coefficients(x).index_select(2, self.keep)

    def _adjoint(self, v: Tensor) -> Tensor:
        return self._pixels(self._place(v))

    def _svd(self) -> SVD:
        s = self.unit.new_zeros(self.shape_in[0], len(self.order))
        s[:, self.keep] = 1

        def weigh(w: Tensor) -> Tensor | None:
            if w.ndim > 2:
                return None
            return self._place(w.expand(self.shape_out)[None])[0]

        return SVD(
            s,
            self._coefficients,
            self._pixels,
            self._place,
            lambda z: z.index_select(2, self.keep),
            weigh,
        )


def hadamard(x: Tensor) -> Tensor:
    """The orthonormal Walsh-Hadamard transform of the last axis, a power of two long."""
    n = x.shape[-1]
    lead, half = x.shape[:-1], 1
    while half < n:
        pair = x.reshape(*lead, n // (2 * half), 2, half)
        x = torch.stack([pair[..., 0, :] + pair[..., 1, :], pair[..., 0, :] - pair[..., 1, :]], -2)
        half *= 2
    return x.reshape(*lead, n) / n**0.5


def _check(keep: Tensor, order: Tensor, n: int) -> None:
    fine = len(keep) > 0 and int(keep.min()) >= 0 and int(keep.max()) < n
    if not fine or len(keep.unique()) != len(keep):
        raise InputError(
            f"Hadamard got {len(keep)} coefficients to keep; expected different indices in 0 ... "
            f"{n - 1}"
        )
    if sorted(order.tolist()) != list(range(n)):
        raise InputError(f"Hadamard got an order that is no permutation of 0 ... {n - 1}")
