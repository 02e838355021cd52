"""Chunks of WAV files that are passed on as bytes.

A WAV file (RIFF, or RF64 beyond 4 GB: EBU Tech 3306) is a row of chunks, each a name, a size and
bytes. Recorders keep time codes (`bext`, EBU Tech 3285), markers (`cue `, `LIST` of type adtl) and
scene names (`iXML`) there, which libsndfile would drop. All but those that describe the samples are
copied; new texts join the `LIST` of type INFO.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

Chunk = tuple[bytes, bytes]
_OWN = {b"fmt ", b"data", b"fact", b"ds64", b"PEAK", b"JUNK", b"junk", b"PAD ", b"FLLR"}
_PLACES = {b"cue ", b"smpl", b"plst"}  # they count samples of the source's rate
_LARGEST = 1 << 24  # bytes of one chunk; larger ones are damage
_TEXTS = {
    "title": b"INAM", "copyright": b"ICOP", "software": b"ISFT", "artist": b"IART",
    "comment": b"ICMT", "date": b"ICRD", "album": b"IPRD", "tracknumber": b"ITRK",
    "genre": b"IGNR",
}  # fmt: skip


def read(path: Path) -> tuple[Chunk, ...]:
    """The chunks to pass on."""
    with path.open("rb") as file:
        return tuple(
            (name, file.read(size))
            for name, size in chunks(file)
            if name not in _OWN and size <= _LARGEST
        )


def has_texts(carried: Sequence[Chunk]) -> bool:
    """Whether a list of texts is among the chunks."""
    return any(name == b"LIST" and data[:4] == b"INFO" for name, data in carried)


def write(path: Path, carried: Sequence[Chunk], tags: Mapping[str, str], ratio: float) -> None:
    """Appends chunks to a finished WAV file; `ratio` is its rate over the source's.

    Where they hold texts, those of `tags` that are missing are added. The time of writing, which
    libsndfile puts beside the peaks of floats, becomes 0: equal sounds are equal files.
    """
    _undate(path)
    kept = [_scaled(_told(chunk, tags), ratio) for chunk in carried if _holds(chunk, ratio)]
    if not kept:
        return
    with path.open("r+b") as file:
        if file.read(4) == b"RIFX":  # big-endian sizes; libsndfile writes none of these
            return
        file.seek(0, 2)
        file.write(bytes(file.tell() % 2))
        for name, data in kept:
            file.write(_packed(name, data))
        size = file.tell() - 8
        file.seek(0)
        if file.read(4) == b"RF64":
            file.seek(20)
            file.write(struct.pack("<Q", size))
        else:
            file.write(struct.pack("<I", size))


def chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Names and sizes of a WAV file's chunks, the file standing at their bytes."""
    head = file.read(12)
    if head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
        return
    large: int | None = None
    while len(head := file.read(8)) == 8:
        name, size = head[:4], struct.unpack("<I", head[4:])[0]
        start = file.tell()
        if name == b"ds64":
            large = struct.unpack("<8xQ", file.read(16))[0]
            file.seek(start)
        if name == b"data" and size == 0xFFFFFFFF and large is not None:
            size = large
        yield name, size
        file.seek(start + size + size % 2)


def _packed(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def _told(chunk: Chunk, tags: Mapping[str, str]) -> Chunk:
    """The chunk; a list of texts with those that it lacks."""
    name, data = chunk
    if not has_texts([chunk]):
        return chunk
    data += bytes(len(data) % 2)
    for key, code in _TEXTS.items():
        if key in tags and code not in data:
            data += _packed(code, tags[key].encode() + b"\0")
    return name, data


def _undate(path: Path) -> None:
    with path.open("r+b") as file:
        for name, size in chunks(file):
            if name == b"PEAK" and size >= 8:  # version, time in seconds, then the peaks
                file.seek(4, 1)
                file.write(bytes(4))
                return


def _holds(chunk: Chunk, ratio: float) -> bool:
    """Whether the chunk is still true at the new rate."""
    name, data = chunk
    return ratio == 1 or not (name in _PLACES or (name == b"LIST" and data[:4] == b"adtl"))


def _scaled(chunk: Chunk, ratio: float) -> Chunk:
    """The chunk; of `bext` the first sample's count since midnight at the new rate."""
    name, data = chunk
    if ratio == 1 or name != b"bext" or len(data) < 346:
        return chunk
    count = struct.unpack_from("<Q", data, 338)[0]
    return name, data[:338] + struct.pack("<Q", round(count * ratio)) + data[346:]
