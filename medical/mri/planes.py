"""Masks of two phase encodings, for 3-D acquisitions, and pseudo-radial ones for slices.

Poisson disc: samples at random, none nearer to another than a radius that grows with the distance
from the centre, as (1 + s |r|), so that density falls outwards and gaps are never wide; s is found
by bisection for the acceleration asked for (Lustig et al. 2007; Bridson 2007). The corners beyond
the ellipse are left out, and a square at the centre is measured whole.

Pseudo-radial: the points of the grid next to straight spokes at the golden angle.
"""

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError
from undrift.medical.mri.trajectories import spokes

Plane = npt.NDArray[np.bool_]
_BISECTIONS = 14


def poisson_disc(
    shape: tuple[int, int],
    acceleration: float,
    centre: tuple[int, int] = (0, 0),
    seed: int = 0,
    ellipse: bool = True,
) -> Plane:
    """(n, m) bool. centre: sides of the square that is measured whole.

    The share of samples is 1 / acceleration of the rectangle within 3 %, where the grid allows.
    Raises InputError for an acceleration below 1 or a centre that is larger than the plane.
    """
    inside, distance, first = _plane(shape, acceleration, centre, ellipse)
    order = np.random.default_rng(seed).permutation(np.flatnonzero(inside))
    wanted = inside.size / acceleration
    if wanted >= inside.sum():
        return inside | first
    low, high = 0.0, float(max(shape))
    best = inside
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        mask = _thrown(order, 0.5 + middle * distance, shape) | first
        if abs(int(mask.sum()) - wanted) < abs(int(best.sum()) - wanted):
            best = mask
        low, high = (middle, high) if mask.sum() > wanted else (low, middle)
    return best | first


def pseudo_radial(shape: tuple[int, int], count: int) -> Plane:
    """(n, m) bool: the points of the grid nearest to `count` spokes through the centre.

    Raises InputError for less than one spoke.
    """
    mask = np.zeros(shape, bool)
    points = np.rint(spokes(count, 4 * max(shape), max(shape), through=True)).astype(int)
    index = points + [n // 2 for n in shape]
    good = ((index >= 0) & (index < shape)).all(-1)
    mask[tuple(index[good].T)] = True
    return mask


def _plane(
    shape: tuple[int, int], acceleration: float, centre: tuple[int, int], ellipse: bool
) -> tuple[Plane, npt.NDArray[np.float64], Plane]:
    """Where samples may lie, the distance of each point from the centre (1 at the sides), and the
    square that is measured whole."""
    if acceleration < 1 or any(not 0 <= c <= n for c, n in zip(centre, shape, strict=True)):
        raise InputError(
            f"a Poisson disc of {shape}, acceleration {acceleration:g}, centre {centre}: expected "
            "an acceleration from 1 and a centre within the plane"
        )
    sides = np.ogrid[tuple(slice(0, n) for n in shape)]
    away = [(s - n // 2) / (n / 2) for s, n in zip(sides, shape, strict=True)]
    distance = np.sqrt(away[0] ** 2 + away[1] ** 2)
    first = np.ones(shape, bool)
    for side, n, c in zip(sides, shape, centre, strict=True):
        first &= (side >= n // 2 - c // 2) & (side < n // 2 - c // 2 + c)
    return distance <= 1 if ellipse else np.ones(shape, bool), distance, first


def _thrown(
    order: npt.NDArray[np.intp], radius: npt.NDArray[np.float64], shape: tuple[int, int]
) -> Plane:
    """Darts in the given order; one that lands within the radius of an earlier one is lost."""
    mask, free = np.zeros(shape, bool), np.ones(shape, bool)
    for point in order:
        i, j = divmod(int(point), shape[1])
        if not free[i, j]:
            continue
        mask[i, j] = True
        r = radius[i, j]
        reach = int(r)
        top, left = max(0, i - reach), max(0, j - reach)
        rows = np.arange(top, min(shape[0], i + reach + 1))[:, None] - i
        columns = np.arange(left, min(shape[1], j + reach + 1))[None] - j
        near = rows**2 + columns**2 < r**2
        free[top : top + near.shape[0], left : left + near.shape[1]] &= ~near
    return mask
