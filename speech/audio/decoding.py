"""What libsndfile cannot read, through PyAV (extra `audio`): m4a, aac, webm, g722, wma, ...

FFmpeg decodes packets to frames of a few hundred samples, without a change of rate or channels;
priming samples that the container marks are left out, and of MP4 what follows its duration. No
container says exactly how many samples come out, so that they are counted once, at opening.
"""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.errors import InputError, MissingExtraError, UndriftError, missing_package
from undrift.speech.audio.formats import DECODED
from undrift.speech.audio.sound import Samples, Stored


def is_ours(path: Path) -> bool:
    """Whether the suffix or the first bytes tell of a container that libsndfile does not know."""
    return path.suffix.lower() in DECODED or _kind(path) is not None


def unreadable(path: Path, told: str) -> UndriftError:
    """The error for a file that libsndfile refused."""
    with path.open("rb") as file:
        head = file.read(512)
    text = head.decode("utf-8", "ignore")
    if head and b"\0" not in head and len(text) > 0.9 * len(head):
        return InputError(f"{path}: is a text file, expected a sound; is the suffix right?")
    told = told.rpartition(": ")[2].strip() or "the format is not known"
    return InputError(
        f"{path}: is no sound file that can be read ({told}); convert it to WAV or FLAC"
    )


def probe(path: Path) -> tuple[int, int, int, Stored]:
    """Rate, channels, samples a channel (by decoding all of it), and how it is stored.

    Raises InputError for what is no sound, MissingExtraError without PyAV.
    """
    with _opened(path) as container:
        stream = container.streams.audio[0]
        rate, channels = int(stream.rate), int(stream.channels)
        name, codec = container.format.name, stream.codec_context.name
        told = {**container.metadata, **stream.metadata}
    frames = sum(block.shape[1] for block in blocks(path, 1 << 16))
    if not frames:
        raise InputError(f"{path}: holds no samples that can be decoded")
    known = ("title", "artist", "album", "comment", "date", "genre", "copyright", "tracknumber")
    kept = {key.lower(): text for key, text in told.items() if key.lower() in known}
    return rate, channels, frames, Stored(name, codec, tags=kept)


def blocks(path: Path, size: int) -> Iterator[Samples]:
    """The decoded sound (channels, size) float32, the last block shorter."""
    waiting: list[Samples] = []
    count = 0
    for part in _frames(path):
        waiting.append(part)
        count += part.shape[1]
        if count >= size:
            whole = np.concatenate(waiting, 1)
            for start in range(0, count - count % size, size):
                yield np.ascontiguousarray(whole[:, start : start + size])
            waiting, count = [whole[:, count - count % size :]], count % size
    if count:
        yield np.concatenate(waiting, 1)


def _frames(path: Path) -> Iterator[Samples]:
    av = _library(path)
    with _opened(path) as container:
        stream = container.streams.audio[0]
        rate, channels = stream.rate, stream.channels
        left = _duration(container.format.name, stream)
        planar = av.AudioResampler(format="fltp")
        try:
            for frame in container.decode(stream):
                if (frame.sample_rate, frame.layout.nb_channels) != (rate, channels):
                    raise InputError(f"{path}: the rate or the channels change on the way")
                for part in planar.resample(frame):
                    samples = part.to_ndarray()[:, :left]
                    left -= samples.shape[1]
                    yield samples
        except av.FFmpegError as error:
            raise InputError(
                f"{path}: cannot be decoded to its end ({error.strerror}): the file is damaged or "
                "cut off; take it again from its source"
            ) from error


def _duration(format: str, stream: Any) -> int:
    """Samples that MP4 says there are: its last packet is filled up; of others, all."""
    if "mp4" not in format or not stream.duration:
        return sys.maxsize
    return round(stream.duration * stream.time_base * stream.rate)


def _opened(path: Path) -> Any:
    av = _library(path)
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError) as error:
        raise unreadable(path, str(error.strerror or error)) from error
    if not container.streams.audio:
        container.close()
        raise InputError(f"{path}: holds no sound")
    return container


def _library(path: Path) -> Any:
    try:
        return importlib.import_module("av")
    except ModuleNotFoundError as error:
        told = missing_package("av")
        raise MissingExtraError(
            f"{path}: {_kind(path) or path.suffix.lower()[1:]} needs FFmpeg's decoders: {told}, "
            "or convert the file to WAV or FLAC"
        ) from error


def _kind(path: Path) -> str | None:
    """The container that the first bytes tell."""
    with path.open("rb") as file:
        head = file.read(16)
    if head[4:8] == b"ftyp":
        return "mp4"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "webm"
    if head[:4] == b"\x30\x26\xb2\x75":
        return "wma"
    if head[:5] == b"#!AMR":
        return "amr"
    return None
