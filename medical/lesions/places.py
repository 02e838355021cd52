"""Masks of lesions: drawn where there is none, parts with a crop each, and the ball of DiffMask.

A drawn mask is a ball whose radius varies smoothly with the direction and from voxel to voxel: the
set of places where distance/radius + roughness * noise is below 1. A model of masks (DiffMask, of
LeFusion) is shown a ball around each mask's centroid, out to its farthest voxel (`centroid_ball`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError
from undrift.common.noise import Noise
from undrift.medical.deformation.random_fields import random_velocity

Mask = npt.NDArray[np.bool_]
Grid = tuple[int, int, int]
Spacing = tuple[float, float, float]


@dataclass(frozen=True)
class Part:
    """A connected part of a mask. cut: the crop in which it is made; inside: where, in the crop."""

    cut: tuple[slice, slice, slice]
    inside: Mask
    voxels: int
    centroid: tuple[float, float, float]  # voxels


def draw_mask(
    grid: Grid,
    spacing: Spacing,
    centre: Sequence[float] | npt.NDArray,
    radius: float,
    noise: Noise,
    roughness: float = 0.25,
) -> Mask:
    """A rough ball. centre: voxels. radius: mm. Raises InputError where it has no voxel."""
    places = np.stack(np.meshgrid(*[np.arange(n) for n in grid], indexing="ij"), -1)
    far = np.linalg.norm((places - np.asarray(centre)) * spacing, axis=-1) / radius
    field = random_velocity(grid, spacing, noise, strength=1.0, scales=(0.8 * radius,),
                            fading=False)[0, 0].numpy()  # fmt: skip
    mask = far + roughness * np.sqrt(3) * spacing[0] * field < 1
    if not mask.any():
        voxel = ", ".join(f"{c:.1f}" for c in centre)
        raise InputError(
            f"a lesion of {radius:g} mm at voxel ({voxel}) has no voxel in a grid of {grid}; the "
            "centre is given in mm of the world (right, anterior, superior)"
        )
    return mask


def parts(mask: Mask, context: int) -> Iterator[Part]:
    """The connected parts of a mask, each with a crop `context` voxels wider on every side.

    Crops begin and end within the grid. Raises InputError for an empty mask.
    """
    from scipy import ndimage

    marks, count = labelled(mask)
    if not count:
        raise InputError("the mask is empty: there is nowhere to put a lesion")
    for number, box in enumerate(ndimage.find_objects(marks), 1):
        cut = tuple(
            slice(max(0, s.start - context), min(n, s.stop + context))
            for s, n in zip(box, mask.shape, strict=True)
        )
        found = np.argwhere(marks == number)
        x, y, z = (float(c) for c in found.mean(0))
        yield Part((cut[0], cut[1], cut[2]), marks[cut] == number, len(found), (x, y, z))


def labelled(mask: npt.NDArray) -> tuple[npt.NDArray[np.int32], int]:
    """The number of its part at each voxel, 0 outside, and how many parts there are.

    Voxels that touch at a corner belong together.
    """
    from scipy import ndimage

    found: Any = ndimage.label(mask, np.ones((3, 3, 3)))
    return found[0], int(found[1])


def centroid_ball(mask: Mask) -> Mask:
    """The ball around the centroid of a mask, in voxels, out to its farthest voxel."""
    places = np.argwhere(mask)
    if not len(places):
        raise InputError("the mask is empty: it has no centroid")
    middle = places.mean(0)
    reach = np.linalg.norm(places - middle, axis=1).max()
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in mask.shape], indexing="ij"), -1)
    return np.linalg.norm(grid - middle, axis=-1) <= reach + 1e-9


def tidied(numbers: npt.NDArray) -> Mask:
    """A mask from numbers in [-1, 1] (above 0), its holes filled, its largest part alone."""
    from scipy import ndimage

    filled = np.asarray(ndimage.binary_fill_holes(numbers > 0))
    marks, count = labelled(filled)
    if count <= 1:
        return filled
    sizes = np.bincount(marks.ravel())[1:]
    return np.asarray(marks == 1 + int(sizes.argmax()))
