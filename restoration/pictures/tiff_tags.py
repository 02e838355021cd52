"""Which TIFF tags travel with a picture, and how they change with its size.

Description, software, date, artist and the like go into the EXIF block, so that they reach
other formats too; what describes the storage is left behind; everything else is carried as raw
bytes. GeoTIFF tags that relate pixels to the ground follow a change of size (GeoTIFF 1.1, 7.2).
"""

import mmap
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from undrift.restoration.pictures import exif, ifd, provenance
from undrift.restoration.pictures.descriptions import without_shape
from undrift.restoration.pictures.orientation import reset_xmp, turned
from undrift.restoration.pictures.picture import Metadata, Tag

if TYPE_CHECKING:
    from tifffile import TiffPage

ICC, XMP, OWN = 34675, 700, 65111  # OWN: our private tag
ABOUT = {269, 270, 271, 272, 285, 305, 306, 315, 316, 33432, 40091, 40092, 40093, 40094, 40095}
# Storage, thumbnails, statistics of the old numbers, layers of an editor: not carried.
STORAGE = {
    *range(254, 267), 273, 274, 277, 278, 279, 280, 281, 282, 283, 284, *range(288, 294), 296, 297,
    317, 320, *range(322, 326), 330, 332, 333, 334, 336, 338, 339, 340, 341, 347, *range(512, 522),
    *range(529, 533), ifd.EXIF, ifd.GPS, ifd.INTEROP, 32997, 32998, 37724, XMP, ICC, OWN,
}  # fmt: skip

_PIXEL_SCALE, _TIE_POINTS, _MATRIX, _GEO_KEYS = 33550, 33922, 34264, 34735


def read_metadata(path: Path, page: "TiffPage") -> tuple[Metadata, int]:
    """Metadata of one page, turned upright, and the orientation its pixels still have."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        data = memoryview(view)
        try:
            layout, _ = ifd.header(data)
            tags = ifd.read_directory(data, page.offset, layout)
            about, history = _about(tags)
            block = exif.transplant(data, tags, about)
        finally:
            data.release()
    found = {tag.code: tag for tag in tags}
    turn = ifd.number(found[274]) if 274 in found else 1
    xmp = found[XMP].data if XMP in found else None
    size = (page.imagewidth, page.imagelength)
    return Metadata(
        icc=found[ICC].data if ICC in found else None,
        exif=block,
        xmp=reset_xmp(xmp) if turn != 1 else xmp,
        resolution=_resolution(found, turn),
        tags=tuple(tag for tag in tags if tag.code not in STORAGE | ABOUT),
        miniswhite=page.photometric == 0,
        compressed=page.compression != 1,
        size=turned(size, turn),
        history=history,
        order=layout.order,
    ), turn


def _about(tags: list[Tag]) -> tuple[list[Tag], tuple[str, ...]]:
    """Tags that describe the picture, our lines taken out of the description."""
    about: list[Tag] = []
    history: tuple[str, ...] = ()
    for tag in tags:
        if tag.code == 270 and tag.kind == 2:
            stored = tag.data.decode("utf-8", "surrogateescape").rstrip("\0")
            text, history = provenance.split(stored)
            text = without_shape(text)
            data = text.encode("utf-8", "surrogateescape") + b"\0"
            if text:
                about.append(tag if text == stored else Tag(270, 2, len(data), data))
        elif tag.code == OWN:
            history = tuple(tag.data.decode("ascii", "replace").rstrip("\0").split("\n"))
        elif tag.code in ABOUT:
            about.append(tag)
    return about, history


def _resolution(found: dict[int, Tag], turn: int) -> tuple[float, float, str] | None:
    try:
        numbers = [struct.unpack("<II", found[code].data[:8]) for code in (282, 283)]
        x, y = (top / bottom for top, bottom in numbers)
    except (KeyError, struct.error, ZeroDivisionError):
        return None
    unit = {1: "none", 3: "cm"}.get(ifd.number(found[296]) if 296 in found else 2, "inch")
    if unit == "none" and x == y == 1:
        return None
    return (*turned((x, y), turn), unit)


def resized(tags: tuple[Tag, ...], old: tuple[int, int], new: tuple[int, int]) -> list[Tag]:
    """The tags of a picture whose (width, height) went from `old` to `new`."""
    sx, sy = new[0] / old[0], new[1] / old[1]
    if (sx, sy) == (1.0, 1.0):
        return list(tags)
    centre = 0.5 if any(tag.code == _GEO_KEYS and _is_point(tag) for tag in tags) else 0.0
    return [_follow(tag, sx, sy, centre) for tag in tags]


def _is_point(tag: Tag) -> bool:
    """Whether GTRasterTypeGeoKey says that coordinates mean pixel centres."""
    keys = struct.unpack(f"<{tag.count}H", tag.data)
    return any(keys[i] == 1025 and keys[i + 3] == 2 for i in range(4, len(keys) - 3, 4))


def _follow(tag: Tag, sx: float, sy: float, centre: float) -> Tag:
    if tag.code not in (_PIXEL_SCALE, _TIE_POINTS, _MATRIX) or tag.kind != 12:
        return tag
    v = list(struct.unpack(f"<{tag.count}d", tag.data))
    if tag.code == _PIXEL_SCALE:
        v[0], v[1] = v[0] / sx, v[1] / sy
    elif tag.code == _TIE_POINTS:
        for i in range(0, len(v) - 5, 6):
            v[i] = (v[i] + centre) * sx - centre
            v[i + 1] = (v[i + 1] + centre) * sy - centre
    else:
        for row in range(0, 8, 4):  # x = m0 i + m1 j + m3, i = (i' + centre) / sx - centre
            a, b = v[row] / sx, v[row + 1] / sy
            v[row + 3] += centre * (a - v[row] + b - v[row + 1])
            v[row], v[row + 1] = a, b
    return Tag(tag.code, tag.kind, tag.count, struct.pack(f"<{tag.count}d", *v))
