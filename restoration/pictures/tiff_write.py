"""Writing TIFF files of one or more pages: any depth, straight alpha, every carried tag.

tifffile writes pixels and plain tags. It cannot write directories, so Exif and GPS are appended
to the finished file and the two placeholders in the directory of each page are pointed at them.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np

from undrift.restoration.pictures import descriptions, exif, ifd, provenance, values
from undrift.restoration.pictures.ifd import EXIF, GPS
from undrift.restoration.pictures.picture import Picture, Tag
from undrift.restoration.pictures.tiff_tags import ABOUT, ICC, OWN, XMP, resized

_NAMES = {EXIF: "ExifTag", GPS: "GPSTag"}


def write_tiff(path: Path, picture: Picture) -> None:
    """Writes `picture` with its depth, alpha, metadata and history."""
    with TiffPages(path, 1) as pages:
        pages.add(picture)


class TiffPages:
    """A file that grows page by page; `with` finishes it. count: pages that will come."""

    def __init__(self, path: Path, count: int):
        self.path, self.count = path, count
        self._writer: Any = None
        self._parts: dict[int, dict[int, list[Tag]]] = {}
        self._added = 0

    def __enter__(self) -> "TiffPages":
        return self

    def __exit__(self, *error: object) -> None:
        if self._writer is not None:
            self._writer.close()
        if self._parts and error[0] is None:
            _append_directories(self.path, self._parts)

    def add(self, picture: Picture) -> None:
        """Writes the next page."""
        metadata = picture.metadata
        white = metadata.miniswhite and picture.channels == 1
        pixels = 1.0 - picture.pixels if white else picture.pixels
        depth = stored_depth(picture)
        array = values.stored(pixels, picture.alpha, depth, picture.value_range)
        self.add_stored(array, picture, array.shape, array.dtype)

    def add_stored(
        self, data: Any, picture: Picture, shape: tuple[int, ...], dtype: Any, **options: Any
    ) -> None:
        """Writes a page of numbers as they are stored; `picture` says all the rest."""
        from tifffile import TiffWriter

        metadata = picture.metadata
        white = metadata.miniswhite and picture.channels == 1
        tags, parts = _tags(picture)
        if self._writer is None:
            size = self.count * math.prod(shape) * np.dtype(dtype).itemsize
            order = ">" if metadata.order == ">" else "<"
            big = size > 2**32 - 2**25
            self._writer = TiffWriter(self.path, byteorder=order, bigtiff=big)
        packed = metadata.compressed and np.dtype(dtype) != bool
        colour = "rgb" if picture.channels == 3 else "miniswhite" if white else "minisblack"
        self._writer.write(
            data,
            photometric=colour,
            planarconfig="contig" if len(shape) == 3 else None,
            extrasamples=["unassalpha"] if picture.alpha is not None else None,
            compression="zlib" if packed else None,
            metadata=None,
            software="",
            extratags=[
                *(_extra(tag, metadata.order) for tag in tags),
                *((_NAMES[code], 4, 1, 0, True) for code in parts),
            ],
            **_resolution(picture),
            **({} if isinstance(data, np.ndarray) else {"shape": shape, "dtype": dtype}),
            **options,
        )
        if parts:
            self._parts[self._added] = parts
        self._added += 1


def stored_depth(picture: Picture) -> str:
    """The type of the numbers in the file: bits are for plain grey alone."""
    return "uint8" if picture.depth == "bool" and picture.mode != "L" else picture.depth


def _tags(picture: Picture) -> tuple[list[Tag], dict[int, list[Tag]]]:
    """Plain tags, and the Exif and GPS directories."""
    metadata = picture.metadata
    block = metadata.exif
    if block:
        block = exif.with_size(block, picture.width, picture.height)
    about, parts = exif.directories(block)
    tags = [_true(tag, picture) for tag in about if tag.code in ABOUT]
    tags = _with_texts(_with_history(tags, metadata.history), picture)
    tags += resized(metadata.tags, metadata.size or (1, 1), (picture.width, picture.height))
    for code, kind, data in ((ICC, 7, metadata.icc), (XMP, 1, metadata.xmp)):
        if data:
            tags.append(Tag(code, kind, len(data), data))
    return tags, parts


def _true(tag: Tag, picture: Picture) -> Tag:
    """The description with the sizes that hold now."""
    if tag.code != 270 or tag.kind != 2:
        return tag
    text = tag.data.decode("utf-8", "surrogateescape").rstrip("\0")
    changed = descriptions.enlarged(text, _grown(picture))
    return tag if changed == text else _text_tag(270, changed)


def _grown(picture: Picture) -> tuple[float, float]:
    old = picture.metadata.size or (picture.width, picture.height)
    return picture.width / old[0], picture.height / old[1]


def description(picture: Picture) -> str:
    """What the file says of itself, "" where it says nothing."""
    about, _ = exif.directories(picture.metadata.exif)
    found = next((tag.data for tag in about if tag.code == 270), b"")
    return found.decode("utf-8", "surrogateescape").rstrip("\0")


def _extra(tag: Tag, order: str) -> tuple[int, int, int, bytes, bool]:
    return tag.code, tag.kind, tag.count, ifd.swap(tag.data, tag.kind, order), True


def _resolution(picture: Picture) -> dict[str, Any]:
    if picture.metadata.resolution is None:
        return {}
    x, y, unit = picture.metadata.resolution
    if descriptions.is_calibrated(description(picture)):  # pixels of the object, not of a print
        x, y = x * _grown(picture)[0], y * _grown(picture)[1]
    return {
        "resolution": (x, y),
        "resolutionunit": {"inch": "inch", "cm": "centimeter", "none": "none"}[unit],
    }


def _text_tag(code: int, text: str) -> Tag:
    data = text.encode("utf-8", "surrogateescape") + b"\0"
    return Tag(code, 2, len(data), data)


def _with_history(tags: list[Tag], history: tuple[str, ...]) -> list[Tag]:
    """Our lines at the end of the description; beside it where it is XML or JSON."""
    if not history:
        return tags
    old = next((tag for tag in tags if tag.code == 270), None)
    text = old.data.decode("utf-8", "surrogateescape").rstrip("\0") if old else ""
    if text.lstrip().startswith(("<", "{")):
        return [*tags, _text_tag(OWN, "\n".join(history))]
    others = [tag for tag in tags if tag.code != 270]
    return [*others, _text_tag(270, provenance.join(text, history))]


def _with_texts(tags: list[Tag], picture: Picture) -> list[Tag]:
    """The texts of a PNG or the comment of a JPEG become the description of a TIFF without one."""
    metadata = picture.metadata
    rows = [f"{key}: {text}" for key, text in metadata.text]
    if metadata.comment:
        rows.append(metadata.comment.decode("utf-8", "replace"))
    if not rows:
        return tags
    if not any(tag.code == 270 for tag in tags):
        return [*tags, _text_tag(270, "\n".join(rows))]
    return tags


def _append_directories(path: Path, pages: dict[int, dict[int, list[Tag]]]) -> None:
    """Appends Exif and GPS of the pages with these numbers, and points the pages at them."""
    with path.open("rb+") as file:
        layout, start = ifd.header(file.read(16))
        for number in range(max(pages) + 1):
            file.seek(start)
            count = layout.unpack(layout.counter, file.read(8), 0)[0]
            file.seek(start)
            data = file.read(8 + count * layout.entry + 8)
            fields = ifd.spots(data, 0, layout)
            for code, tags in pages.get(number, {}).items():
                size = file.seek(0, 2)
                file.write(b"\0" * (size % 2))
                place = file.tell()
                file.write(ifd.build_directory(tags, place, layout))
                file.seek(start + fields[code][2])
                file.write(layout.pack("I", place))
            head = 8 if layout.big else 2
            start = layout.unpack("O", data, head + count * layout.entry)[0]
