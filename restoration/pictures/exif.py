"""EXIF blocks, changed in place so that maker notes keep their absolute offsets (EXIF 2.32).

Setting a number overwrites it; the longer UserComment gets a new directory at the end of the
block that reuses the old entries byte for byte. Blocks that cannot be read are passed on as
they came: damaged metadata are no reason to refuse a picture.
"""

from undrift.restoration.pictures import ifd, provenance
from undrift.restoration.pictures.ifd import EXIF, GPS, INTEROP, Layout
from undrift.restoration.pictures.picture import Tag

ORIENTATION, DESCRIPTION, COMMENT = 274, 270, 37510
_WIDTH, _HEIGHT = 40962, 40963
_ASCII = b"ASCII\0\0\0"


def get_orientation(block: bytes | None) -> int:
    """1..8; 1 where the block is missing, unreadable or silent."""
    try:
        layout, start = ifd.header(block or b"")
        kind, _, at = ifd.spots(block or b"", start, layout)[ORIENTATION]
        value = layout.unpack("H" if kind == 3 else "I", block or b"", at)[0]
    except (ValueError, KeyError):
        return 1
    return value if 1 <= value <= 8 else 1


def with_size(block: bytes, width: int, height: int) -> bytes:
    """Sets orientation 1 and the recorded size, and unlinks the thumbnail of the old picture."""
    out = bytearray(block)
    try:
        layout, start = ifd.header(block)
        found = ifd.spots(block, start, layout)
        _set(out, layout, found, ORIENTATION, 1)
        end = start + 2 + len(found) * layout.entry
        out[end : end + 4] = bytes(4)  # offset of the thumbnail's directory
        inner = _inner(block, layout, found)
        _set(out, layout, inner, _WIDTH, width)
        _set(out, layout, inner, _HEIGHT, height)
    except ValueError:
        return block
    return bytes(out)


def without_orientation(block: bytes | None) -> bytes | None:
    """The block with orientation 1."""
    if block is None or get_orientation(block) == 1:
        return block
    layout, start = ifd.header(block)
    out = bytearray(block)
    _set(out, layout, ifd.spots(block, start, layout), ORIENTATION, 1)
    return bytes(out)


def get_comment(block: bytes | None) -> str:
    """The UserComment as text, "" where there is none."""
    try:
        layout, start = ifd.header(block or b"")
        inner = ifd.number(_tags(block or b"", start, layout)[EXIF])
        data = _tags(block or b"", inner, layout)[COMMENT].data
    except (ValueError, KeyError):
        return ""
    code, text = data[:8], data[8:]
    if code.startswith(b"UNICODE"):
        encoding = "utf-16-le" if layout.order == "<" else "utf-16-be"
        return text.decode(encoding, "replace").rstrip("\0 ")
    return text.decode("utf-8", "replace").rstrip("\0 ")


def with_comment(block: bytes | None, text: str) -> bytes:
    """The block (a new one for None) with this UserComment."""
    if block is None or not _readable(block):
        block = b"II*\0\x08\0\0\0" + ifd.build_directory([], 8, Layout())
    layout, start = ifd.header(block)
    out = bytearray(block + b"\0" * (len(block) % 2))
    if text.isascii():
        data = _ASCII + text.encode("ascii")
    else:
        encoding = "utf-16-le" if layout.order == "<" else "utf-16-be"
        data = b"UNICODE\0" + text.encode(encoding)
    outer = ifd.spots(block, start, layout)
    inner = layout.unpack("I", block, outer[EXIF][2])[0] if EXIF in outer else None
    at = _append(out, layout, inner, Tag(COMMENT, 7, len(data), data))
    if EXIF in outer:
        field = outer[EXIF][2]
        out[field : field + 4] = layout.pack("I", at)
    else:
        out[4:8] = layout.pack("I", _append(out, layout, start, ifd.pointer(EXIF, at, layout)))
    return bytes(out)


def split_history(block: bytes | None) -> tuple[bytes | None, tuple[str, ...]]:
    """The block without our lines in its UserComment, and those lines."""
    text, history = provenance.split(get_comment(block))
    return (with_comment(block, text) if history else block), history


def transplant(data: ifd.Buffer, tags: list[Tag], carried: list[Tag]) -> bytes | None:
    """An EXIF block from a TIFF file: `carried` tags plus its Exif and GPS directories."""
    layout, _ = ifd.header(data)
    outer = {tag.code: tag for tag in tags}
    parts: dict[int, list[Tag]] = {}
    for code in (EXIF, GPS):
        if code in outer:
            try:
                inner = ifd.read_directory(data, ifd.number(outer[code]), layout)
            except ValueError:
                continue
            parts[code] = [tag for tag in inner if tag.code != INTEROP]
    if not carried and not parts:
        return None
    return assemble(carried, parts, Layout(), 8, b"II*\0\x08\0\0\0")


def assemble(
    outer: list[Tag], parts: dict[int, list[Tag]], layout: Layout, base: int, head: bytes = b""
) -> bytes:
    """`head`, a directory with `outer` and pointers, then the `parts` it points to."""
    blank = [ifd.pointer(code, 0, layout) for code in parts]
    at = base + len(ifd.build_directory([*outer, *blank], base, layout))
    pointers, tail = [], b""
    for code, tags in parts.items():
        pointers.append(ifd.pointer(code, at + len(tail), layout))
        tail += ifd.build_directory(tags, at + len(tail), layout)
    return head + ifd.build_directory([*outer, *pointers], base, layout) + tail


def directories(block: bytes | None) -> tuple[list[Tag], dict[int, list[Tag]]]:
    """The block's main tags without pointers, and its Exif and GPS directories."""
    try:
        layout, start = ifd.header(block or b"")
        outer = _tags(block or b"", start, layout)
        parts = {
            code: ifd.read_directory(block or b"", ifd.number(outer[code]), layout)
            for code in (EXIF, GPS)
            if code in outer
        }
    except ValueError:
        return [], {}
    inner = {code: [t for t in tags if t.code != INTEROP] for code, tags in parts.items()}
    return [tag for code, tag in outer.items() if code not in (EXIF, GPS)], inner


def _readable(block: bytes) -> bool:
    try:
        layout, start = ifd.header(block)
        _inner(block, layout, ifd.spots(block, start, layout))
    except ValueError:
        return False
    return not layout.big


def _tags(block: bytes, start: int, layout: Layout) -> dict[int, Tag]:
    return {tag.code: tag for tag in ifd.read_directory(block, start, layout)}


def _inner(
    block: bytes, layout: Layout, outer: dict[int, tuple[int, int, int]]
) -> dict[int, tuple[int, int, int]]:
    if EXIF not in outer:
        return {}
    return ifd.spots(block, layout.unpack("I", block, outer[EXIF][2])[0], layout)


def _set(
    out: bytearray, layout: Layout, found: dict[int, tuple[int, int, int]], code: int, value: int
) -> None:
    if code in found and found[code][0] in (3, 4):
        kind, _, at = found[code]
        if kind == 4 or value < 65536:
            field = layout.pack("H" if kind == 3 else "I", value)
            out[at : at + len(field)] = field


def _append(out: bytearray, layout: Layout, start: int | None, tag: Tag) -> int:
    """Copies the directory at `start` to the end of the block with one tag set; its new place."""
    entries = {}
    if start is not None:
        for code, (_, _, at) in ifd.spots(out, start, layout).items():
            entries[code] = bytes(out[at - 8 : at + 4])
    base = len(out)
    value_at = base + 2 + 12 * len({*entries, tag.code}) + 4
    value = ifd.swap(tag.data, tag.kind, layout.order)
    field = layout.pack("I", value_at) if len(value) > 4 else value.ljust(4, b"\0")
    entries[tag.code] = layout.pack("HHI", tag.code, tag.kind, tag.count) + field
    out += layout.pack("H", len(entries)) + b"".join(entries[code] for code in sorted(entries))
    out += bytes(4) + (value + b"\0" * (len(value) % 2) if len(value) > 4 else b"")
    return base
