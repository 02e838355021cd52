"""Arrays to embedded thumbnails for the HTML report.

A thumbnail has at most 512 pixels a side. A larger picture gives a second frame: its middle at
full resolution. Files are PNG or JPEG, whichever is smaller, as base64 data addresses. Errors, the
means over colours of |picture - reference|, and standard deviations are drawn from black (0) over
purple and orange to pale yellow; maps of one kind that stand side by side share their scale, which
ends at the largest standard deviation, and for errors at the value that one pixel in a hundred
exceeds.
"""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from undrift.common.errors import InputError

if TYPE_CHECKING:
    from PIL import Image

THUMBNAIL = 512
DETAIL = 384

_COLD, _ZERO, _WARM = (33, 94, 168), (245, 245, 245), (178, 24, 43)

# Dark to bright, evenly rising luminance (after the map "inferno" of matplotlib).
_HEAT = np.array(
    [(0, 0, 4), (66, 10, 104), (147, 38, 103), (221, 81, 58), (252, 165, 10), (252, 255, 164)]
)


@dataclass(frozen=True)
class Frame:
    """One figure: `after`, and where given `before` under the slider, as data addresses."""

    caption: str
    width: int
    height: int
    after: str
    before: str | None = None
    magnified: bool = False  # `before` has fewer pixels than are shown


def frames(
    name: str,
    before: Any,
    after: Any,
    *,
    reference: Any = None,
    std: Any = None,
    std_before: Any = None,
    labels: tuple[str, str] = ("before", "after"),
    further: Mapping[str, Any] | None = None,
) -> list[Frame]:
    """The figures of one item: comparison, detail, reference, maps of errors and of uncertainty.

    Errors are drawn of the pictures that have the size of the reference. further: caption ->
    picture, shown last in its own size.

    Raises:
        InputError: an array is not (h, w), (1, h, w) or (3, h, w), or not finite; `name` is told.
    """
    first, last = _pixels(name, labels[0], before), _pixels(name, labels[1], after)
    found = [_comparison(" | ".join(labels), first, last)]
    truth = None if reference is None else _pixels(name, "reference", reference)
    if max(last.shape[:2]) > THUMBNAIL:
        found.append(_comparison("middle, full resolution", _middle(first, last), _middle(last)))
        if truth is not None:
            found.append(_single("reference, middle, full resolution", _middle(truth)))
    elif truth is not None:
        found.append(_single("reference", truth))
    if reference is not None:
        found += _error_maps(name, labels, (before, after), reference)
    spreads = {
        f"standard deviation{of}": _flat(_array(name, "std", value))
        for of, value in ((f" of {labels[0]}", std_before), ("", std))
        if value is not None
    }
    if std_before is not None and std is not None:
        spreads[f"standard deviation of {labels[1]}"] = spreads.pop("standard deviation")
    found += _maps(spreads, max((float(v.max()) for v in spreads.values()), default=0), "")
    return found + [
        _single(caption, _pixels(name, caption, picture), whole=True)
        for caption, picture in (further or {}).items()
    ]


def _error_maps(
    name: str, labels: tuple[str, str], pictures: tuple[Any, Any], reference: Any
) -> list[Frame]:
    truth = _array(name, "reference", reference)
    truth = truth[None] if truth.ndim == 2 else truth
    errors = {}
    for label, picture in zip(labels, pictures, strict=True):
        array = _array(name, label, picture)
        array = array[None] if array.ndim == 2 else array
        if array.shape == truth.shape:
            errors[f"error of {label}"] = _flat(np.abs(np.clip(array, 0, 1) - truth))
    ends = [float(np.quantile(values, 0.99)) or float(values.max()) for values in errors.values()]
    return _maps(errors, max(ends, default=0), " and above")


def _maps(maps: dict[str, np.ndarray], top: float, beyond: str) -> list[Frame]:
    return [
        _single(f"{caption}, 0 to {top:.3g}{beyond}", heat(values, top))
        for caption, values in maps.items()
    ]


def _flat(values: np.ndarray) -> np.ndarray:
    return values.mean(axis=0) if values.ndim == 3 else values


def _comparison(caption: str, before: np.ndarray, after: np.ndarray) -> Frame:
    shown, given = _thumbnail(after), _thumbnail(before)
    magnified = given.height < shown.height
    return Frame(caption, *shown.size, _address(shown), _address(given), magnified)


def _single(caption: str, pixels: np.ndarray, whole: bool = False) -> Frame:
    shown = _thumbnail(pixels, max(pixels.shape) if whole else THUMBNAIL)
    return Frame(caption, *shown.size, _address(shown))


def _array(name: str, role: str, value: Any) -> np.ndarray:
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    array = np.asarray(value)
    if (
        array.ndim not in (2, 3)
        or array.size == 0
        or (array.ndim == 3 and len(array) not in (1, 3))
    ):
        raise InputError(
            f"report of {name}: {role} has shape {array.shape}; expected (h, w), (1, h, w) or "
            "(3, h, w); take a slice or three bands first"
        )
    scaled = array / 255 if array.dtype == np.uint8 else array.astype(np.float64)
    if not np.isfinite(scaled).all():
        raise InputError(f"report of {name}: {role} holds NaN or infinite values")
    return scaled


def _pixels(name: str, role: str, value: Any) -> np.ndarray:
    """(h, w, 3) uint8."""
    array = _array(name, role, value)
    array = array[None] if array.ndim == 2 else array
    eight = np.round(np.clip(array, 0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(eight, (3, *eight.shape[1:])).transpose(1, 2, 0))


def heat(values: np.ndarray, top: float) -> np.ndarray:
    place = np.clip(values / (top or 1.0), 0, 1) * (len(_HEAT) - 1)
    knots = np.arange(len(_HEAT))
    return np.stack([np.interp(place, knots, c) for c in _HEAT.T], axis=-1).astype(np.uint8)


def diverging(values: np.ndarray) -> np.ndarray:
    """-1 to 1 as blue, white, red (..., 3) uint8; beyond it the ends."""
    knots = np.array([_COLD, _ZERO, _WARM])
    place = np.clip(values, -1, 1)
    return np.stack([np.interp(place, (-1, 0, 1), c) for c in knots.T], axis=-1).astype(np.uint8)


def _middle(pixels: np.ndarray, like: np.ndarray | None = None) -> np.ndarray:
    """The central DETAIL pixels of `like`, or the same part of the smaller `pixels`."""
    whole = pixels if like is None else like
    slices = []
    for side, full in zip(pixels.shape[:2], whole.shape[:2], strict=True):
        length = max(1, round(side * min(1.0, DETAIL / full)))
        slices.append(slice((side - length) // 2, (side - length) // 2 + length))
    return pixels[tuple(slices)]


def _thumbnail(pixels: np.ndarray, most: int = THUMBNAIL) -> "Image.Image":
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(pixels))
    picture.thumbnail((most, most), Image.Resampling.LANCZOS)
    return picture


def _address(picture: "Image.Image") -> str:
    encoded = {}
    for form, options in (("png", {"optimize": True}), ("jpeg", {"quality": 90, "subsampling": 0})):
        buffer = io.BytesIO()
        picture.save(buffer, form, **options)
        encoded[form] = buffer.getvalue()
    form = min(encoded, key=lambda key: len(encoded[key]))
    return f"data:image/{form};base64,{base64.b64encode(encoded[form]).decode('ascii')}"
