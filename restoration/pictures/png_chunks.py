"""The container of a PNG: a signature, then chunks of length, name, data and checksum.

Reading checks every length and checksum, so a truncated or damaged file is found before its
pixels are used (PNG specification, 5 and 11).
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import IO

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_XMP = b"XML:com.adobe.xmp"
_LIMIT = 2**26  # bytes of one inflated text or profile
_PIECE = 2**20  # bytes of a chunk read at a time

Chunk = tuple[bytes, bytes]


def read_chunks(data: bytes) -> list[Chunk]:
    """All chunks up to IEND. ValueError says where the file stops or is damaged."""
    places = walk(BytesIO(data), len(data))
    return [(name, data[start : start + length]) for name, start, length in places]


def walk(file: IO[bytes], size: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, place and length of the body of each chunk of a file of `size` bytes, all checked."""
    at, name = len(SIGNATURE), b""
    while name != b"IEND":
        if at + 12 > size:
            raise ValueError(f"the file is truncated: it ends after {size} bytes without IEND")
        file.seek(at)
        length, name = struct.unpack(">I4s", file.read(8))
        if at + 12 + length > size:
            raise ValueError(
                f"the file is truncated: it ends after {size} bytes inside its chunk {name!r}"
            )
        check = zlib.crc32(name)
        for piece in pieces(file, at + 8, length):
            check = zlib.crc32(piece, check)
        if check != struct.unpack(">I", file.read(4))[0]:
            raise ValueError(f"the file is damaged: wrong checksum in its chunk {name!r}")
        if at == len(SIGNATURE) and (name, length) != (b"IHDR", 13):
            raise ValueError("the file is damaged: it does not begin with its header IHDR")
        yield name, at + 8, length
        at += 12 + length


def pieces(file: IO[bytes], start: int, length: int) -> Iterator[bytes]:
    """The bytes [start, start + length) of a file, a megabyte at a time."""
    file.seek(start)
    while length > 0 and (piece := file.read(min(length, _PIECE))):
        yield piece
        length -= len(piece)


def chunk(name: bytes, body: bytes) -> bytes:
    """One chunk as it lies in the file."""
    return struct.pack(">I4s", len(body), name) + body + struct.pack(">I", zlib.crc32(name + body))


def inflate(data: bytes, limit: int = _LIMIT) -> bytes:
    """Inflates at most `limit` bytes; ValueError for damaged data or more of them."""
    worker = zlib.decompressobj()
    try:
        out = worker.decompress(data, limit)
    except zlib.error as error:
        raise ValueError(f"the file is damaged: {error}") from error
    if worker.unconsumed_tail and worker.decompress(worker.unconsumed_tail, 1):
        raise ValueError(f"the file is damaged: more than {limit} bytes where fewer belong")
    return out


def read_profile(body: bytes) -> bytes:
    """iCCP -> the ICC profile."""
    return inflate(body.partition(b"\0")[2][1:])


def profile_chunk(icc: bytes) -> bytes:
    """The ICC profile as iCCP."""
    return chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc))


def read_texts(chunks: Iterable[Chunk]) -> tuple[list[tuple[str, str]], bytes | None]:
    """(texts as (keyword, text), XMP packet or None); unreadable texts are left out."""
    texts, xmp = [], None
    for name, body in chunks:
        key, _, rest = body.partition(b"\0")
        try:
            if name == b"tEXt":
                texts.append((key.decode("latin-1"), rest.decode("latin-1")))
            elif name == b"zTXt":
                texts.append((key.decode("latin-1"), inflate(rest[1:]).decode("latin-1")))
            elif name == b"iTXt":
                packed, rest = rest[:1], rest[2:].split(b"\0", 2)[2]
                raw = inflate(rest) if packed == b"\1" else rest
                if key == _XMP:
                    xmp = raw
                else:
                    texts.append((key.decode("latin-1"), raw.decode("utf-8")))
        except (ValueError, IndexError):
            continue
    return texts, xmp


def text_chunk(key: str, text: str) -> bytes:
    """A text as tEXt where Latin-1 can hold it, else as iTXt. Keywords have 79 letters."""
    name = key.encode("latin-1", "replace")[:79] or b"Comment"
    try:
        return chunk(b"tEXt", name + b"\0" + text.replace("\0", "").encode("latin-1"))
    except UnicodeEncodeError:
        return chunk(b"iTXt", name + b"\0\0\0\0\0" + text.encode("utf-8"))


def xmp_chunk(xmp: bytes) -> bytes:
    """The XMP packet."""
    return chunk(b"iTXt", _XMP + b"\0\0\0\0\0" + xmp)
