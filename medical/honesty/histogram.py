"""The histogram of a volume in a few numbers, to be compared with those of a model's training.

quantiles  of what the network sees of the body, after the model's intensity map
inside     of MR values deep in the head, over their median there: bright fluid tells T2 from T1,
           whatever the scale of the scanner. Skull, fat and air, of which there is more or less,
           are left out by depth, a share of the largest distance from the surface. A field that
           cuts the head has another depth, and says nothing.

The body is what the model's own map counts as foreground. Large volumes are seen in steps.
"""

import importlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from undrift.medical.honesty.body import AIR
from undrift.medical.intensity import foreground
from undrift.medical.signal import MaximumSettings, PercentileSettings, Signal, robust_maximum
from undrift.medical.volumes.volume import Values

Mask = npt.NDArray[np.bool_]
QUANTILES = (0.25, 0.5, 0.75, 0.95)  # below, masks and templates have their own
INSIDE = (0.98,)  # the darkest hangs on how much fluid lies there
DEPTH = 0.6
CUT = 0.17  # share of the voxels at the ends of the field, a whole face of a cube; a neck has less
_SIDE = 96  # voxels along an axis that are looked at


def seen_quantiles(array: Values, signal: Signal) -> dict[float, float]:
    """Share -> quantile of the network's numbers in the body of (x, y, z); {} without a body."""
    body = model_body(array, signal)
    if not body.any():
        return {}
    given = signal.intensity
    if isinstance(given, MaximumSettings):
        numbers = array[body] / np.float32(robust_maximum(array, given))
    else:
        numbers = signal.intensity_map(array).forward(array[body])
    found = np.quantile(numbers, QUANTILES)
    return {share: float(value) for share, value in zip(QUANTILES, found, strict=True)}


def inside_ratios(
    array: Values, signal: Signal, spacing: tuple[float, float, float]
) -> dict[float, float]:
    """Share -> quantile deep in the body over the median there; {} for CT and for cut bodies.

    array: (x, y, z) in real values; spacing in mm.
    """
    if signal.modality != "mr":
        return {}
    steps = [math.ceil(n / _SIDE) for n in array.shape]
    few = array[tuple(slice(None, None, step) for step in steps)]
    body = _filled(model_body(few, signal))
    if not body.any() or _cut(body) > CUT:
        return {}
    deep = few[_depth(body, [s * n for s, n in zip(spacing, steps, strict=True)]) >= DEPTH]
    middle = float(np.median(deep))
    if not middle > 0:
        return {}
    return {share: float(np.quantile(deep, share)) / middle for share in INSIDE}


def model_body(array: Values, signal: Signal) -> Mask:
    """(x, y, z): what the model's map counts as the body; everything in a constant volume."""
    if float(array.min()) == float(array.max()):
        return np.ones(array.shape, bool)
    given = signal.intensity
    if isinstance(given, MaximumSettings):
        return array > given.floor * float(np.abs(array).max())
    if isinstance(given, PercentileSettings):
        if given.floor is None:
            return foreground(array)
        return array > given.floor * float(np.percentile(array, 99.9))
    return array > AIR


def _filled(body: Mask) -> Mask:
    ndimage: Any = importlib.import_module("scipy.ndimage")
    closed = ndimage.binary_closing(body, iterations=2) | body
    return ndimage.binary_fill_holes(closed)


def _cut(body: Mask) -> float:
    """Share of the outermost voxels that are body."""
    inner = body[1:-1, 1:-1, 1:-1]
    return int(body.sum() - inner.sum()) / max(1, body.size - inner.size)


def _depth(body: Mask, spacing: Sequence[float]) -> npt.NDArray[Any]:
    """Distance from the surface over the largest."""
    ndimage: Any = importlib.import_module("scipy.ndimage")
    distance = ndimage.distance_transform_edt(np.pad(body, 1), sampling=spacing)[1:-1, 1:-1, 1:-1]
    return distance / distance.max()
