"""Where a CT phantom is painted: soft solids in Hounsfield units, with texture and partial volume.

Solids are painted one over the other. A solid is where its distance d (mm, negative inside) is
below 0; a voxel at distance d belongs to it by the share 1/2 - d/w, cut to [0, 1], w being a voxel
wide: partial volume, which gets finer with the grid. The distance to an ellipsoid is taken as
k0 (k0 - 1) / k1, k0 = |p / radii|, k1 = |p / radii^2|, exact to first order at its surface. All
solids live in a space that sways smoothly by some millimetres, so that no ellipsoid is one.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from undrift.medical.simulate.ct_fields import Axis
from undrift.medical.simulate.ct_fields import field as random_field

Values = npt.NDArray[np.float32]
Point = tuple[float, float, float]
Box = tuple[slice, slice, slice]
AIR = -1000.0
_SWAY_SCALE = 45.0  # mm
SCALES = {"fine": 2.8, "middle": 7.0, "coarse": 22.0}  # mm, of textures


@dataclass(frozen=True)
class Tissue:
    """What a solid is made of: HU, its number among the labels, and textures.

    fine, middle, coarse: deviations in HU of variations with these scales.
    """

    hu: float
    label: int
    fine: float = 0.0
    middle: float = 0.0
    coarse: float = 0.0


@dataclass
class Canvas:
    """grid: (x, y, z) voxels; spacing: mm; the centre of the grid is that of the world.

    sway: deviation in mm of the deformation of space, along each axis.
    """

    grid: tuple[int, int, int]
    spacing: Point
    seed: int
    sway: float = 3.0
    hu: Values = field(init=False)
    label: npt.NDArray[np.uint8] = field(init=False)

    def __post_init__(self) -> None:
        x, y, z = (
            (np.arange(n, dtype=np.float64) - (n - 1) / 2) * step
            for n, step in zip(self.grid, self.spacing, strict=True)
        )
        self.axes: tuple[Axis, Axis, Axis] = (x, y, z)
        self.hu = np.full(self.grid, AIR, np.float32)
        self.label = np.zeros(self.grid, np.uint8)
        self.width = float(np.mean(self.spacing[:2]))
        self.where = np.empty((3, *self.grid), np.float32)
        for n, axis in enumerate(np.ix_(*self.axes)):
            moved = random_field(self.seed, f"sway {n}", _SWAY_SCALE, self.axes)
            self.where[n] = axis + self.sway * moved
        self._fields: dict[str, Values] = {}

    def field(self, name: str) -> Values:
        """The texture "fine", "middle" or "coarse", of unit variance; made once."""
        if name not in self._fields:
            self._fields[name] = random_field(self.seed, name, SCALES[name], self.axes)
        return self._fields[name]

    def box(self, low: Point, high: Point) -> Box:
        """The voxels that a solid between two corners may touch, for all sway but the rarest."""
        margin = 4 * self.sway + self.width
        parts = []
        for axis, first, last in zip(self.axes, low, high, strict=True):
            parts.append(
                slice(
                    int(np.searchsorted(axis, first - margin)),
                    int(np.searchsorted(axis, last + margin)),
                )
            )
        return parts[0], parts[1], parts[2]

    def ellipsoid(
        self,
        centre: Point,
        radii: Point,
        turn: float = 0.0,
        rough: float = 0.0,
        power: float = 2.0,
    ) -> tuple[Box, Values]:
        """The shares of the voxels in a box that an ellipsoid takes.

        turn: in radians about z. rough: mm of wobble of its surface. power: above 2 is squarer.
        """
        reach = max(radii[0], radii[1]) if turn else 0.0
        half = (max(radii[0], reach), max(radii[1], reach), radii[2])
        box = self.box(*_corners(centre, half))
        x, y, z = (self.where[n][box] - np.float32(centre[n]) for n in range(3))
        if turn:
            c, s = np.float32(np.cos(turn)), np.float32(np.sin(turn))
            x, y = c * x + s * y, c * y - s * x
        if power != 2:
            shape = (np.abs(x / radii[0]) ** power + np.abs(y / radii[1]) ** power) ** (2 / power)
            k0 = np.sqrt(shape + (z / radii[2]) ** 2)
            distance = (k0 - 1) * np.float32(min(radii))
        else:
            k0 = np.sqrt((x / radii[0]) ** 2 + (y / radii[1]) ** 2 + (z / radii[2]) ** 2)
            k1 = (x / radii[0] ** 2) ** 2 + (y / radii[1] ** 2) ** 2 + (z / radii[2] ** 2) ** 2
            distance = k0 * (k0 - 1) / np.sqrt(k1 + 1e-12)
        if rough:
            distance = distance + np.float32(rough) * self.field("middle")[box]
        return box, self._share(distance)

    def tube(self, first: Point, last: Point, radius: float, end: float) -> tuple[Box, Values]:
        """The shares of a tube between two points; its radius goes from `radius` to `end`."""
        wide = max(radius, end)
        low = [min(a, b) - wide for a, b in zip(first, last, strict=True)]
        high = [max(a, b) + wide for a, b in zip(first, last, strict=True)]
        box = self.box((low[0], low[1], low[2]), (high[0], high[1], high[2]))
        along = np.subtract(last, first).astype(np.float32)
        offset = [self.where[n][box] - np.float32(first[n]) for n in range(3)]
        length = float(along @ along) + 1e-9
        part = sum(o * a for o, a in zip(offset, along, strict=True)) / np.float32(length)
        part = np.clip(part, 0, 1)
        square = sum((o - part * a) ** 2 for o, a in zip(offset, along, strict=True))
        distance = np.sqrt(square) - (radius + (end - radius) * part)
        thin = min(1.0, (wide / self.width) ** 2 * np.pi)  # below a voxel: what it fills of one
        return box, np.float32(thin) * self._share(distance)

    def paint(
        self, solid: tuple[Box, Values], tissue: Tissue, within: Values | None = None
    ) -> None:
        """Paints a solid over what is there; within: (x, y, z) shares that it may not leave."""
        box, share = solid
        if within is not None:
            share = share * within[box]
        value = np.float32(tissue.hu)
        for name in SCALES:
            if size := getattr(tissue, name):
                value = value + np.float32(size) * self.field(name)[box]
        self.hu[box] += share * (value - self.hu[box])
        self.label[box][share > 0.5] = tissue.label

    def whole(self, solid: tuple[Box, Values]) -> Values:
        """The shares of a solid on the whole grid, (x, y, z)."""
        shares = np.zeros(self.grid, np.float32)
        shares[solid[0]] = solid[1]
        return shares

    def _share(self, distance: Values) -> Values:
        return np.clip(0.5 - distance / np.float32(self.width), 0, 1).astype(np.float32)


def _corners(centre: Point, half: Point) -> tuple[Point, Point]:
    low = [c - h for c, h in zip(centre, half, strict=True)]
    high = [c + h for c, h in zip(centre, half, strict=True)]
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])
