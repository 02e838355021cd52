"""What a sound is: float32 samples, their rate, and how the file stored them.

Full scale is 1 whatever the file held: an integer of b bits is divided by 2**(b - 1), so that every
stored number becomes a float and comes back exactly (up to 24 bits; of 32 bits and of float64 the
leading 24 are kept). Floats beyond full scale stay as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError

Samples = npt.NDArray[np.float32]  # (channels, n), full scale 1


@dataclass(frozen=True)
class Stored:
    """How a file keeps its sound.

    format, subtype: libsndfile's words, such as "WAV" and "PCM_24" (also "RF64", "FLAC", "OGG" with
    "VORBIS" or "OPUS", "MP3", ...); a format that only the extra `audio` decodes is in lower case,
    as FFmpeg calls it ("mov,mp4,m4a,...", "aac"). endian: "FILE", "LITTLE", "BIG" or "CPU".
    tags: title, artist, ... as text. carried: parts of the file that are passed on as bytes, see
    `carry`.
    """

    format: str = "WAV"
    subtype: str = "FLOAT"
    endian: str = "FILE"
    tags: Mapping[str, str] = field(default_factory=dict)
    carried: tuple[tuple[bytes, bytes], ...] = ()


class Sound(Protocol):
    """What `create_audio` takes after: an `Audio`, or a `Reader`."""

    @property
    def rate(self) -> int: ...
    @property
    def channels(self) -> int: ...
    @property
    def frames(self) -> int: ...
    @property
    def stored(self) -> Stored: ...


@dataclass(frozen=True, eq=False)
class Audio:
    """A sound in memory.

    samples: (channels, n) float32, full scale 1; n may be 0.  rate: samples a second.
    stored: how the file it came from kept it, and how `write_audio` keeps it.

    Raises InputError where shape, type or rate are not so.
    """

    samples: Samples
    rate: int
    stored: Stored = field(default_factory=Stored)

    def __post_init__(self) -> None:
        if self.samples.ndim != 2 or self.samples.dtype != np.float32 or not len(self.samples):
            raise InputError(
                f"expected float32 samples (channels, n), got {self.samples.dtype} "
                f"{self.samples.shape}"
            )
        if self.rate <= 0:
            raise InputError(f"a rate is a positive number of samples a second, got {self.rate}")

    @property
    def channels(self) -> int:
        """The number of channels."""
        return self.samples.shape[0]

    @property
    def frames(self) -> int:
        """Samples of each channel."""
        return self.samples.shape[1]

    @property
    def seconds(self) -> float:
        """The duration."""
        return self.frames / self.rate

    def with_samples(self, samples: Samples, rate: int | None = None) -> "Audio":
        """The same file with other samples (channels, n)."""
        return replace(self, samples=samples, rate=rate or self.rate)


def to_steps(samples: npt.ArrayLike, bits: int) -> npt.NDArray[np.float64]:
    """Samples as whole numbers of an integer of so many bits: the nearest, its ends at most."""
    top = 2.0 ** (bits - 1)
    return np.rint(np.asarray(samples, np.float64) * top).clip(-top, top - 1)
