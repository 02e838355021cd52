"""What of a file is passed on as it came: chunks of WAV files, and the texts of the others.

A WAV file (RIFF, or RF64 beyond 4 GB: EBU Tech 3306) is a row of chunks, each a name, a size and
bytes. Recorders keep time codes (`bext`, EBU Tech 3285), markers (`cue `, `LIST` of type adtl) and
scene names (`iXML`) there, which libsndfile would drop: from WAV to WAV all chunks but those that
describe the samples are copied. Between other formats the texts libsndfile knows are set.
"""

import contextlib
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from undrift.common.errors import InputError
from undrift.speech.audio.sound import Stored

Chunk = tuple[bytes, bytes]
_OWN = {b"fmt ", b"data", b"fact", b"ds64", b"PEAK", b"JUNK", b"junk", b"PAD ", b"FLLR"}
_PLACES = {b"cue ", b"smpl", b"plst"}  # they count samples of the source's rate
_WAVES = ("WAV", "WAVEX", "RF64")
_LARGEST = 1 << 24  # bytes of one chunk; larger ones are damage
# Sizes of those who write to a pipe and cannot go back: ffmpeg, sox, arecord.
_OPEN_END = (0xFFFFFFFF, 0x80000000, 0x7FFFFFFF, 0x7FFFFFFE, 0x7FFFF000)


def read(path: Path) -> tuple[Chunk, ...]:
    """The chunks to pass on; none for other files than WAV."""
    with path.open("rb") as file:
        return tuple(
            (name, file.read(size))
            for name, size in _chunks(file)
            if name not in _OWN and size <= _LARGEST
        )


def check_whole(path: Path) -> None:
    """Raises InputError for a WAV, AIFF, AU or W64 file shorter than its header says, and for a
    WAV file whose header was never finished."""
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


def tag(file: Any, source: Stored, target: Stored) -> None:
    """Sets the texts of an open soundfile, where they are not copied as chunks."""
    if source.carried and target.format in _WAVES:
        return
    import soundfile

    for name, text in source.tags.items():
        with contextlib.suppress(soundfile.LibsndfileError):  # the format has no place for it
            setattr(file, name, text)


def write(path: Path, source: Stored, target: Stored, ratio: float) -> None:
    """Appends the chunks to a finished WAV file; `ratio` is its rate over the source's.

    The time of writing, which libsndfile puts beside the peaks of floats, becomes 0: equal sounds
    are equal files.
    """
    if target.format in _WAVES:
        _undate(path)
    chunks = [_scaled(chunk, ratio) for chunk in source.carried if _holds(chunk, ratio)]
    if not chunks or target.format not in _WAVES:
        return
    with path.open("r+b") as file:
        if file.read(4) == b"RIFX":  # big-endian sizes; libsndfile writes none of these
            return
        file.seek(0, 2)
        file.write(bytes(file.tell() % 2))
        for name, data in chunks:
            file.write(name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2))
        size = file.tell() - 8
        file.seek(0)
        if file.read(4) == b"RF64":
            file.seek(20)
            file.write(struct.pack("<Q", size))
        else:
            file.write(struct.pack("<I", size))


def _undate(path: Path) -> None:
    with path.open("r+b") as file:
        for name, size in _chunks(file):
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


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
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


def _is_chunk(file: BinaryIO, end: int) -> bool:
    """Whether a chunk stands here that fits into the file."""
    name, size = struct.unpack("<4sI", file.read(8))
    return name.isascii() and name.decode().isprintable() and file.tell() + size <= end


def _announced(file: BinaryIO) -> int | None:
    """The bytes the file says it has, or None where it says nothing."""
    head = file.read(24)
    if head[:4] in (b"RIFF", b"RF64"):
        file.seek(0)
        for name, size in _chunks(file):
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
