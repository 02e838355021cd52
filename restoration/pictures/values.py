"""Stored numbers to unit pixels and back.

Unsigned 8 and 16 bit divide by 255 and 65535; bool is 0 and 1. Floats inside [0, 1] stay as they
are. Everything else (floats outside, signed and 32-bit integers, whose full range says nothing
about the picture) is mapped by x = (v - low) / (high - low) with low and high recorded, and
inverted by v = low + x (high - low) in float64 on the way back.
"""

import numpy as np

from undrift.common.errors import InputError

FULL = {"bool": 1, "uint8": 255, "uint16": 65535}


def check_finite(values: np.ndarray, name: str) -> None:
    """Raises InputError with the number and place of NaN or infinite values (h, w[, c])."""
    if values.dtype.kind != "f":
        return
    bad = ~np.isfinite(values)
    count = int(bad.sum())
    if count == 0:
        return
    first = np.unravel_index(int(np.argmax(bad)), bad.shape)
    where = ", ".join(
        f"{axis} {i}" for axis, i in zip(("row", "column", "channel"), first, strict=False)
    )
    raise InputError(
        f"{name}: {count} of {values.size} values are not finite "
        f"(first: {values[first]} at {where}); replace them first, e.g. with scipy.ndimage or "
        "numpy.nan_to_num"
    )


def to_unit(
    values: np.ndarray, value_range: tuple[float, float] | None = None, *, bits: int | None = None
) -> tuple[np.ndarray, tuple[float, float] | None]:
    """Stored `values` of any shape -> (float32 in unit scale, recorded range or None).

    value_range: stated (low, high) instead of the one found. bits: significant bits of unsigned
    integers narrower than their type (12-bit samples in uint16).
    """
    kind = values.dtype.name
    if value_range is None and kind in FULL:
        top = FULL[kind] if bits is None or kind == "bool" else 2**bits - 1
        return values.astype(np.float32) / np.float32(top), None
    if value_range is None:
        low, high = float(values.min()), float(values.max())
        if values.dtype.kind == "f" and low >= 0.0 and high <= 1.0:
            return values.astype(np.float32), None
        value_range = (low, high if high > low else low + 1.0)
    low, high = value_range
    unit = (values.astype(np.float64) - low) / (high - low)
    return unit.astype(np.float32), (float(low), float(high))


def from_unit(
    unit: np.ndarray, depth: str, value_range: tuple[float, float] | None = None
) -> np.ndarray:
    """Unit values of any shape -> numbers of type `depth`; integers are clipped and rounded."""
    if depth == "bool":
        return unit >= 0.5
    kind = np.dtype(depth)
    if value_range is None and kind.kind == "f":
        return unit.astype(kind)
    low, high = value_range or (0.0, float(np.iinfo(kind).max))
    values = unit.astype(np.float64)  # one copy, worked on in place
    values *= high - low
    values += low
    if kind.kind == "f":
        return values.astype(kind)
    limits = np.iinfo(kind)
    np.clip(values, limits.min, limits.max, out=values)
    return np.rint(values, out=values).astype(kind)


def interleave(pixels: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """pixels (c, h, w) and alpha (h, w) of one type -> (h, w) for plain grey, else (h, w, c')."""
    planes = pixels if alpha is None else np.concatenate([pixels, alpha[None]])
    return planes[0] if len(planes) == 1 else np.ascontiguousarray(planes.transpose(1, 2, 0))


def stored(
    pixels: np.ndarray,
    alpha: np.ndarray | None,
    depth: str,
    value_range: tuple[float, float] | None = None,
) -> np.ndarray:
    """Unit pixels (c, h, w) and alpha (h, w) -> numbers as a file holds them, (h, w[, c'])."""
    colour = from_unit(pixels, depth, value_range)
    if alpha is None:
        return interleave(colour, None)
    if np.dtype(depth).kind == "i":  # signed: alpha runs over the positive half
        return interleave(colour, from_unit(alpha, depth, (0.0, float(np.iinfo(depth).max))))
    return interleave(colour, from_unit(np.clip(alpha, 0.0, 1.0), depth))
