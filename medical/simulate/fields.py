"""Smooth random fields and deformations of the body, as functions of the place in millimetres.

A field is a cubic B-spline on a lattice of `knot` mm with independent normal coefficients,

    f(p) = sum_k c_k B(p_x / h - k_x) B(p_y / h - k_y) B(p_z / h - k_z) / s,

divided by s = (integral B^2)^(3/2) = (151 / 315)^(3/2), so that its variance is 1 over all places.
Which grid it is looked at on changes nothing: a coarse volume, a fine one and a crop see the same
body. On a grid the sum is three matrix products. A deformation is the flow of a stationary
velocity, by scaling and squaring (Arsigny et al., MICCAI 2006), hence smooth with a smooth inverse.
"""

import importlib
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

REACH = 132.0  # mm from the centre of the head that fields cover; beyond, as at the edge
Array = npt.NDArray[Any]  # float32
Axes = tuple[Array, Array, Array]  # mm along x, y and z
_SCALE = (151 / 315) ** 1.5


def stream(seed: int, name: str) -> np.random.Generator:
    """The random numbers of one part of a subject: a function of the seed and the part's name."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def grid_axes(
    grid: tuple[int, int, int],
    spacing: tuple[float, float, float],
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Axes:
    """Millimetres of the voxels' centres along each axis, for a grid about `centre`."""
    x, y, z = (
        ((np.arange(n) - (n - 1) / 2) * step + middle).astype(np.float32)
        for n, step, middle in zip(grid, spacing, centre, strict=True)
    )
    return x, y, z


@dataclass(frozen=True, eq=False)
class Spline:
    """A field by its coefficients (kx, ky, kz) on a lattice of `knots` mm from -REACH on."""

    coefficients: Array
    knots: tuple[float, float, float]

    def on(self, axes: Axes) -> Array:
        """Values (x, y, z) at the places that three axes in mm span."""
        out = self.coefficients
        for mm, knot in zip(axes, self.knots, strict=True):
            # the first axis goes out and comes back last, so three turns restore the order
            out = np.tensordot(out, _weights(mm, knot, out.shape[0]), ((0,), (1,)))
        return np.ascontiguousarray(out)


def random_field(
    seed: int, name: str, knot: float | tuple[float, float, float], bandpass: float = 0.0
) -> Spline:
    """A field of mean 0 and variance 1 that changes over about 1.5 `knot` mm.

    bandpass: where above 0, slow changes, over more than about `bandpass` knots, are taken out (and
    the variance falls below 1).
    """
    knots = knot if isinstance(knot, tuple) else (knot, knot, knot)
    x, y, z = (int(np.ceil(2 * REACH / step)) + 4 for step in knots)
    drawn = stream(seed, name).standard_normal((x, y, z), dtype=np.float32)
    if bandpass:
        ndimage: Any = importlib.import_module("scipy.ndimage")
        drawn -= ndimage.gaussian_filter(drawn, bandpass)
    return Spline(drawn / np.float32(_SCALE), knots)


def interpolated(values: Array, knot: float) -> Spline:
    """The spline through `values` at -REACH, -REACH + knot, ... along each axis."""
    ndimage: Any = importlib.import_module("scipy.ndimage")
    filtered = ndimage.spline_filter(values, order=3, output=np.float32, mode="mirror")
    return Spline(np.pad(filtered, 1, mode="reflect"), (knot, knot, knot))


def lattice(knot: float) -> Axes:
    """The knots of `interpolated` along x, y and z."""
    mm = np.arange(-REACH, REACH + knot / 2, knot, dtype=np.float32)
    return mm, mm, mm


def flow(velocity: list[Array], knot: float, squarings: int = 5) -> list[Array]:
    """Displacements in mm, three arrays on `lattice(knot)`, after flowing for a unit of time.

    exp(v) = (exp(v / 2^n))^(2^n), and u o 2 = u + u(p + u), with linear interpolation.
    """
    ndimage: Any = importlib.import_module("scipy.ndimage")
    places = np.indices(velocity[0].shape, dtype=np.float32)
    moved = [v / (knot * 2**squarings) for v in velocity]  # in lattice steps
    for _ in range(squarings):
        at = places + np.stack(moved)
        moved = [u + ndimage.map_coordinates(u, at, order=1, mode="nearest") for u in moved]
    return [u * np.float32(knot) for u in moved]


def _weights(mm: Array, knot: float, count: int) -> Array:
    """(voxels, coefficients): the four B-splines over every place."""
    at = np.clip((mm.astype(np.float64) + REACH) / knot, 0, count - 3 - 1e-6)
    first = np.floor(at).astype(np.int64)
    u = at - first
    pieces = ((1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3)
    out = np.zeros((len(mm), count), np.float32)
    rows = np.arange(len(mm))
    for offset, piece in enumerate(pieces):
        out[rows, first + offset] = piece / 6
    return out
