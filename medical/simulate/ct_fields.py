"""Smooth random fields in millimetres: the same field on any grid, whatever its voxels.

A field is a cubic B-spline whose coefficients are independent normals on a lattice with steps of
`scale` millimetres, fixed to the centre of the world,

    f(r) = c sum_ijk n_ijk B(x/scale - i) B(y/scale - j) B(z/scale - k),

with c so that its mean variance is 1: the squares of B at integer steps sum to 151/315 on average.
The normals come from counters at the lattice's own coordinates, so that a finer grid, a larger one
and a part of one see the same field. On a grid the sum is three products with thin matrices.
"""

import numpy as np
import numpy.typing as npt
import torch

from undrift.common.noise import Noise

Values = npt.NDArray[np.float32]
Axis = npt.NDArray[np.float64]
_ORIGIN = 2**14  # so that coordinates of the lattice are positive
_MEAN_SQUARE = 151 / 315


def field(seed: int, name: str, scale: float, axes: tuple[Axis, Axis, Axis]) -> Values:
    """The field `name` of a seed at the points of a grid: (x, y, z), mean 0, variance 1.

    axes: positions of the voxels along each axis in mm, from the centre of the world. Points that
    are `scale` mm apart have a correlation of about .25, twice as far .008.
    """
    bases, starts, sizes = [], [], []
    for axis in axes:
        basis, start = _basis(axis / scale)
        bases.append(basis)
        starts.append(start + _ORIGIN)
        sizes.append(basis.shape[1])
    noise = Noise(seed, name)((1, 1, *sizes), origin=tuple(starts))[0, 0].numpy()
    found = np.tensordot(bases[0], noise, (1, 0))
    found = np.tensordot(found, bases[1], (1, 1)).transpose(0, 2, 1)
    found = found @ bases[2].T
    return np.ascontiguousarray(found / np.float32(_MEAN_SQUARE**1.5))


def correlation(distance: float) -> float:
    """Correlation, averaged over places, of two points `distance` lattice steps apart on one axis.

    The autocorrelation of the cubic B-spline: the B-spline of degree 7, over its value at 0.
    """
    knots = [(-1) ** k * _binomial(8, k) * max(0.0, abs(distance) + 4 - k) ** 7 for k in range(9)]
    return sum(knots) / 5040 / _MEAN_SQUARE


def _basis(places: Axis) -> tuple[Values, int]:
    """Values of the B-splines that reach the places, (places, splines), and the first of them."""
    low = int(np.floor(places.min())) - 1
    high = int(np.floor(places.max())) + 2
    far = np.abs(places[:, None] - np.arange(low, high + 1))
    near = 2 / 3 - far**2 + far**3 / 2
    rim = np.clip(2 - far, 0, None) ** 3 / 6
    return np.where(far < 1, near, rim).astype(np.float32), low


def _binomial(n: int, k: int) -> int:
    return 1 if k in (0, n) else _binomial(n - 1, k - 1) + _binomial(n - 1, k)


def unit_normals(seed: int, name: str, count: int) -> npt.NDArray[np.float64]:
    """`count` normals of a seed, by name: for numbers that are no field."""
    return Noise(seed, name)((1, 1, count), dtype=torch.float64)[0, 0].numpy()
