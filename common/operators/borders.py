"""What lies beyond the edge of a signal: index maps for padding, and padding with its adjoint.

reflect: d c b | a b c d | c b a (numpy's "reflect"); symmetric: c b a | a b c d | d c b a;
replicate: a a a | a b c d; circular: c d | a b c d | a b; zero: nothing. "valid" pads nothing and
loses the edge.
"""

from typing import Literal

import torch
from torch import Tensor

from undrift.common.errors import InputError

Border = Literal["circular", "valid", "reflect", "symmetric", "replicate", "zero"]


def border_index(n: int, before: int, after: int, border: Border) -> Tensor:
    """For each place -before ... n - 1 + after the index it copies, -1 for zero; int64."""
    place = torch.arange(-before, n + after)
    if border == "circular":
        return place.remainder(n)
    if border == "replicate":
        return place.clamp(0, n - 1)
    if border == "zero":
        return torch.where((place < 0) | (place >= n), -1, place)
    if border == "symmetric":
        folded = place.remainder(2 * n)
        return torch.where(folded < n, folded, 2 * n - 1 - folded)
    if border == "reflect":
        period = max(1, 2 * n - 2)
        folded = place.remainder(period)
        return torch.where(folded < n, folded, period - folded)
    raise InputError(f"border {border!r} does not pad; expected circular, reflect, symmetric, ...")


def pad(x: Tensor, indices: list[Tensor]) -> Tensor:
    """Pads the last len(indices) axes of x; indices from `border_index`."""
    for k, index in enumerate(indices):
        dim = x.ndim - len(indices) + k
        mask = _mask(index, x, dim)
        x = x.index_select(dim, index.clamp(min=0))
        x = x if mask is None else x * mask
    return x


def pad_adjoint(v: Tensor, indices: list[Tensor], space: tuple[int, ...]) -> Tensor:
    """The transpose of `pad`: folds what was copied back onto the axes of size `space`."""
    for k, index in enumerate(indices):
        dim = v.ndim - len(indices) + k
        mask = _mask(index, v, dim)
        v = v if mask is None else v * mask
        size = list(v.shape)
        size[dim] = space[k]
        v = v.new_zeros(size).index_add(dim, index.clamp(min=0), v)
    return v


def border_matrix(kernel: Tensor, n: int, border: Border) -> Tensor:
    """The matrix of convolving n values with a kernel (k,), centre at k // 2: (m, n) float64.

    m = n, but n - k + 1 for "valid".
    """
    k = len(kernel)
    before, after = k - 1 - k // 2, k // 2
    flipped = kernel.to(torch.float64).flip(0)
    rows = n - k + 1 if border == "valid" else n
    index = torch.arange(n) if border == "valid" else border_index(n, before, after, border)
    matrix = torch.zeros(rows, n, dtype=torch.float64)
    for i in range(rows):
        source = index[i : i + k]
        seen = source >= 0
        matrix[i].index_add_(0, source[seen], flipped[seen])
    return matrix


def _mask(index: Tensor, like: Tensor, dim: int) -> Tensor | None:
    outside = index < 0
    shape = [1] * like.ndim
    shape[dim] = -1
    real = like.real.dtype if like.is_complex() else like.dtype
    return (~outside).to(real).reshape(shape)
