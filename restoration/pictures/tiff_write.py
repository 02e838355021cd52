"""Writing one-page TIFF files: any depth, straight alpha, every carried tag.

tifffile writes pixels and plain tags. It cannot write directories, so Exif and GPS are appended
to the finished file and the two placeholders in its first directory are pointed at them.
"""

import struct
from pathlib import Path
from typing import Any

from undrift.restoration.pictures import exif, ifd, provenance, values
from undrift.restoration.pictures.ifd import EXIF, GPS
from undrift.restoration.pictures.picture import Picture, Tag
from undrift.restoration.pictures.tiff_tags import ABOUT, ICC, OWN, XMP, resized

_NAMES = {EXIF: "ExifTag", GPS: "GPSTag"}


def write_tiff(path: Path, picture: Picture) -> None:
    """Writes `picture` with its depth, alpha, metadata and history."""
    from tifffile import TiffWriter

    metadata = picture.metadata
    white = metadata.miniswhite and picture.channels == 1
    pixels = 1.0 - picture.pixels if white else picture.pixels
    depth = picture.depth
    if depth == "bool" and picture.mode != "L":
        depth = "uint8"
    array = values.stored(pixels, picture.alpha, depth, picture.value_range)
    block = metadata.exif
    if block:
        block = exif.with_size(block, picture.width, picture.height)
    about, parts = exif.directories(block)
    tags = [tag for tag in about if tag.code in ABOUT]
    tags = _with_texts(_with_history(tags, metadata.history), picture)
    tags += resized(metadata.tags, metadata.size or (1, 1), (picture.width, picture.height))
    for code, kind, data in ((ICC, 7, metadata.icc), (XMP, 1, metadata.xmp)):
        if data:
            tags.append(Tag(code, kind, len(data), data))
    with TiffWriter(path, byteorder="<", bigtiff=array.nbytes > 2**32 - 2**25) as writer:
        writer.write(
            array,
            photometric="rgb" if picture.channels == 3 else "miniswhite" if white else "minisblack",
            planarconfig="contig" if array.ndim == 3 else None,
            extrasamples=["unassalpha"] if picture.alpha is not None else None,
            compression="zlib" if metadata.compressed and depth != "bool" else None,
            metadata=None,
            software="",
            extratags=[*map(_extra, tags), *((_NAMES[code], 4, 1, 0, True) for code in parts)],
            **_resolution(picture),
        )
    _append_directories(path, parts)


def _extra(tag: Tag) -> tuple[int, int, int, bytes, bool]:
    return tag.code, tag.kind, tag.count, tag.data, True


def _resolution(picture: Picture) -> dict[str, Any]:
    if picture.metadata.resolution is None:
        return {}
    x, y, unit = picture.metadata.resolution
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


def _append_directories(path: Path, parts: dict[int, list[Tag]]) -> None:
    if not parts:
        return
    with path.open("rb+") as file:
        layout, start = ifd.header(file.read(16))
        size = file.seek(0, 2)
        file.write(b"\0" * (size % 2))
        places = {}
        for code, tags in parts.items():
            places[code] = file.tell()
            file.write(ifd.build_directory(tags, places[code], layout))
        file.seek(start)  # tifffile writes the directory before the pixels
        fields = ifd.spots(file.read(2**16 * layout.entry), 0, layout)
        for code, place in places.items():
            file.seek(start + fields[code][2])
            file.write(struct.pack("<I", place))
