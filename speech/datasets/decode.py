"""A recording as models train on it: 16 kHz, one channel, 16 bits.

Channels are averaged, another rate is changed by `undrift.speech.resample`, and samples are rounded
to the nearest of 2**16 steps without dither.  A recording of 16 bits at 16 kHz therefore comes out
as it is; G.722 too, since its decoder works in integers (ITU-T G.722, 64 kbit/s).
"""

import tempfile
from pathlib import Path

import numpy as np

from undrift.common.errors import InputError, require
from undrift.speech.audio.reading import read_audio

RATE = 16000  # samples a second
NEEDS = {".g722": "av"}  # suffix -> the package that decodes it
_FULL = 1 << 15


def check_decoders(suffixes: set[str]) -> None:
    """Raises MissingExtraError with the pip line where a decoder for a suffix is missing."""
    for suffix in suffixes & NEEDS.keys():
        require(NEEDS[suffix])


def decode(content: bytes, suffix: str, headerless_hz: int | None = None) -> np.ndarray:
    """The samples (n,) of a file's content, int16 little-endian at 16 kHz.

    headerless_hz: the rate of a file that is nothing but 16-bit little-endian samples of a channel.
    Raises InputError for what is no sound, MissingExtraError where a decoder is not installed.
    """
    if headerless_hz is not None:
        if len(content) % 2:
            raise InputError(f"{len(content)} bytes are no 16-bit samples; it is cut short")
        samples, rate = np.frombuffer(content, "<i2")[None] / np.float32(_FULL), headerless_hz
    else:
        with tempfile.TemporaryDirectory(prefix="undrift-") as scratch:
            path = Path(scratch) / f"recording{suffix}"
            path.write_bytes(content)
            sound = read_audio(path)
        samples, rate = sound.samples, sound.rate
    wave = samples.mean(axis=0)
    if rate != RATE:
        import torch

        from undrift.speech.resample import resample

        wave = resample(torch.from_numpy(wave), rate, RATE).numpy()
    return np.rint(wave.astype(np.float64) * _FULL).clip(-_FULL, _FULL - 1).astype("<i2")
