"""What stands before the samples of FLAC and MP3 files: comments, pictures, applications' blocks.

A FLAC file begins with blocks of a type, 24 bits of size and bytes (RFC 9639, 8): 0 describes the
samples, 2 belongs to applications, 4 holds comments `NAME=text`, 5 marks that count samples, 6
pictures. An MP3 file may begin with an ID3 tag (id3.org, 2.3 and 2.4): frames of a name, a size and
bytes. Both are copied as they are; a text that they lack is added.
"""

import os
import shutil
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

from undrift.common.files import temporary_beside

Part = tuple[bytes, bytes]  # (type, bytes)
_KEPT, _COMMENTS, _MARKS = (2, 4, 5, 6), 4, 5
_FRAMES = {
    "title": b"TIT2", "artist": b"TPE1", "album": b"TALB", "genre": b"TCON",
    "tracknumber": b"TRCK", "date": b"TDRC", "copyright": b"TCOP", "comment": b"COMM",
}  # fmt: skip
_ID3 = b"ID3"


def read_flac(path: Path) -> tuple[Part, ...]:
    """The blocks to pass on."""
    parts, _ = _blocks(path)
    return tuple((bytes([kind]), data) for kind, data in parts if kind in _KEPT)


def has_comments(carried: Sequence[Part]) -> bool:
    """Whether a block of comments is among the parts of a FLAC file."""
    return any(kind == bytes([_COMMENTS]) for kind, _ in carried)


def write_flac(path: Path, carried: Sequence[Part], tags: Mapping[str, str], ratio: float) -> None:
    """Puts the blocks in the place of the file's own; `ratio` as in `carry.write`."""
    own, start = _blocks(path)
    kept = [(part[0][0], part[1]) for part in carried if ratio == 1 or part[0][0] != _MARKS]
    replaced = {kind for kind, _ in kept}
    blocks = [(kind, data) for kind, data in own if kind not in replaced]
    blocks += [(kind, _told(data, tags) if kind == _COMMENTS else data) for kind, data in kept]
    head = b"fLaC"
    for number, (kind, data) in enumerate(blocks):
        last = 128 * (number == len(blocks) - 1)
        head += bytes([kind + last]) + len(data).to_bytes(3, "big") + data
    _rehead(path, head, start)


def read_id3(path: Path) -> tuple[Part, ...]:
    """The tag at the beginning of an MP3 file."""
    with path.open("rb") as file:
        head = file.read(10)
        return ((_ID3, head + file.read(_unsafe(head[6:]))),)


def write_id3(path: Path, carried: Sequence[Part], tags: Mapping[str, str]) -> None:
    """Puts a tag before an MP3 file that has none."""
    if not carried and not tags:
        return
    tag = carried[0][1] if carried else _ID3 + bytes([4, 0, 0]) + bytes(4)
    _rehead(path, _with_frames(tag, tags), 0)


def _blocks(path: Path) -> tuple[list[tuple[int, bytes]], int]:
    """Type and bytes of each block, and where the samples begin."""
    found, last = [], 0
    with path.open("rb") as file:
        file.read(4)
        while not last and len(head := file.read(4)) == 4:
            last, size = head[0] & 128, int.from_bytes(head[1:], "big")
            found.append((head[0] & 127, file.read(size)))
        return found, file.tell()


def _told(comments: bytes, tags: Mapping[str, str]) -> bytes:
    """A block of comments with the texts that it lacks: vendor, count, `NAME=text` each."""
    at = 4 + struct.unpack_from("<I", comments)[0]
    count = struct.unpack_from("<I", comments, at)[0]
    known = comments.upper()
    added = [
        f"{name.upper()}={text}".encode()
        for name, text in tags.items()
        if f"{name.upper()}=".encode() not in known and name != "software"
    ]
    packed = b"".join(struct.pack("<I", len(text)) + text for text in added)
    return comments[:at] + struct.pack("<I", count + len(added)) + comments[at + 4 :] + packed


def _with_frames(tag: bytes, tags: Mapping[str, str]) -> bytes:
    """An ID3 tag with the texts that it lacks; one of an unusual kind stays as it is."""
    version, flags = tag[3], tag[5]
    if version not in (3, 4) or flags:
        return tag
    at = 10
    while at + 10 <= len(tag) and tag[at]:  # zeros fill the rest
        size = tag[at + 4 : at + 8]
        at += 10 + (_unsafe(size) if version == 4 else int.from_bytes(size, "big"))
    frames = tag[10:at]
    for name, code in _FRAMES.items():
        text = tags.get(name)
        code = b"TYER" if code == b"TDRC" and version == 3 else code
        if text is not None and not _has(frames, code, text):
            frames += _frame(code, text, version)
    size = max(len(frames), len(tag) - 10)
    return tag[:6] + _safe(size) + frames.ljust(size, b"\0")


def _has(frames: bytes, code: bytes, text: str) -> bool:
    if code != b"COMM":  # of comments there may be several
        return code in frames
    return any(text.encode(name, "replace") in frames for name in ("latin-1", "utf-8", "utf-16-le"))


def _frame(code: bytes, text: str, version: int) -> bytes:
    """A frame of text: in UTF-8 (3) for version 4, in UTF-16 with its mark (1) for version 3."""
    kind, name, end = (b"\3", "utf-8", b"\0") if version == 4 else (b"\1", "utf-16", b"\0\0")
    before = b"und" + "".encode(name) + end if code == b"COMM" else b""
    data = kind + before + text.encode(name)
    size = _safe(len(data)) if version == 4 else len(data).to_bytes(4, "big")
    return code + size + b"\0\0" + data


def _rehead(path: Path, head: bytes, start: int) -> None:
    """`head`, then the file from the byte `start` on, in the place of the file."""
    other = temporary_beside(path)
    try:
        with path.open("rb") as old, other.open("wb") as new:
            new.write(head)
            old.seek(start)
            shutil.copyfileobj(old, new, 1 << 20)
        os.replace(other, path)
    except BaseException:
        other.unlink(missing_ok=True)
        raise


def _unsafe(data: bytes) -> int:
    """Seven bits of each byte."""
    return sum((byte & 127) << 7 * (len(data) - 1 - place) for place, byte in enumerate(data))


def _safe(size: int) -> bytes:
    return bytes(size >> shift & 127 for shift in (21, 14, 7, 0))
