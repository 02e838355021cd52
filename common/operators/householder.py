"""Orthogonal completion of one unit vector: the V of operators whose rows do not overlap.

If every measurement is an inner product with its own group of values, A A^H is diagonal and V is,
group by group, any unitary matrix whose first column is the row: here the Householder reflection
H = I - w w^H / (1 - u_0), w = e_0 - u, which swaps e_0 and u (Householder 1958).
"""

import torch
from torch import Tensor


class Reflection:
    """Unitary map along the last axis with first column u: (..., n), |u| = 1 or u = 0.

    Where u = 0 it is the identity.
    """

    def __init__(self, u: Tensor):
        first = u[..., :1]
        size = first.abs()
        self.phase = torch.where(size > 0, first / torch.where(size > 0, size, 1), 1)
        turned = u * self.phase.conj()  # now u_0 >= 0
        rest = (turned[..., 1:].abs() ** 2).sum(-1, keepdim=True)
        head = turned[..., :1].real if u.is_complex() else turned[..., :1]
        zero = (rest + head**2) == 0
        gap = torch.where(zero, 0, rest / (1 + head))  # 1 - u_0 without cancellation
        self.w = torch.cat([gap.to(u.dtype), -turned[..., 1:]], -1)
        self.scale = torch.where(gap > 0, 1 / torch.where(gap > 0, gap, 1), 0)

    def forward(self, z: Tensor) -> Tensor:
        """From coordinates to values: e_0 becomes u."""
        return self.phase * self._reflect(z)

    def back(self, x: Tensor) -> Tensor:
        """The inverse of `forward`: u becomes e_0."""
        return self._reflect(self.phase.conj() * x)

    def _reflect(self, z: Tensor) -> Tensor:
        along = (self.w.conj() * z).sum(-1, keepdim=True) * self.scale
        return z - along * self.w
