"""Whether a file is as long as its header says: libsndfile reads what is left of one in silence."""

import struct
from pathlib import Path
from typing import BinaryIO

from undrift.common.errors import InputError
from undrift.speech.audio import riff

# Sizes of those who write to a pipe and cannot go back: ffmpeg, sox, arecord.
_OPEN_END = (0xFFFFFFFF, 0x80000000, 0x7FFFFFFF, 0x7FFFFFFE, 0x7FFFF000)
_PAGE = 65307  # the largest page of Ogg


def check_whole(path: Path) -> None:
    """Raises InputError for a file that is not.

    WAV, AIFF, AU, W64 and Ogg are shorter than their headers say; a WAV header was never finished.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        announced = _announced(file)
        start = file.tell()  # of the samples of a WAV file
        if announced == start and size - start >= 8 and not _is_chunk(file, size):
            raise InputError(
                f"{path}: announces no samples but holds {size - start} bytes: the recorder "
                f"did not finish it; repair it, such as by sox --ignore-length {path.name} new.wav"
            )
    if announced is not None and announced > size + 1:  # some leave out the byte of padding
        raise InputError(
            f"{path}: holds {size} of the {announced} bytes that it announces: the file is cut "
            "off; take it again from its source"
        )


def _is_chunk(file: BinaryIO, end: int) -> bool:
    """Whether a chunk stands here that fits into the file."""
    name, size = struct.unpack("<4sI", file.read(8))
    return name.isascii() and name.decode().isprintable() and file.tell() + size <= end


def _announced(file: BinaryIO) -> int | None:
    """The bytes the file says it has, or None where it says nothing."""
    head = file.read(24)
    if head[:4] == b"OggS":
        return _last_page(file)
    if head[:4] in (b"RIFF", b"RF64"):
        file.seek(0)
        for name, size in riff.chunks(file):
            if name == b"data":
                return None if size in _OPEN_END else file.tell() + size
        return None
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return struct.unpack_from(">I", head, 4)[0] + 8
    if head[:4] == b".snd":
        start, size = struct.unpack_from(">II", head, 4)
        return None if size in _OPEN_END else start + size
    if head[:4] == b"riff" and len(head) == 24:
        return struct.unpack_from("<Q", head, 16)[0]
    return None


def _last_page(file: BinaryIO) -> int | None:
    """Where the last page of an Ogg file ends: 27 bytes, a table of sizes, the bytes (RFC 3533)."""
    end = file.seek(0, 2)
    start = file.seek(max(0, end - 2 * _PAGE))
    data = file.read()
    at = data.rfind(b"OggS")
    if at < 0 or at + 27 > len(data):
        return None if at < 0 else end + 2
    table = data[at + 27 : at + 27 + data[at + 26]]
    return start + at + 27 + data[at + 26] + sum(table)
