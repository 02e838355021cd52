"""Means over blocks: coarse-graining of fields, shrinking by averages.

y_B = sum_{i in B} w_i x_i / sum_{i in B} w_i over the blocks B of a grid, w the cell areas (all
equal unless given). Rows do not overlap, so A A^T is diagonal and everything is closed form.
"""

import math

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators.diagonal import fits
from undrift.common.operators.householder import Reflection
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.operator import sizes
from undrift.common.operators.svd import SVD


class CoarseGrain(LinearOperator):
    """(c, *space) -> (c, *space / factor): the mean of each block, weighted by `weight`.

    factor: one for all axes of space or one each; it has to divide the size.
    weight: cell areas >= 0 that broadcast to the shape; see `areas`. Raises InputError.
    """

    def __init__(
        self, shape: tuple[int, ...], factor: int | tuple[int, ...], weight: Tensor | None = None
    ):
        shape = sizes(shape, self)
        self.factors = factors_of(factor, shape, type(self).__name__)
        small = tuple(n // f for n, f in zip(shape[1:], self.factors, strict=True))
        super().__init__(shape, (shape[0], *small))
        share = torch.ones(shape, dtype=torch.float64)
        if weight is not None:
            share = fits(weight, shape, type(self).__name__, "weight", batch=False) * share
        blocks = self._blocks(share[None])[0]
        total = blocks.sum(-1, keepdim=True)
        if bool((share < 0).any()) or bool((total <= 0).any()):
            raise InputError(
                f"{type(self).__name__} got weights that are negative or sum to 0 in a block; "
                "expected areas >= 0 with some in every block; add a mask for missing blocks"
            )
        self.share = blocks / total

    def _blocks(self, x: Tensor) -> Tensor:
        """(b, c, *space) -> (b, c, *small, values of a block)."""
        split = [
            n for w, f in zip(x.shape[2:], self.factors, strict=True) for n in (w // f, f)
        ]  # fmt: skip
        d = len(self.factors)
        order = [0, 1, *(2 + 2 * k for k in range(d)), *(3 + 2 * k for k in range(d))]
        return x.reshape(*x.shape[:2], *split).permute(order).flatten(2 + d)

    def _grid(self, blocks: Tensor) -> Tensor:
        """The inverse of `_blocks`."""
        d = len(self.factors)
        open_ = blocks.reshape(*blocks.shape[:-1], *self.factors)
        order = [0, 1, *(n for k in range(d) for n in (2 + k, 2 + d + k))]
        return open_.permute(order).reshape(-1, *self.shape_in)

    def _forward(self, x: Tensor) -> Tensor:
        return (self._blocks(x) * self.share).sum(-1)

    def _adjoint(self, v: Tensor) -> Tensor:
        return self._grid(v[..., None] * self.share)

    def _svd(self) -> SVD:
        size = torch.linalg.vector_norm(self.share, dim=-1, keepdim=True)
        turn = Reflection(self.share / size)
        s = torch.cat([size, torch.zeros_like(self.share[..., 1:])], -1)

        def place(y: Tensor) -> Tensor:
            return torch.nn.functional.pad(y[..., None], (0, math.prod(self.factors) - 1))

        def weigh(w: Tensor) -> Tensor:
            return w[..., None]

        return SVD(
            s,
            lambda x: turn.back(self._blocks(x)),
            lambda z: self._grid(turn.forward(z)),
            place,
            lambda z: z[..., 0],
            weigh,
        )


class Average(CoarseGrain):
    """(c, *space) -> (c, *space / factor): the plain mean of each block, in 1-D to 3-D."""

    def __init__(self, shape: tuple[int, ...], factor: int | tuple[int, ...]):
        super().__init__(shape, factor)


def areas(latitudes: Tensor, axis: int = -2, axes: int = 2) -> Tensor:
    """Relative areas of the cells of a latitude-longitude grid, for `CoarseGrain(weight=...)`.

    latitudes: (n,) in degrees, equally spaced; the area is the difference of the sine of the edges,
    which are half way between (and at the poles). Returns (n, 1): latitude is the axis `axis` of
    `axes` axes of space. Raises InputError for latitudes out of [-90, 90] or out of order.
    """
    degrees = latitudes.to(torch.float64)
    steps = degrees.diff()
    if (
        len(degrees) < 2
        or bool((degrees.abs() > 90).any())
        or not bool((steps * steps[0] > 0).all())
    ):
        raise InputError(
            f"latitudes from {float(degrees[0]):g} to {float(degrees[-1]):g} are not in order or "
            "not in [-90, 90]; expected at least two, in degrees, north to south or south to north"
        )
    inner = (degrees[1:] + degrees[:-1]) / 2
    first, last = degrees[:1] - steps[:1] / 2, degrees[-1:] + steps[-1:] / 2
    edges = torch.cat([first, inner, last]).clamp(-90, 90)
    area = torch.sin(torch.deg2rad(edges)).diff().abs()
    shape = [1] * axes
    shape[axis] = len(area)
    return area.reshape(shape)


def factors_of(
    factor: int | tuple[int, ...], shape: tuple[int, ...], owner: str
) -> tuple[int, ...]:
    """One factor for each axis of space; raises InputError unless each divides its axis."""
    space = shape[1:]
    factors = (factor,) * len(space) if isinstance(factor, int) else tuple(factor)
    if len(factors) != len(space) or not space or min(factors) < 1:
        raise InputError(
            f"{owner} got factor {factor} for signals of {shape}; expected one whole number from 1,"
            f" or {len(space)}, one for each axis after the channels"
        )
    if any(n % f for n, f in zip(space, factors, strict=True)):
        nearby = tuple(n - n % f for n, f in zip(space, factors, strict=True))
        raise InputError(
            f"{owner} got factor {factor} for a space of {space}, which it does not divide; crop "
            f"the signal to {nearby} or pad it"
        )
    return factors
