"""Displacement fields: sampling through them, composition, powers, exponential, inverse, Jacobian.

A field u (b, d, *space), d = 2 or 3 axes, belongs to the map x -> x + u(x), in voxels along each
axis. Images are pulled back: the deformed image at x is the image at x + u(x). So the map "first
deform by u, then deform the result by w" is x -> x + w(x) + u(x + w(x)), what `compose` returns.

The exponential of a velocity v is the flow of dx/dt = v(x) after unit time (Arsigny et al., MICCAI
2006): exp(v) = exp(v / 2^n) composed with itself n times, a diffeomorphism while v is smooth, and
exp(-v) is its inverse. Between voxels a field is linear, so the map can fold inside a cell though
central differences look well; `determinants` looks at all corners of all cells.
"""

import functools
import itertools

import torch
import torch.nn.functional as F
from torch import Tensor

from undrift.common.errors import InputError


def check_field(u: Tensor) -> None:
    """Raises InputError unless u is (b, d, *space) with d = 2 or 3 axes of two voxels or more."""
    axes = u.ndim - 2
    if axes not in (2, 3) or u.shape[1] != axes or min(u.shape[2:]) < 2:
        raise InputError(
            "expected a field (b, 2, h, w) or (b, 3, x, y, z) of at least two voxels along each "
            f"axis, got {tuple(u.shape)}"
        )


def pull(image: Tensor, u: Tensor, nearest: bool = False, outside: str = "border") -> Tensor:
    """The image (b, c, *space) at x + u(x).

    nearest: the value of the nearest voxel, for labels; else linear between voxels. outside: what
    lies beyond the grid, "border" (its outer voxels go on) or "zeros".
    """
    sizes = torch.tensor(u.shape[2:], dtype=u.dtype, device=u.device)
    lines = [torch.arange(n, dtype=u.dtype, device=u.device) for n in u.shape[2:]]
    place = torch.stack(torch.meshgrid(*lines, indexing="ij")) + u
    # grid_sample wants -1 .. 1 between the outer voxels' centres, and the last axis first.
    place = place.movedim(1, -1) * (2 / (sizes - 1)) - 1
    mode = "nearest" if nearest else "bilinear"
    return F.grid_sample(
        image, place.flip(-1).to(image.dtype), mode, padding_mode=outside, align_corners=True
    )


def compose(first: Tensor, then: Tensor) -> Tensor:
    """The field of deforming by `first`, and the result by `then`."""
    return then + pull(first, then)


def power(v: Tensor, count: int) -> Tensor:
    """The map of v, `count` times over: u <- v + u(x + v), from u = 0 (DRDM, section 3.2)."""
    u = torch.zeros_like(v)
    for _ in range(count):
        u = compose(u, v)
    return u


def exponential(v: Tensor, squarings: int | None = None) -> Tensor:
    """exp(v) by scaling and squaring.

    squarings: how often; by default enough for the first step to be an eighth of a voxel at most.
    """
    check_field(v)
    if squarings is None:
        longest = float(v.abs().max())
        squarings = max(4, 3 + int(longest).bit_length())
    u = v / 2**squarings
    for _ in range(squarings):
        u = compose(u, u)
    return u


def inverse(u: Tensor, rounds: int = 200, tolerance: float = 1e-4) -> Tensor:
    """The field w with w(x) = -u(x + w(x)), to `tolerance` of a voxel where x + w is in the grid.

    By the fixed-point iteration of Chen et al. (Medical Physics 35, 2008), half a step at a time
    where u is steep. Raises InputError if it does not settle: then u is not invertible.
    """
    check_field(u)
    w, off = torch.zeros_like(u), float("inf")
    for number in range(rounds):
        step = pull(u, w) + w
        off = float(step.abs().max())
        if off <= tolerance:
            return w
        w = w - (step if number < rounds // 4 else 0.5 * step)
    raise InputError(
        f"no inverse: {off:.3g} voxels off after {rounds} rounds; the field "
        "folds, or leads out of the grid"
    )


def determinants(u: Tensor) -> Tensor:
    """The least det(I + grad u) over the corners of each cell, (b, *space - 1).

    Between voxels the map is linear along each axis; at a corner of a cell its derivatives are the
    differences along the cell's edges there. In two axes the determinant takes its least value at a
    corner, so that positive means that nothing folds.
    """
    check_field(u)
    axes = u.ndim - 2
    edges = [u.diff(dim=2 + axis) for axis in range(axes)]
    found = []
    for corner in itertools.product((0, 1), repeat=axes):
        columns = []
        for axis, edge in enumerate(edges):
            at = [slice(None), slice(None)]
            for other in range(axes):
                cells = u.shape[2 + other] - 1
                first = 0 if other == axis else corner[other]
                at.append(slice(first, first + cells))
            column = edge[tuple(at)].clone()
            column[:, axis] += 1
            columns.append(column)
        found.append(_determinant(columns))
    return functools.reduce(torch.minimum, found)


def volume_change(u: Tensor) -> Tensor:
    """det(I + grad u) by central differences, (b, *space): the volume a voxel is pulled from."""
    check_field(u)
    axes = range(u.ndim - 2)
    columns = []
    for axis in axes:
        (column,) = torch.gradient(u, dim=2 + axis)
        column = column.clone()
        column[:, axis] += 1
        columns.append(column)
    return _determinant(columns)


def _determinant(columns: list[Tensor]) -> Tensor:
    """Of matrices given by their columns (b, d, *space)."""
    if len(columns) == 2:
        (a, b), (c, d) = (column.unbind(1) for column in columns)
        return a * d - b * c
    first, second, third = columns
    return (first * torch.linalg.cross(second, third, dim=1)).sum(1)
