"""The unit of an image without one: its robust maximum, measured, kept, and undone at the end.

A prior knows images whose bright tissue is near 1. The scale is the 99 % quantile of the
magnitude over the voxels above a twentieth of the maximum, of the zero-filled image, one for the
whole volume: one a slice would make slices flicker.
"""

import torch
from torch import Tensor

from undrift.common.errors import InputError

_FOREGROUND, _QUANTILE = 0.05, 0.99
_MOST = 2_000_000  # values that are sorted


def robust_maximum(magnitude: Tensor) -> float:
    """Of magnitudes of any shape. Raises InputError where all are 0 or any is not finite."""
    values = magnitude.detach().flatten()
    top = float(values.max()) if values.numel() else 0.0
    if not top > 0 or not bool(torch.isfinite(values).all()):
        raise InputError(
            "k-space is 0 everywhere (or not finite), so there is nothing to reconstruct; is the "
            "right array or slice read?"
        )
    kept = values[values > _FOREGROUND * top]
    step = -(-kept.numel() // _MOST)
    return float(torch.quantile(kept[::step].double(), _QUANTILE))
