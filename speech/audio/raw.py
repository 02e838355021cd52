"""PCM without a header, as programs hand it to each other through pipes.

    sox talk.wav -t raw -e signed -b 16 - | undrift speech ... | aplay -f S16_LE -r 16000

Numbers are little-endian, channels interleaved. The bytes say nothing of rate, channels or type:
whoever opens them must.
"""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from undrift.common.errors import InputError, UsageError, nearest
from undrift.speech.audio.reading import Reader
from undrift.speech.audio.sound import Samples, Stored, to_steps

_TYPES = {"PCM_U8": "u1", "PCM_16": "<i2", "PCM_24": "u1", "PCM_32": "<i4", "FLOAT": "<f4",
          "DOUBLE": "<f8"}  # fmt: skip
_BYTES = {"PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}


@dataclass(frozen=True)
class Raw:
    """What bare samples are. subtype: PCM_U8, PCM_16, PCM_24, PCM_32, FLOAT or DOUBLE.

    Raises UsageError for another subtype, InputError for a rate or channels that are not positive.
    """

    rate: int
    channels: int = 1
    subtype: str = "PCM_16"

    def __post_init__(self) -> None:
        if self.subtype not in _TYPES:
            hint = nearest(self.subtype, _TYPES) or f"; known: {', '.join(_TYPES)}"
            raise UsageError(f"unknown subtype of raw samples '{self.subtype}'{hint}")
        if min(self.rate, self.channels) < 1:
            raise InputError(
                f"expected a positive rate and number of channels, got {self.rate}, {self.channels}"
            )

    @property
    def frame(self) -> int:
        """Bytes of one sample of all channels."""
        return _BYTES[self.subtype] * self.channels

    def decode(self, data: bytes) -> Samples:
        """Whole frames as (channels, n) float32, full scale 1."""
        numbers = np.frombuffer(data, _TYPES[self.subtype])
        if self.subtype == "PCM_24":
            wide = np.zeros((len(numbers) // 3, 4), np.uint8)
            wide[:, 1:] = numbers.reshape(-1, 3)
            numbers = wide.view("<i4")[:, 0]
        if self.subtype == "PCM_U8":
            values = (numbers.astype(np.float32) - 128) / 128
        elif self.subtype in ("FLOAT", "DOUBLE"):
            values = numbers.astype(np.float32)
        else:
            bits = 16 if self.subtype == "PCM_16" else 32
            values = numbers / 2.0 ** (bits - 1)
        return np.ascontiguousarray(values.reshape(-1, self.channels).T, np.float32)

    def encode(self, block: Samples) -> bytes:
        """The bytes of (channels, n): integers rounded to the nearest, ends of the range kept."""
        flat = np.ascontiguousarray(block.T).ravel()
        if self.subtype in ("FLOAT", "DOUBLE"):
            return flat.astype(_TYPES[self.subtype]).tobytes()
        steps = to_steps(flat, 8 * _BYTES[self.subtype])
        if self.subtype == "PCM_U8":
            return (steps + 128).astype(np.uint8).tobytes()
        if self.subtype == "PCM_24":
            return steps.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
        return steps.astype(_TYPES[self.subtype]).tobytes()


def read_raw(stream: BinaryIO, raw: Raw, size: int) -> Iterator[Samples]:
    """Yields (channels, size) as they arrive, the last block shorter.

    Raises InputError where the stream ends within a sample.
    """
    while data := _read(stream, size * raw.frame):
        if len(data) % raw.frame:
            raise InputError(
                f"the stream ends within a sample: {len(data) % raw.frame} bytes of {raw.frame}; "
                "are the channels and the subtype right?"
            )
        yield raw.decode(data)


@contextmanager
def spooled(stream: BinaryIO, raw: Raw) -> Iterator[Reader]:
    """A `Reader` of a whole stream, kept in a temporary file, for what needs two passes."""
    with tempfile.NamedTemporaryFile(suffix=".raw", delete=False) as file:
        shutil.copyfileobj(stream, file)
    path = Path(file.name)
    try:
        yield RawReader(path, raw)
    finally:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


class RawReader(Reader):
    """A file of bare samples. Raises InputError where it does not hold whole frames."""

    def __init__(self, path: Path, raw: Raw):
        super().__init__(path)
        size = path.stat().st_size
        if size % raw.frame:
            raise InputError(
                f"{path}: {size} bytes are no multiple of {raw.frame} ({raw.channels} channels of "
                f"{raw.subtype}); are the channels and the subtype right?"
            )
        self.raw = raw
        self.rate, self.channels, self.frames = raw.rate, raw.channels, size // raw.frame
        self.stored = Stored("RAW", raw.subtype, "LITTLE")

    def _decode(self, size: int) -> Iterator[Samples]:
        with self.path.open("rb") as file:
            yield from read_raw(file, self.raw, size)


def _read(stream: BinaryIO, size: int) -> bytes:
    """So many bytes, fewer at the end only: a pipe gives what it has."""
    parts: list[bytes] = []
    while size and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
