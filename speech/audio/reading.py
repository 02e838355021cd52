"""Sound files read in blocks, so that hours need no more memory than seconds.

What soundfile (libsndfile) does not know goes to PyAV (extra `audio`), see `decoding`. A file that
holds fewer samples than it says, or a sample that is no finite number, is an error that says where.
"""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from undrift.common.errors import InputError
from undrift.speech.audio import carry, decoding
from undrift.speech.audio.sound import Audio, Samples, Stored
from undrift.speech.audio.whole import check_whole

_READ = 65536  # samples a channel at once
_UNKNOWN = 1 << 60  # libsndfile's way to say that a stream names no length


class Reader(ABC):
    """A sound file, for `with`.

    path, rate (samples a second), channels, frames (samples a channel), stored: how it is kept.
    `blocks` may be called again and starts over each time: first to measure, then to work.
    """

    def __init__(self, path: Path):
        self.path = path
        self.stored: Stored
        self.rate: int
        self.channels: int
        self.frames: int

    @property
    def seconds(self) -> float:
        """The duration."""
        return self.frames / self.rate

    def blocks(self, size: int) -> Iterator[Samples]:
        """Yields (channels, size) float32 until the last block, which is shorter; none if empty.

        Raises InputError where samples are missing, damaged or not finite.
        """
        start = 0
        for block in self._decode(size):
            if not np.isfinite(block).all():
                raise _not_finite(self.path, block, start, self.rate)
            start += block.shape[1]
            yield block
        if start != self.frames:
            raise _cut_off(self.path, start, self.frames)

    def read(self) -> Audio:
        """The whole file. Raises InputError like `blocks`."""
        parts = [np.zeros((self.channels, 0), np.float32), *self.blocks(_READ)]
        return Audio(np.concatenate(parts, 1), self.rate, self.stored)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> Literal[False]:
        """Nothing is held between passes: each opens its file anew and closes it."""
        return False

    @abstractmethod
    def _decode(self, size: int) -> Iterator[Samples]:
        """Blocks of (channels, size) as the file has them; the last may be shorter."""


def open_audio(path: str | Path) -> Reader:
    """Opens a sound file.

    Raises InputError for what is missing, empty, cut off or no sound, and MissingExtraError where
    only the extra `audio` can decode it.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if not path.stat().st_size:
        raise InputError(f"{path}: the file is empty (0 bytes); take it again from its source")
    if decoding.is_ours(path):
        return _Decoded(path)
    return _SoundFile(path)


def read_audio(path: str | Path) -> Audio:
    """A whole sound file as float32 (channels, n). Raises what `open_audio` and `blocks` raise."""
    with open_audio(path) as reader:
        return reader.read()


class _SoundFile(Reader):
    """By libsndfile; every pass opens the file anew, since some codecs cannot go back."""

    def __init__(self, path: Path):
        super().__init__(path)
        check_whole(path)
        self._library: Any = importlib.import_module("soundfile")
        try:
            with self._library.SoundFile(str(path)) as file:
                self.rate, self.channels, self.frames = file.samplerate, file.channels, file.frames
                kept = file.format, file.subtype, file.endian, file.copy_metadata()
        except self._library.LibsndfileError as error:
            raise decoding.unreadable(path, str(error)) from error
        self.stored = Stored(*kept, carry.read(path))
        if self.frames > _UNKNOWN:
            self.frames = sum(block.shape[1] for block in self._decode(_READ))

    def _decode(self, size: int) -> Iterator[Samples]:
        try:
            with self._library.SoundFile(str(self.path)) as file:
                while len(block := file.read(size, dtype="float32", always_2d=True)):
                    yield np.ascontiguousarray(block.T)
        except self._library.LibsndfileError as error:
            told = getattr(error, "error_string", "") or str(error)
            raise InputError(
                f"{self.path}: cannot be decoded to its end ({told.strip()}): the file is damaged "
                "or cut off; take it again from its source"
            ) from error


class _Decoded(Reader):
    """By PyAV."""

    def __init__(self, path: Path):
        super().__init__(path)
        self.rate, self.channels, self.frames, self.stored = decoding.probe(path)

    def _decode(self, size: int) -> Iterator[Samples]:
        return decoding.blocks(self.path, size)


def _not_finite(path: Path, block: Samples, start: int, rate: int) -> InputError:
    channel, at = (int(i) for i in np.argwhere(~np.isfinite(block))[0])
    return InputError(
        f"{path}: the sample at {(start + at) / rate:.4f} s of channel {channel + 1} is "
        f"{block[channel, at]}, expected finite numbers; cut it out or set it to 0"
    )


def _cut_off(path: Path, got: int, expected: int) -> InputError:
    return InputError(
        f"{path}: holds {got} of the {expected} samples that it announces: the file is cut off; "
        "take it again from its source"
    )
