"""How a scanner makes thick slices of fine ones, and back along one axis at a time.

A slice is the mean of what lies within its thickness (a box profile), so n slices of an axis are
y = M x of N fine voxels, M (n, N) with rows of sum 1: overlaps of intervals. Along several axes the
product applies. M^+ y is what slices say alone; with noise sigma, and x of deviation r about an
estimate, the gain r^2 M^T (r^2 M M^T + sigma^2)^-1 of the residual is added instead.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from undrift.common.errors import UsageError
from undrift.common.operators.separable import along_axes
from undrift.medical.volumes.geometry import finer
from undrift.medical.volumes.volume import Values, Volume

Matrix = npt.NDArray[Any]


def slice_matrix(slices: int, fine: int, share: float = 1.0) -> Matrix:
    """(n, N): means over intervals of `share` of the slices' distance about their middles.

    Raises UsageError for a share that is not positive.
    """
    if not share > 0:
        raise UsageError(f"slices of {share:g} times their distance: expected more than 0")
    step = fine / slices
    middles = (np.arange(slices) + 0.5) * step
    low, high = middles - share * step / 2, middles + share * step / 2
    edges = np.arange(fine + 1)
    upper = np.minimum(high[:, None], edges[None, 1:])
    lower = np.maximum(low[:, None], edges[None, :-1])
    overlap = np.clip(upper - lower, 0, None)
    return overlap / overlap.sum(1, keepdims=True)


def cubic_matrix(slices: int, fine: int) -> Matrix:
    """(N, n): the cubic spline through the slices at their middles, flat beyond the outer ones."""
    from scipy.interpolate import make_interp_spline

    places = (np.arange(fine) + 0.5) * slices / fine - 0.5
    places = np.clip(places, 0, slices - 1)
    if slices < 4:
        return np.stack([np.interp(places, np.arange(slices), row) for row in np.eye(slices)], 1)
    return make_interp_spline(np.arange(slices), np.eye(slices), k=3)(places)


def gain_matrix(matrix: Matrix, spread: float, noise: float) -> Matrix:
    """(N, n): what a residual of the slices adds to an estimate; the pseudo-inverse for noise 0."""
    if noise <= 0:
        return np.linalg.pinv(matrix)
    inner = spread**2 * matrix @ matrix.T + noise**2 * np.eye(len(matrix))
    return spread**2 * np.linalg.solve(inner, matrix).T


def applied(values: Tensor, matrices: Sequence[Matrix | None]) -> Tensor:
    """Matrices along the last axes; None leaves an axis alone."""
    for axis, matrix in enumerate(matrices):
        if matrix is not None:
            dim = values.ndim - len(matrices) + axis
            moved = values.movedim(dim, -1)
            made = along_axes(moved, [torch.from_numpy(matrix).to(values)])
            values = made.movedim(-1, dim)
    return values.contiguous()


def divides(fine: Volume, coarse: Volume) -> bool:
    """Whether two volumes (x, y, z) fill one box of the world, the first with more voxels."""
    x, y, z = (new / old for new, old in zip(fine.grid, coarse.grid, strict=True))
    least = min(x, y, z)
    wanted = finer(coarse.affine, (x, y, z))
    return least >= 1 and np.allclose(fine.affine, wanted, rtol=0, atol=1e-4)


def averaged(values: Values, grid: Sequence[int]) -> Values:
    """Means of a finer volume over the voxels of a `grid` of the same box."""
    sizes = zip(grid, values.shape, strict=True)
    matrices = [None if old == new else slice_matrix(old, new) for old, new in sizes]
    return applied(torch.from_numpy(np.ascontiguousarray(values)), matrices).numpy()
