"""Directories of tags, as TIFF files and EXIF blocks hold them (TIFF 6.0, section 2; BigTIFF).

Both are the same structure: a header, then directories of (code, type, count, value or offset).
Reading turns values into little-endian bytes; building writes a directory anywhere in a file,
so that tags can be carried from one container into another without understanding them.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from undrift.restoration.pictures.picture import Tag

Buffer = bytes | bytearray | memoryview
EXIF, GPS, INTEROP = 34665, 34853, 40965
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_SIZES |= {13: 4, 16: 8, 17: 8, 18: 8}
_WORDS = {**_SIZES, 5: 4, 10: 4}  # rationals are two words


@dataclass(frozen=True)
class Layout:
    """Byte order ("<" or ">") and whether offsets have 64 bits (BigTIFF)."""

    order: str = "<"
    big: bool = False

    @property
    def word(self) -> int:
        """Bytes of an offset."""
        return 8 if self.big else 4

    def pack(self, code: str, *numbers: int) -> bytes:
        """struct.pack in this byte order; `O` stands for an offset."""
        return struct.pack(self.order + code.replace("O", "Q" if self.big else "I"), *numbers)

    def unpack(self, code: str, data: Buffer, start: int) -> tuple[int, ...]:
        """struct.unpack_from in this byte order; ValueError past the end of the data."""
        code = self.order + code.replace("O", "Q" if self.big else "I")
        if start < 0 or start + struct.calcsize(code) > len(data):
            raise ValueError("a directory of tags runs past the end of the file")
        return struct.unpack_from(code, data, start)

    @property
    def entry(self) -> int:
        """Bytes of a directory entry."""
        return 20 if self.big else 12

    @property
    def counter(self) -> str:
        """How a directory counts its entries."""
        return "Q" if self.big else "H"


def header(data: Buffer) -> tuple[Layout, int]:
    """Layout and the offset of the first directory; ValueError where there is no header."""
    order = {b"II": "<", b"MM": ">"}.get(bytes(data[:2]))
    if order is None or len(data) < 8:
        raise ValueError("no TIFF header")
    version = struct.unpack_from(order + "H", data, 2)[0]
    if version not in (42, 43):
        raise ValueError("no TIFF header")
    layout = Layout(order, version == 43)
    return layout, layout.unpack("O", data, 8 if layout.big else 4)[0]


def swap(data: bytes, kind: int, order: str) -> bytes:
    """Values of a TIFF type between little-endian and byte order `order` (its own inverse)."""
    width = _WORDS.get(kind, 1)
    if order == "<" or width == 1:
        return data
    return np.frombuffer(data, dtype=f"u{width}").byteswap().tobytes()


def spots(data: Buffer, start: int, layout: Layout) -> dict[int, tuple[int, int, int]]:
    """Directory at `start` -> {code: (type, count, offset of the value field)}; the first wins."""
    count = layout.unpack(layout.counter, data, start)[0]
    first = start + struct.calcsize("=" + layout.counter)
    if first + count * layout.entry > len(data):
        raise ValueError("a directory of tags runs past the end of the file")
    found: dict[int, tuple[int, int, int]] = {}
    for i in range(count):
        at = first + i * layout.entry
        code, kind, items = layout.unpack("HHO", data, at)
        found.setdefault(code, (kind, items, at + 4 + layout.word))
    return found


def read_directory(data: Buffer, start: int, layout: Layout) -> list[Tag]:
    """All tags of the directory at `start`; values that lie outside the data are left out."""
    tags = []
    for code, (kind, count, at) in spots(data, start, layout).items():
        size = _SIZES.get(kind, 0) * count
        if size > layout.word:
            at = layout.unpack("O", data, at)[0]
        if size and at + size <= len(data):
            value = swap(bytes(data[at : at + size]), kind, layout.order)
            tags.append(Tag(code, kind, count, value))
    return tags


def build_directory(tags: Sequence[Tag], base: int, layout: Layout) -> bytes:
    """Bytes of a directory that will lie at offset `base`: entries, then the longer values."""
    tags = sorted(tags, key=lambda tag: tag.code)
    head = layout.pack(layout.counter, len(tags))
    tail_at = base + len(head) + len(tags) * layout.entry + layout.word
    tail = b""
    for tag in tags:
        value = swap(tag.data, tag.kind, layout.order)
        if len(value) > layout.word:
            field = layout.pack("O", tail_at + len(tail))
            tail += value + b"\0" * (len(value) % 2)
        else:
            field = value.ljust(layout.word, b"\0")
        head += layout.pack("HHO", tag.code, tag.kind, tag.count) + field
    return head + layout.pack("O", 0) + tail


def pointer(code: int, offset: int, layout: Layout) -> Tag:
    """A tag that points to another directory."""
    if layout.big:
        return Tag(code, 16, 1, struct.pack("<Q", offset))
    return Tag(code, 4, 1, struct.pack("<I", offset))


def number(tag: Tag) -> int:
    """First value of an integer tag."""
    return int.from_bytes(tag.data[: _SIZES[tag.kind]], "little")
