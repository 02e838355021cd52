"""What surrounds the brain: fluid, the two tables of the skull with marrow, muscle, fat, face."""

from dataclasses import dataclass

import numpy as np

from undrift.medical.simulate.fields import Axes, random_field
from undrift.medical.simulate.shapes import Array, Space, ellipsoid, tube, union

_NECK = ((0.0, -30.0, -60.0), (0.0, -42.0, -140.0))


@dataclass(frozen=True, eq=False)
class Head:
    """Shares of voxels (x, y, z): `head` within the skin, `skull` with all inside it, and so on."""

    head: Array
    muscle: Array
    skull: Array
    marrow: Array
    inner: Array
    globes: Array
    air: Array


def head(
    at: Space, axes: Axes, surface: Array, seed: int, gap: float, skull: float, scalp: float
) -> Head:
    """Layers around the brain's `surface`, a signed distance; thicknesses in mm."""
    rough = random_field(seed, "skull", 25.0).on(axes)
    other = random_field(seed, "scalp", 20.0).on(axes)
    inner = surface - np.float32(gap) * (1 + np.float32(0.25) * rough)
    thick = np.float32(skull) * (1 + np.float32(0.2) * other)
    outer = inner - thick
    low = _face(at)
    skin = union(outer - np.float32(scalp) * (1 + np.float32(0.15) * rough), low, 10.0)
    both = at.mirrored()
    globes = ellipsoid(both, (31, 74, -26), (12, 12, 12))
    cavities = ellipsoid(at, (0, 68, -52), (15, 18, 22))
    np.minimum(cavities, ellipsoid(both, (27, 62, -58), (12, 13, 14)), out=cavities)
    cavities += np.float32(3) * random_field(seed, "cavity", 7.0).on(axes)
    np.maximum(cavities, np.float32(3) - outer, out=cavities)
    return Head(
        head=at.filled(skin),
        muscle=_muscle(at, axes, seed, skin, outer),
        skull=at.filled(outer),
        marrow=at.filled(np.abs(inner - thick / 2) - thick * np.float32(0.22)),
        inner=at.filled(inner),
        globes=at.filled(np.maximum(globes, np.float32(2) - outer)),
        air=at.filled(cavities),
    )


def _face(at: Space) -> Array:
    face = ellipsoid(at, (0, 34, -62), (62, 62, 62))
    return union(face, tube(at, _NECK, (56.0, 54.0)), 12.0)


def _muscle(at: Space, axes: Axes, seed: int, skin: Array, outer: Array) -> Array:
    """Muscle below the level of the eyes and at the temples, in bundles with fat between."""
    bundles = random_field(seed, "muscle", (6.0, 10.0, 12.0)).on(axes)
    below = at.z + np.float32(22) + np.float32(0.25) * at.y
    temple = np.hypot((at.y - 22) / 26, (at.z + 8) / 26) * 26 - np.float32(26)
    place = np.minimum(below, np.maximum(temple, outer - np.float32(6)))
    deep = np.maximum(place, skin + np.float32(3.5))
    return at.filled(np.maximum(deep, np.float32(2.2) * (bundles - np.float32(0.9))))
