"""Values of a gridded field at scattered points, by linear interpolation in 1-D to 3-D.

y_p = sum over the 2^d corners of the cell of p of (product of distances) x_corner: stations in a
field, or a field along a track. The adjoint adds every value to its corners with the same weights.
"""

import itertools

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.operator import require_finite, sizes


class PointSample(LinearOperator):
    """(c, *space) -> (c, p): every channel at p points.

    points: (p, d) in grid indices, 0 at the centre of the first cell and n - 1 at the last.
    periodic: for each axis whether index n is index 0 again, as for longitudes. Raises InputError
    for points outside of the grid.
    """

    def __init__(
        self, points: Tensor, shape: tuple[int, ...], periodic: bool | tuple[bool, ...] = False
    ):
        shape = sizes(shape, self)
        space = shape[1:]
        wrap = (periodic,) * len(space) if isinstance(periodic, bool) else tuple(periodic)
        if points.ndim != 2 or points.shape[1] != len(space) or len(wrap) != len(space):
            raise InputError(
                f"PointSample got points of {tuple(points.shape)} for signals of {shape}; expected "
                f"(points, {len(space)}) in grid indices, one column an axis"
            )
        place = require_finite(points.to(torch.float64), "points of PointSample")
        indices, weights = [], []
        for k, (n, around) in enumerate(zip(space, wrap, strict=True)):
            index, weight = _corners(place[:, k], n, around, k)
            indices.append(index)
            weights.append(weight)
        flat, total = [], []
        for corner in itertools.product((0, 1), repeat=len(space)):
            where = torch.zeros(len(place), dtype=torch.int64)
            share = torch.ones(len(place), dtype=torch.float64)
            for k, side in enumerate(corner):
                where = where * space[k] + indices[k][side]
                share = share * weights[k][side]
            flat.append(where)
            total.append(share)
        self.index = torch.stack(flat)  # (2^d, p)
        self.weight = torch.stack(total)
        super().__init__(shape, (shape[0], len(place)))

    def _forward(self, x: Tensor) -> Tensor:
        values = x.flatten(2)[:, :, self.index]
        return (values * self.weight).sum(2)

    def _adjoint(self, v: Tensor) -> Tensor:
        n = torch.Size(self.shape_in[1:]).numel()
        spread = (v[:, :, None] * self.weight).flatten(2)
        out = v.new_zeros(*v.shape[:2], n).index_add(2, self.index.flatten(), spread)
        return out.reshape(-1, *self.shape_in)


def _corners(
    place: Tensor, n: int, around: bool, axis: int
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Lower and upper index of each point along one axis, and their weights."""
    if around:
        place = place.remainder(n)
    elif bool(((place < 0) | (place > n - 1)).any()):
        outside = int(((place < 0) | (place > n - 1)).sum())
        raise InputError(
            f"PointSample got {outside} points outside of axis {axis}; expected indices in "
            f"[0, {n - 1}]; drop them, convert coordinates to indices, or make the axis periodic"
        )
    low = place.floor().clamp(max=n - 1).long()
    part = place - low
    high = (low + 1) % n if around else (low + 1).clamp(max=n - 1)
    return (low, high), (1 - part, part)
