"""The brain's outside: hemispheres and their folded ribbon of grey matter, cerebellum, brain stem.

Sulci are sheets of fluid, zero levels of a random field f that changes along the surface and hardly
across it; their distance is |f| / |grad f|, and their bottom lies `fold_depth` below the surface.
Grey matter is what is near the surface or near a sheet, of even thickness as cortex is, and what
remains is white: gyri with stems of white matter between thin, partly filled sulci follow.
"""

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from undrift.medical.simulate.fields import REACH, Axes, grid_axes, random_field
from undrift.medical.simulate.shapes import Array, Space, ellipsoid, tube, union

_FINE = 3.0  # mm: lattice on which the folding field is looked up between knots
_STEM = ((0.0, -14.0, -14.0), (0.0, -17.0, -34.0), (0.0, -28.0, -62.0), (0.0, -38.0, -132.0))


@dataclass(frozen=True, eq=False)
class Brain:
    """Signed distances (x, y, z) in mm to the parts of the brain's surface."""

    cerebrum: Array
    cerebellum: Array
    stem: Array

    def surface(self) -> Array:
        """Signed distance to all of it, without folds."""
        return union(union(self.cerebrum, self.cerebellum, 6.0), self.stem, 6.0)


@dataclass(frozen=True, eq=False)
class Ribbon:
    """Shares of voxels: `grey` within the cortex or fluid of folds, `fluid` of the folds alone."""

    grey: Array
    fluid: Array


def brain_surface(at: Space) -> Brain:
    """Two hemispheres with temporal lobes, the cerebellum and the brain stem."""
    both = at.mirrored()
    upper = ellipsoid(at, (0, 0, 6), (66, 85, 63))
    upper = -union(-upper, at.z + np.float32(26) - np.abs(at.y) * np.float32(0.12), 12.0)
    temporal = ellipsoid(both, (43, 8, -26), (20, 42, 19), tilt=-0.15)
    cerebrum = union(upper, temporal, 5.0)
    cerebellum = ellipsoid(both, (21, -54, -40), (31, 27, 22), tilt=0.2)
    return Brain(cerebrum, cerebellum, tube(at, _STEM, (16.0, 15.0, 10.0, 7.0)))


def cortex(
    at: Space, axes: Axes, brain: Brain, seed: int, fold: float, depth: float,
    sulcus: float, thickness: float,
) -> Ribbon:  # fmt: skip
    """The folded ribbon of the cerebrum. Lengths in mm; `sulcus` is half the fluid's width."""
    inside = -brain.cerebrum
    uneven = random_field(seed, "uneven", 14.0).on(axes)
    bottom = np.float32(depth) * (1 + np.float32(0.2) * uneven)
    half = np.float32(sulcus) * np.exp(np.float32(0.35) * random_field(seed, "wide", 12.0).on(axes))
    bend = random_field(seed, "bend", 7.0).on(axes)
    sheets = _folds(at, seed, "fold", fold, bottom, inside, bend)
    shallow = _folds(at, seed, "small", fold * 0.72, bottom * np.float32(0.45), inside, bend)
    sheets = np.minimum(sheets, shallow)
    np.minimum(sheets, _fissures(at, uneven), out=sheets)
    wide = np.float32(thickness) * (1 + np.float32(0.1) * uneven) + half
    within = at.filled(brain.cerebrum)
    fluid = _either(at.sheet(sheets, half), 1 - at.filled(half - inside))
    grey = _either(at.sheet(sheets, wide), 1 - at.filled(wide - inside))
    return Ribbon(grey * within, fluid * within)


def folia(at: Space, axes: Axes, brain: Brain, seed: int, thickness: float) -> Ribbon:
    """The leaves of the cerebellum: flat sheets, closer and thinner than those of the cortex."""
    wavy = random_field(seed, "folia", (16.0, 9.0, 9.0)).on(axes)
    away = np.hypot(at.y + np.float32(36), at.z + np.float32(42))
    turn = np.arctan2(at.z + np.float32(42), -(at.y + np.float32(36)))
    phase = turn * np.float32(5.5) + wavy * np.float32(0.6)
    period = away * np.float32(np.pi / 5.5) + np.float32(0.5)
    sheets = np.abs(phase / np.float32(np.pi) - np.rint(phase / np.float32(np.pi))) * period
    inside = -brain.cerebellum
    sheets = np.hypot(sheets, np.maximum(inside - np.float32(13), 0))
    within = at.filled(brain.cerebellum)
    fluid = _either(at.sheet(sheets, 0.25), 1 - at.filled(np.float32(0.3) - inside))
    wide = 0.75 * thickness + 0.3
    grey = _either(at.sheet(sheets, wide), 1 - at.filled(wide - inside))
    return Ribbon(grey * within, fluid * within)


def _folds(
    at: Space, seed: int, name: str, fold: float, bottom: Array, inside: Array, bend: Array
) -> Array:
    """Unsigned distance in mm to the sheets of one generation of folds."""
    f, slope = _along_surface(at, seed, name, fold, bend)
    sheet = np.abs(f) / np.maximum(slope, np.float32(0.25 / fold))
    return np.hypot(sheet, np.maximum(inside - bottom, 0))


def _along_surface(
    at: Space, seed: int, name: str, fold: float, bend: Array
) -> tuple[Array, Array]:
    """A random field at the place's projection towards the surface, and its slope a millimetre."""
    ndimage: Any = importlib.import_module("scipy.ndimage")
    count = int(2 * REACH / _FINE) + 1
    fine = grid_axes((count, count, count), (_FINE, _FINE, _FINE))
    values = random_field(seed, name, fold, bandpass=1.6).on(fine)
    level = np.sqrt((at.x / 66) ** 2 + (at.y / 85) ** 2 + ((at.z - 6) / 63) ** 2)
    pull = np.clip(level, 0.25, 1.6) ** np.float32(-0.7) * np.float32(0.85 / _FINE)
    middle = np.float32((count - 1) / 2)
    where = np.stack([at.x * pull, at.y * pull, (at.z - 6) * pull]) + middle
    where += np.float32(0.22 * fold / _FINE) * bend  # sulci wind on their way in
    f = ndimage.map_coordinates(values, where, order=1, mode="nearest")
    slopes = [_slope(f, axis, at.voxel) for axis in range(3)]
    return f, np.sqrt(sum(s * s for s in slopes)).astype(np.float32)


def _slope(f: Array, axis: int, step: float) -> Array:
    if f.shape[axis] < 2:
        return np.zeros_like(f)
    return np.gradient(f, np.float32(step), axis=axis)


def _fissures(at: Space, uneven: Array) -> Array:
    """Unsigned distance to the fissure between the hemispheres and those above temporal lobes."""
    centre = np.sqrt((at.y / 47) ** 2 + ((at.z + 2) / 26) ** 2)
    middle = np.hypot(at.x + np.float32(0.7) * uneven, np.maximum(1 - centre, 0) * np.float32(26))
    side = at.z + np.float32(9) - np.float32(0.3) * at.y + np.float32(2) * uneven
    deep = np.maximum(np.float32(30) - np.abs(at.x), 0)
    ends = np.maximum(np.abs(at.y - np.float32(4)) - np.float32(34), 0)
    return np.minimum(middle, np.sqrt(side * side + deep * deep + ends * ends))


def _either(one: Array, other: Array) -> Array:
    return 1 - (1 - one) * (1 - other)
