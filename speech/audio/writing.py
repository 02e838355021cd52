"""Sound files written in blocks: whole or absent, with the source's format, subtype and tags.

Integers are rounded here, to the nearest step of 2**(1 - bits), since libsndfile would cut
towards minus infinity; a number read from a file of the same depth comes back unchanged. What lies
beyond full scale fits floats only: elsewhere the peaks are limited (see `limiter`), or refused,
never cut off in silence.
"""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.errors import InputError, UndriftError, UsageError
from undrift.common.files import replacing
from undrift.speech.audio import carry
from undrift.speech.audio.formats import BITS, BYTES, FLOATS, choose
from undrift.speech.audio.sound import Audio, Samples, Sound, Stored, to_steps
from undrift.speech.limiter import Limiter

PEAKS = ("limit", "error")
RIFF_LIMIT = 0xFFFFFFFF - 65536  # bytes of samples that a WAV file certainly holds
_AT_ONCE = 65536  # samples: libvorbis keeps what it is given on the stack
_NEVER_EMPTY = ("FLAC", "MP3", "OGG")


class Writer:
    """Takes blocks (channels, n) float32; made by `create_audio`.

    frames: samples a channel so far. peak: the largest |sample| offered. limited: samples a channel
    that the limiter made smaller (0: the output is what was offered). reduction_db: the most taken.
    """

    def __init__(self, file: Any, stored: Stored, rate: int, channels: int, peaks: str):
        self.stored, self.rate, self.channels = stored, rate, channels
        self.frames, self.peak, self.limited, self.reduction_db = 0, 0.0, 0, 0.0
        self._file = file
        bounded = stored.subtype not in FLOATS
        self._refuse = bounded and peaks == "error"
        self._limiter = Limiter(rate) if bounded and peaks == "limit" else None

    def write(self, block: Samples) -> None:
        """Appends samples (channels, n), n >= 0.

        Raises InputError for another shape, for numbers that are not finite, and for peaks beyond
        full scale where they are refused.
        """
        if block.ndim != 2 or block.shape[0] != self.channels:
            raise InputError(f"expected a block ({self.channels}, n), got {block.shape}")
        if not block.shape[1]:
            return
        peak = float(np.abs(block).max())
        if not np.isfinite(peak):
            raise InputError("a block holds numbers that are not finite")
        self.peak = max(self.peak, peak)
        self.frames += block.shape[1]
        if self._refuse and peak > 1:
            raise InputError(
                f"a peak of {20 * np.log10(peak):+.2f} dB does not fit {self.stored.subtype}; "
                "write floats, limit the peaks, or lower the level"
            )
        self._put(self._limiter.push(block) if self._limiter else block)

    def _end(self) -> None:
        if self._limiter:
            self._put(self._limiter.finish())
            self.limited, self.reduction_db = self._limiter.limited, self._limiter.reduction_db

    def _put(self, block: Samples) -> None:
        bits = BITS.get(self.stored.subtype)
        for start in range(0, block.shape[1], _AT_ONCE):
            self._file.write(_numbers(block[:, start : start + _AT_ONCE].T, bits))


@contextmanager
def create_audio(
    path: str | Path,
    like: Sound,
    *,
    rate: int | None = None,
    channels: int | None = None,
    frames: int | None = None,
    subtype: str | None = None,
    peaks: str = "limit",
) -> Iterator[Writer]:
    """Opens a file to write; after the `with` block it is whole, after an error it is absent.

    like: rate, channels, subtype, tags and expected frames are taken from it where not given.
    The format follows the suffix. frames: the exact number of samples that will be written.
    peaks: what happens beyond full scale: "limit" or "error"; floats hold it and keep it.
    A WAV file that does not fit 4 GB becomes RF64.

    Raises UsageError for a format or subtype nobody can write, InputError for a rate or a number
    of channels the format cannot hold, and UndriftError if other than `frames` samples came.
    """
    if peaks not in PEAKS:
        raise UsageError(f"unknown treatment of peaks '{peaks}'; known: {', '.join(PEAKS)}")
    path, rate, channels = Path(path), rate or like.rate, channels or like.channels
    stored = choose(path, like.stored, subtype)
    expected = like.frames if frames is None else frames
    stored = _large(stored, expected * channels)
    with replacing(path) as part:
        file = _opened(part, path, stored, rate, channels)
        with file:
            carry.tag(file, like.stored, stored)
            writer = Writer(file, stored, rate, channels, peaks)
            yield writer
            writer._end()
        if frames is not None and writer.frames != frames:
            raise UndriftError(f"{path}: {writer.frames} samples were made, expected {frames}")
        if not writer.frames and stored.format in _NEVER_EMPTY:
            raise InputError(f"{path}: {stored.format} cannot hold 0 samples; write a WAV file")
        carry.write(part, like.stored, stored, rate / like.rate)


def write_audio(
    path: str | Path, audio: Audio, *, subtype: str | None = None, peaks: str = "limit"
) -> Writer:
    """Writes a whole sound; returns what the writer found. Raises what `create_audio` raises."""
    with create_audio(path, audio, frames=audio.frames, subtype=subtype, peaks=peaks) as writer:
        writer.write(audio.samples)
    return writer


def _large(stored: Stored, numbers: int) -> Stored:
    """RF64 where the samples do not fit a WAV file."""
    size = numbers * BYTES.get(stored.subtype, 1)
    if stored.format in ("WAV", "WAVEX") and size > RIFF_LIMIT:
        return replace(stored, format="RF64", endian="FILE")
    return stored


def _opened(part: Path, path: Path, stored: Stored, rate: int, channels: int) -> Any:
    library = importlib.import_module("soundfile")
    try:
        return library.SoundFile(
            str(part), "w", rate, channels, stored.subtype, stored.endian, stored.format
        )
    except library.LibsndfileError as error:
        raise InputError(
            f"{path}: {stored.format} ({stored.subtype}) cannot hold {channels} channels at "
            f"{rate} Hz{_holds(stored)}; choose another format"
        ) from error


def _holds(stored: Stored) -> str:
    if stored.subtype == "OPUS":
        return ", only 8000, 12000, 16000, 24000 or 48000 Hz"
    if stored.format == "MP3":
        return ", only 1 or 2 channels at 8000 to 48000 Hz"
    return ""


def _numbers(block: np.ndarray, bits: int | None) -> np.ndarray:
    """(n, channels) as libsndfile takes them: floats, or int32 whose upper `bits` count."""
    if bits is None:
        return np.ascontiguousarray(block)
    return np.ascontiguousarray((to_steps(block, bits) * 2.0 ** (32 - bits)).astype(np.int32))
