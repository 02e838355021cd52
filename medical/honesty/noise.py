"""How large chance changes are: a robust deviation, and its map where noise varies in space.

1.4826 times the median of |values| is the deviation of normal values and hardly sees the few that
are lesions (Rousseeuw & Croux, JASA 88, 1993). CT noise differs between the middle of a patient and
the border, so blocks of 48 mm have a deviation of their own; it counts where it is larger than that
of the whole body, up to three times, so that one large lesion cannot hide itself.
"""

import importlib
from typing import Any

import numpy as np
import numpy.typing as npt

from undrift.medical.volumes.volume import Values

BLOCK = 48.0  # mm
MOST = 3.0


def robust_deviation(values: npt.NDArray[Any]) -> float:
    """1.4826 median |values|; 0 for no values."""
    return 1.4826 * float(np.median(np.abs(values))) if values.size else 0.0


def noise_scale(
    change: Values, body: npt.NDArray[np.bool_], spacing: tuple[float, float, float]
) -> Values:
    """The deviation of `change` (x, y, z) at every voxel, float32; change is around zero."""
    whole = robust_deviation(change[body])
    counts = [
        max(1, round(n * step / BLOCK)) for n, step in zip(change.shape, spacing, strict=True)
    ]
    edges = [
        np.linspace(0, n, c + 1).astype(int) for n, c in zip(change.shape, counts, strict=True)
    ]
    table = np.full(counts, whole)
    for place in np.ndindex(*counts):
        box = tuple(slice(e[i], e[i + 1]) for e, i in zip(edges, place, strict=True))
        if body[box].mean() > 0.1:
            table[place] = np.clip(robust_deviation(change[box][body[box]]), whole, MOST * whole)
    return _spread(table, change.shape)


def _spread(table: npt.NDArray[Any], shape: tuple[int, ...]) -> Values:
    """A table of blocks, linear between their middles."""
    ndimage: Any = importlib.import_module("scipy.ndimage")
    scale = np.array(table.shape) / np.array(shape)
    return ndimage.affine_transform(
        table.astype(np.float32),
        scale,
        scale / 2 - 0.5,
        output_shape=shape,
        order=1,
        mode="nearest",
    )
