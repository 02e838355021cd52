"""Shapes by their signed distance in millimetres, and how much of a voxel they fill.

A distance is negative inside. A voxel of h mm that a flat border passes at distance d is filled by
clip(1/2 - d / h, 0, 1): that is the volume that MRI sees, and why thin sulci fade instead of
breaking up. A sheet of half width w fills the difference of two such ramps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]  # float32
Point = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Space:
    """Places (x, y, z) in the coordinates of the unwarped head, in mm, and the voxels' size."""

    x: Array
    y: Array
    z: Array
    voxel: float

    def part(self, at: tuple[slice, slice, slice]) -> "Space":
        """The places of a box of voxels; views."""
        return Space(self.x[at], self.y[at], self.z[at], self.voxel)

    def mirrored(self) -> "Space":
        """Both halves of the head on the right: a shape on x > 0 then is there twice."""
        return Space(np.abs(self.x), self.y, self.z, self.voxel)

    def filled(self, distance: Array, grown: float = 0.0) -> Array:
        """The share of each voxel inside a shape that is `grown` mm larger: in [0, 1]."""
        share = (np.float32(grown) - distance) * np.float32(1 / self.voxel) + np.float32(0.5)
        return np.clip(share, 0, 1, out=share)

    def sheet(self, distance: Array, half: Array | float) -> Array:
        """The share of each voxel within `half` mm of a surface at unsigned `distance`."""
        step = np.float32(1 / self.voxel)
        near = np.clip((half - distance) * step + np.float32(0.5), 0, 1)
        far = np.clip((-half - distance) * step + np.float32(0.5), 0, 1)
        return (near - far).astype(np.float32, copy=False)


def ellipsoid(at: Space, centre: Point, radii: Point, tilt: float = 0.0) -> Array:
    """Signed distance, to first order, to an ellipsoid that is tilted about x by `tilt` rad."""
    x, y, z = (v - np.float32(c) for v, c in zip((at.x, at.y, at.z), centre, strict=True))
    if tilt:
        c, s = np.float32(np.cos(tilt)), np.float32(np.sin(tilt))
        y, z = c * y + s * z, c * z - s * y
    a, b, c = (np.float32(1 / r) for r in radii)
    x, y, z = x * a, y * b, z * c
    level = np.sqrt(x * x + y * y + z * z)
    slope = np.sqrt((x * a) ** 2 + (y * b) ** 2 + (z * c) ** 2)
    return level * (level - 1) / np.maximum(slope, np.float32(1e-3))


def tube(at: Space, points: Sequence[Point], radii: Sequence[float]) -> Array:
    """Signed distance to a tube along `points`, with a radius at each of them."""
    best: Array | None = None
    for first, last, thick, thin in zip(
        points[:-1], points[1:], radii[:-1], radii[1:], strict=True
    ):
        along = np.subtract(last, first, dtype=np.float32)
        x, y, z = (v - np.float32(c) for v, c in zip((at.x, at.y, at.z), first, strict=True))
        t = (x * along[0] + y * along[1] + z * along[2]) * np.float32(1 / (along @ along))
        t = np.clip(t, 0, 1, out=t)
        away = np.sqrt((x - t * along[0]) ** 2 + (y - t * along[1]) ** 2 + (z - t * along[2]) ** 2)
        distance = away - (np.float32(thick) + np.float32(thin - thick) * t)
        best = distance if best is None else np.minimum(best, distance)
    if best is None:
        raise ValueError("a tube needs two points or more")
    return best


def union(one: Array, other: Array, blend: float = 0.0) -> Array:
    """Signed distance to both shapes together; creases are rounded over `blend` mm."""
    joined = np.minimum(one, other)
    if blend:
        near = np.maximum(np.float32(blend) - np.abs(one - other), 0)
        joined -= near * near * np.float32(0.25 / blend)
    return joined


def paint(shares: dict[str, Array], tissue: str, share: Array) -> None:
    """A layer over what is there, in place."""
    erase(shares, share)
    shares[tissue] += share


def erase(shares: dict[str, Array], share: Array) -> None:
    rest = 1 - share
    for other in shares.values():
        other *= rest
