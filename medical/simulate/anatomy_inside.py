"""What lies deep in the brain: ventricles, nuclei of grey matter, and vessels everywhere."""

import numpy as np

from undrift.medical.simulate.fields import Axes, random_field
from undrift.medical.simulate.shapes import Array, Space, ellipsoid, tube, union

# the lateral ventricle of one side: frontal horn, body, atrium, and from there two horns
_BODY = ((9.0, 34.0, 4.0), (8.0, 18.0, 13.0), (10.0, -8.0, 18.0), (19.0, -32.0, 11.0))
_OCCIPITAL = ((19.0, -32.0, 11.0), (21.0, -58.0, 6.0))
_TEMPORAL = ((19.0, -32.0, 11.0), (29.0, -28.0, -8.0), (32.0, -2.0, -20.0))
NUCLEI = {  # centre and radii of one side, tilt
    "thalamus": ((11.5, -12.0, 5.0), (8.0, 14.0, 8.5), 0.2),
    "putamen": ((26.0, 4.0, 2.0), (5.0, 15.0, 9.5), 0.1),
    "pallidum": ((19.0, 1.0, 0.5), (3.8, 9.0, 6.0), 0.1),
    "caudate head": ((14.0, 21.0, 6.0), (5.0, 8.5, 8.0), 0.5),
    "amygdala": ((23.0, 2.0, -22.0), (7.0, 8.0, 7.0), 0.0),
    "hippocampus": ((28.0, -16.0, -15.0), (6.0, 17.0, 5.5), 0.4),
    "red nucleus": ((5.0, -19.0, -9.0), (3.0, 3.2, 3.5), 0.0),
    "dentate": ((15.0, -52.0, -36.0), (6.5, 7.0, 4.0), 0.4),
}
_CAUDATE = ((14.0, 20.0, 8.0), (16.0, 2.0, 19.0), (23.0, -20.0, 17.0), (27.0, -28.0, 3.0))


def ventricles(at: Space, width: float, uneven: Array) -> Array:
    """Signed distance to all ventricles; `width` is a factor of their radii."""
    both = at.mirrored()
    lateral = tube(both, _BODY, [width * r for r in (4.0, 5.0, 5.5, 6.5)])
    lateral = union(lateral, tube(both, _OCCIPITAL, (6.5 * width, 1.5)), 3.0)
    lateral = union(lateral, tube(both, _TEMPORAL, (5.0 * width, 3.0 * width, 1.2)), 2.0)
    lateral = np.maximum(lateral, np.float32(0.8) - both.x)  # the septum stays between them
    third = ellipsoid(at, (0, -3, -2), (2.0 * width, 15, 11))
    fourth = ellipsoid(at, (0, -36, -38), (7.0 * width, 5, 9))
    found = np.minimum(np.minimum(lateral, third), fourth)
    return found + np.float32(0.5) * uneven


def nuclei(at: Space, uneven: Array) -> Array:
    """Signed distance to the nuclei of grey matter."""
    both = at.mirrored()
    found = tube(both, _CAUDATE, (5.0, 3.5, 2.2, 1.5))
    for centre, radii, tilt in NUCLEI.values():
        np.minimum(found, ellipsoid(both, centre, radii, tilt), out=found)
    return found + np.float32(0.6) * uneven


def vessels(at: Space, axes: Axes, seed: int, radius: float) -> Array:
    """The share of each voxel in vessels: curves where two random fields are 0 at once.

    The distance to such a curve is about the length of (f / |grad f|, g / |grad g|).
    """
    knot = 13.0
    slope = np.float32(0.95 / knot)  # root of the mean square slope of a field along one direction
    f = random_field(seed, "artery", knot).on(axes)
    g = random_field(seed, "vein", knot).on(axes)
    away = np.sqrt(f * f + g * g) / (np.float32(1.5) * slope)
    inner = min(radius, at.voxel)
    share = np.clip((np.float32(radius) - away) / np.float32(max(at.voxel, 1e-3)) + 0.5, 0, 1)
    share *= np.float32((inner / at.voxel) ** 0.5)
    return share.astype(np.float32, copy=False)


def sinus(at: Space, surface: Array) -> Array:
    """The share of each voxel in the sinus along the top and back of the fissure."""
    ring = np.hypot(at.x, surface - np.float32(0.5))
    behind = np.maximum(np.float32(-10) - at.z, 0) + np.maximum(at.y - np.float32(70), 0)
    return at.filled(np.hypot(ring, behind), grown=3.2)
