"""The order of axes: b bands, h rows, w columns."""

from collections.abc import Sequence

import numpy as np

from undrift.common.errors import UsageError

_NAMES = {
    "b": "band bands channel channels wavelength wavelengths wl lambda spectral spectral_band",
    "h": "y row rows line lines lat latitude northing downtrack along_track height",
    "w": "x column columns col sample samples pixel lon longitude easting crosstrack across_track "
    "width",
}


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


def letters_of(names: Sequence[str]) -> str | None:
    """The letters of axes by their names, such as ("band", "y", "x"), None where one is unknown.

    Two names are enough: the third axis is the one that is left.
    """
    told = {name: letter for letter, text in _NAMES.items() for name in text.split()}
    letters = [told.get(str(name).lower(), "?") for name in names]
    left = [letter for letter in "bhw" if letter not in letters]
    if letters.count("?") == 1 and len(left) == 1:
        letters[letters.index("?")] = left[0]
    return "".join(letters) if sorted(letters) == ["b", "h", "w"] else None
