"""Colour under transparent pixels.

A fully transparent pixel has no colour of its own; editors leave black or green there. A network
sees that colour and draws a halo at the edge. So before restoring, each such pixel takes the
colour of the nearest pixel that is not fully transparent.
"""

import numpy as np


def bleed(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Fills colours (c, h, w) where alpha (h, w) is 0 from the nearest pixel where it is not.

    The result is a new array unless nothing, or everything, is transparent.
    """
    hidden = alpha <= 0
    if not hidden.any() or hidden.all():
        return rgb
    from scipy.ndimage import distance_transform_edt

    nearest = np.asarray(
        distance_transform_edt(hidden, return_distances=False, return_indices=True)
    )
    return np.ascontiguousarray(rgb[:, nearest[0], nearest[1]])
