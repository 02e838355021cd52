"""What an ImageDescription says of sizes, kept true when pages or pixels change.

Microscopes and ImageJ write the shape of a stack and the size of a pixel into the description of
the first page: OME-XML in the attributes of `Pixels` (OME data model 2016-06), ImageJ as lines
`key=value` beside a resolution in pixels a unit, tifffile as JSON. Only these numbers are replaced,
everything else stays as it was written, byte for byte. Of chosen pages no reader could tell which
channel or slice they are: they become a plain series in time.
"""

import json
import re
from collections.abc import Callable

from undrift.common.errors import InputError

Size = tuple[float, float]
_PIXELS = re.compile(r"<(?:\w+:)?Pixels\b[^>]*>")
_PLACES = re.compile(
    r"<((?:\w+:)?)(TiffData|Plane|MetadataOnly)\b[^>]*?(?:/>|>.*?</\1\2>)\s*", re.DOTALL
)
_CHANNEL = re.compile(r"<((?:\w+:)?)Channel\b[^>]*?(?:/>|>.*?</\1Channel>)\s*", re.DOTALL)
_SHAPE_LINES = ("images", "channels", "slices", "frames", "hyperstack")


def is_ome(text: str) -> bool:
    """Whether the description is OME-XML."""
    head = text[:4096].lstrip()
    return head.startswith("<") and ("<OME" in head or ":OME " in head)


def is_imagej(text: str) -> bool:
    """Whether ImageJ, or something that speaks like it, wrote the description."""
    return text.startswith("ImageJ=")


def is_calibrated(text: str) -> bool:
    """Whether the resolution of the file is that of the object, not of a print."""
    return is_ome(text) or is_imagej(text)


def enlarged(text: str, by: Size) -> str:
    """The description of a picture whose (width, height) became (sx, sy) times as large."""
    if by == (1.0, 1.0):
        return text
    if is_ome(text):
        return _PIXELS.sub(lambda found: _enlarged_pixels(found[0], by), text)
    if is_imagej(text):
        text = _line(text, "xorigin", lambda v: f"{float(v) * by[0]:.12g}")
        return _line(text, "yorigin", lambda v: f"{float(v) * by[1]:.12g}")
    return text


def reduced_to(text: str, pages: int) -> str:
    """The description of a stack of which `pages` pages were chosen.

    Raises InputError for OME-XML of several images, whose pages it does not tell apart.
    """
    if is_ome(text):
        images = len(_PIXELS.findall(text))
        if images > 1:
            raise InputError(
                f"the OME-XML of this file describes {images} images; pages of it cannot be "
                "chosen: restore all pages, or save the image alone"
            )
        text = _PLACES.sub("", text)
        text, first = _without_other_channels(text)
        sizes = {"SizeC": first, "SizeZ": "1", "SizeT": str(pages)}
        text = _PIXELS.sub(lambda found: _attributes(found[0], sizes), text)
        return _listed(text, pages)
    if is_imagej(text):
        rows = [row for row in text.split("\n") if row.partition("=")[0] not in _SHAPE_LINES]
        return "\n".join([rows[0], f"images={pages}", f"frames={pages}", *rows[1:]])
    return without_shape(text)


def without_shape(text: str) -> str:
    """A description without the shape that tifffile notes: it is wrong once the size changes."""
    if not text.startswith('{"shape":'):
        return text
    try:
        note = json.loads(text)
    except ValueError:
        return text
    rest = {key: value for key, value in note.items() if key not in ("shape", "truncated")}
    return json.dumps(rest) if rest else ""


def _enlarged_pixels(tag: str, by: Size) -> str:
    for axis, factor in zip("XY", by, strict=True):
        size = _number(tag, f"Size{axis}")
        step = _number(tag, f"PhysicalSize{axis}")
        if size is not None:
            tag = _attributes(tag, {f"Size{axis}": str(round(size * factor))})
        if step is not None:
            tag = _attributes(tag, {f"PhysicalSize{axis}": repr(step / factor)})
    return tag


def _number(tag: str, name: str) -> float | None:
    found = re.search(rf"\b{name}\s*=\s*[\"']([^\"']*)[\"']", tag)
    try:
        return float(found[1]) if found else None
    except ValueError:
        return None


def _attributes(tag: str, values: dict[str, str]) -> str:
    """The start tag with these attributes replaced where it has them."""
    for name, value in values.items():
        tag = re.sub(rf"(\b{name}\s*=\s*[\"'])[^\"']*", rf"\g<1>{value}", tag)
    return tag


def _without_other_channels(text: str) -> tuple[str, str]:
    """The text with its first `Channel` alone, and the samples of a pixel that it has."""
    found = list(_CHANNEL.finditer(text))
    for other in reversed(found[1:]):
        text = text[: other.start()] + text[other.end() :]
    samples = _number(found[0][0], "SamplesPerPixel") if found else None
    return text, str(round(samples or 1))


def _listed(text: str, pages: int) -> str:
    """The text whose `Pixels` says that its planes are all pages of the file in turn."""

    def close(found: re.Match[str]) -> str:
        place = f'<{found[1]}TiffData IFD="0" PlaneCount="{pages}"/>'
        return f"{place}</{found[1]}Pixels>"

    text = re.sub(r"<((?:\w+:)?)Pixels\b([^>]*)/>", r"<\1Pixels\2></\1Pixels>", text)
    return re.sub(r"</((?:\w+:)?)Pixels>", close, text)


def _line(text: str, key: str, change: Callable[[str], str]) -> str:
    rows = text.split("\n")
    for number, row in enumerate(rows):
        name, _, value = row.partition("=")
        if name == key:
            try:
                rows[number] = f"{name}={change(value)}"
            except ValueError:
                continue
    return "\n".join(rows)
