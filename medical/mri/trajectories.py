"""Radial trajectories: straight spokes from the centre of k-space, or through it.

Spoke k leaves at the angle k phi, phi = pi (3 - sqrt(5)) for the golden angle (Winkelmann et al.
2007, over the full circle), so that any number of consecutive spokes is spread almost evenly; or
2 pi k / n. Spokes through the centre repeat after half a turn, hence phi = pi (sqrt(5) - 1) / 2 or
pi k / n. Positions are in units of the grid of frequencies, the centre at 0.
"""

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from undrift.common.errors import InputError

_TURN = math.pi * (3 - math.sqrt(5))
_HALF_TURN = math.pi * (math.sqrt(5) - 1) / 2


def spokes(
    count: int, samples: int, size: int, golden: bool = True, through: bool = False
) -> npt.NDArray[np.float64]:
    """(count, samples, 2): positions along the two axes, within [-size / 2, size / 2).

    size: of the image, in pixels. through: from one end over the centre to the other, in place of
    from the centre outwards. Raises InputError for less than one spoke or sample.
    """
    if min(count, samples, size) < 1:
        raise InputError(
            f"{count} spokes of {samples} samples for {size} pixels: expected 1 or more of each"
        )
    step = (_HALF_TURN if through else _TURN) if golden else (1 if through else 2) * math.pi / count
    angle = step * np.arange(count)[:, None]
    reach = np.arange(samples) / samples
    radius = size * (reach - 0.5) if through else size / 2 * reach
    return np.stack([radius * np.sin(angle), radius * np.cos(angle)], -1)


def radians(positions: npt.NDArray[np.float64], shape: tuple[int, ...]) -> Tensor:
    """Positions (..., d) as frequencies (points, d) in radians per pixel of an image `shape`."""
    flat = torch.from_numpy(np.ascontiguousarray(positions)).reshape(-1, len(shape))
    return flat * torch.tensor([2 * math.pi / n for n in shape], dtype=flat.dtype)
