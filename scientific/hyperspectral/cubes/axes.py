"""The order of axes: b bands, h rows, w columns."""

import numpy as np

from undrift.common.errors import UsageError


def permuted(array: np.ndarray, given: str, wanted: str) -> np.ndarray:
    """The array with its axes, named by the letters of `given`, in the order of `wanted`."""
    return np.ascontiguousarray(array.transpose([given.index(axis) for axis in wanted]))


def order_of(axes: str) -> str:
    """The letters b, h and w of what a user wrote; c (channels) stands for b.

    Raises UsageError for anything else.
    """
    plain = axes.lower().replace("c", "b").replace(",", "").replace(" ", "")
    if sorted(plain) != ["b", "h", "w"]:
        raise UsageError(f"axes '{axes}'; expected b (bands), h (rows), w (columns) in an order")
    return plain
