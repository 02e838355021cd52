"""The eight EXIF orientations as array operations (EXIF 2.32, tag 0x0112)."""

import re
from typing import TypeVar

import numpy as np

_N = TypeVar("_N", int, float)


def upright(x: np.ndarray, orientation: int) -> np.ndarray:
    """Turns x (..., h, w) the way its EXIF orientation 1..8 says; other numbers change nothing."""
    if orientation in (5, 6, 7, 8):
        x = np.swapaxes(x, -1, -2)
    if orientation in (2, 3, 6, 7):
        x = x[..., ::-1]
    if orientation in (3, 4, 7, 8):
        x = x[..., ::-1, :]
    return np.ascontiguousarray(x)


def turned(pair: tuple[_N, _N], orientation: int) -> tuple[_N, _N]:
    """(x, y) of something along the sides, such as the size, after the picture was turned."""
    return (pair[1], pair[0]) if orientation in (5, 6, 7, 8) else pair


def reset_xmp(xmp: bytes | None) -> bytes | None:
    """XMP may repeat the orientation: set it to 1 as well."""
    if xmp is None:
        return None
    xmp = re.sub(rb"(tiff:Orientation\s*=\s*[\"'])\d+", rb"\g<1>1", xmp)
    return re.sub(rb"(<tiff:Orientation>\s*)\d+", rb"\g<1>1", xmp)
