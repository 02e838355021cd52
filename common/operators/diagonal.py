"""Operators that look at each value alone: the identity, masks, weights."""

from typing import Literal

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.operator import require_finite, sizes
from undrift.common.operators.svd import SVD

Keep = Literal["grid", "known"]


class Diagonal(LinearOperator):
    """y = w x, values one by one; w broadcasts to (b, *shape), real or complex.

    Raises InputError if w does not fit the shape or is not finite.
    """

    def __init__(self, weight: Tensor, shape: tuple[int, ...]):
        fits(weight, shape, type(self).__name__, "weight")
        field = "complex" if weight.is_complex() else "any"
        super().__init__(shape, shape, field)
        self.weight = weight if weight.is_floating_point() or weight.is_complex() else weight + 0.0

    def _forward(self, x: Tensor) -> Tensor:
        return self.weight * x

    def _adjoint(self, v: Tensor) -> Tensor:
        return self.weight.conj() * v

    def _svd(self) -> SVD:
        weight = self.weight.expand(torch.broadcast_shapes(self.weight.shape, self.shape_in))
        s = weight.abs()
        sign = torch.where(s > 0, weight / torch.where(s > 0, s, 1), 0)

        def same(z: Tensor) -> Tensor:
            return z

        def weigh(more: Tensor) -> Tensor:
            return more

        return SVD(
            s, same, same, lambda y: sign.conj() * y, lambda z: sign * z, weigh, len(self.shape_in)
        )

    def _solve(self, rhs: Tensor, weight, precision, start, tol, iterations) -> Tensor:
        return rhs / (weight * (self.weight.abs() ** 2) + precision)

    def _gain(self, v: Tensor, variance, noise, start, tol, iterations) -> Tensor:
        below = variance * self.weight.abs() ** 2 + noise
        seen = below > 0
        share = torch.where(seen, variance / torch.where(seen, below, 1), 0)
        return self.weight.conj() * v * share


class Identity(Diagonal):
    """y = x, the operator of denoising."""

    def __init__(self, shape: tuple[int, ...]):
        super().__init__(torch.ones([1] * len(tuple(shape)), dtype=torch.float64), shape)


class Mask(Diagonal):
    """y = m x with m of 0 (missing) and 1 (measured); y keeps the grid, 0 where missing.

    mask: bool or 0/1, broadcast to (b, *shape). Raises InputError if it measures nothing.
    """

    def __init__(self, mask: Tensor, shape: tuple[int, ...]):
        super().__init__(fits(zero_one(mask, "Mask"), shape, "Mask", "mask"), shape)


class Sample(LinearOperator):
    """The values of x where the mask is 1, in their order: (*batch, m), only what was measured.

    mask: bool or 0/1, broadcast to shape, without a batch axis.
    """

    def __init__(self, mask: Tensor, shape: tuple[int, ...]):
        full = zero_one(mask, "Sample")
        fits(full, shape, "Sample", "mask", batch=False)
        self.index = full.expand(tuple(shape)).flatten().nonzero().flatten()
        super().__init__(shape, (len(self.index),))

    def _forward(self, x: Tensor) -> Tensor:
        return x.flatten(1).index_select(1, self.index)

    def _adjoint(self, v: Tensor) -> Tensor:
        n = int(torch.Size(self.shape_in).numel())
        out = v.new_zeros(v.shape[0], n).index_copy(1, self.index, v)
        return out.reshape(-1, *self.shape_in)

    def _svd(self) -> SVD:
        n = int(torch.Size(self.shape_in).numel())
        s = self.unit.new_zeros(n)
        s[self.index] = 1

        def place(y: Tensor) -> Tensor:
            return y.new_zeros(y.shape[0], n).index_copy(1, self.index, y)

        def take(z: Tensor) -> Tensor:
            return z.index_select(1, self.index)

        def weigh(w: Tensor) -> Tensor | None:
            return None if w.ndim > 1 else place(w.expand(1, len(self.index)))[0]

        def back(z: Tensor) -> Tensor:
            return z.reshape(-1, *self.shape_in)

        return SVD(s, lambda x: x.flatten(1), back, place, take, weigh)


def fits(
    value: Tensor, shape: tuple[int, ...], owner: str, name: str, batch: bool = True
) -> Tensor:
    """`value`; raises InputError unless it is finite and broadcasts to shape or (b, *shape)."""
    wanted = sizes(shape, owner)
    tail = value.shape[1:] if batch and value.ndim == len(wanted) + 1 else value.shape
    if len(tail) > len(wanted) or any(
        n not in (1, w) for n, w in zip(reversed(tail), reversed(wanted), strict=False)
    ):
        raise InputError(
            f"{owner} got {name} of shape {tuple(value.shape)} for signals of {wanted}; expected "
            f"shapes that broadcast; resize the {name}, or give the shape that it belongs to"
        )
    return require_finite(value, f"{name} of {owner}")


def zero_one(mask: Tensor, owner: str) -> Tensor:
    """The mask as float64; raises InputError if it has other values than 0 and 1, or only 0."""
    value = require_finite(mask.to(torch.float64), f"mask of {owner}")
    if bool(((value != 0) & (value != 1)).any()):
        raise InputError(
            f"{owner} got a mask with values from {float(value.min()):g} to {float(value.max()):g};"
            " expected 0 (missing) and 1 (measured); threshold it, or use Diagonal for weights"
        )
    if not bool(value.any()):
        raise InputError(
            f"{owner} got a mask that is 0 everywhere, so nothing is measured; expected 1 where "
            "there are data; if 1 means missing in your mask, pass 1 - mask"
        )
    return value
