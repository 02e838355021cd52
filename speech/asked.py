"""What `enhance` is asked for besides sampling, checked once, before any sample is read."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from undrift.common.errors import UsageError, nearest
from undrift.speech.classical import METHODS as CLASSICAL

HighBand = Literal["scale", "keep", "drop"]
METHODS = ("model", *CLASSICAL)
TASKS = ("denoise", "dereverb", "both")
BLOCK, PIECE = 2.0, 8.0  # seconds; longer blocks are hardly faster and take more memory
CHANNELS = ("each", "mid", "linked", "first")
LEVELS = "preserve, peak, or a loudness such as -23LUFS"
_LOUDNESS = re.compile(r"(-?\d+(?:\.\d+)?)\s*(?:LUFS|LKFS)", re.IGNORECASE)
_NUMBERS: Mapping[str, tuple[float, float, str]] = {
    "strength": (0, 1, "0 leaves the recording, 1 is the enhanced signal alone"),
    "max_attenuation": (0, math.inf, "dB that noise is lowered at most"),
    "chunk": (0.1, 3600, "seconds that the network sees at a time"),
    "overlap": (0, 600, "seconds that chunks of networks without state share"),
    "input_level": (-100, 20, "dB below full scale of the speech, or auto"),
}


@dataclass(frozen=True)
class Asked:
    """The own keywords of `enhance`; see there. Raises UsageError for what cannot be."""

    task: str | None = None
    method: str = "model"
    strength: float = 1.0
    max_attenuation: float | None = None
    channels: str = "each"
    output_rate: str | int = "keep"
    level: str = "preserve"
    input_level: str | float = "auto"
    highband: HighBand = "scale"
    chunk: float | None = None
    overlap: float = 1.0

    def __post_init__(self) -> None:
        _one_of("method", self.method, METHODS)
        _one_of("channels", self.channels, CHANNELS)
        _one_of("highband", self.highband, get_args(HighBand))
        if self.task is not None:
            _one_of("task", self.task, TASKS)
        for name in ("strength", "max_attenuation", "chunk", "overlap", "input_level"):
            value = getattr(self, name)
            if value is not None and (name, value) != ("input_level", "auto"):
                _number(name, value, *_NUMBERS[name])
        if self.max_attenuation is not None and self.strength != 1:
            raise UsageError(
                "strength and max_attenuation both say how much of the recording stays; give one"
            )
        if self.overlap > self.piece / 2:
            raise UsageError(f"overlap {self.overlap:g}: expected at most half of a chunk")
        if self.output_rate != "keep":
            _number("output_rate", self.output_rate, 1000, 768000, "samples a second, or keep")
        self.loudness()

    @property
    def block(self) -> float:
        """Seconds that are read at a time."""
        return BLOCK if self.chunk is None else self.chunk

    @property
    def piece(self) -> float:
        """Seconds that a network without state sees at a time."""
        return PIECE if self.chunk is None else self.chunk

    @property
    def share(self) -> float:
        """How much of the output is the enhanced signal; the rest is the recording."""
        if self.max_attenuation is None:
            return float(self.strength)
        return 1 - 10 ** (-float(self.max_attenuation) / 20)

    @property
    def linked(self) -> bool:
        """Whether all channels get the gains of their middle."""
        return self.channels == "linked"

    def rate(self, given: int) -> int:
        """Of the output, for an input of that rate."""
        return given if self.output_rate == "keep" else int(self.output_rate)

    def outputs(self, channels: int) -> int:
        """Channels of the output."""
        return 1 if self.channels in ("mid", "first") else channels

    def loudness(self) -> float | None:
        """The wanted loudness in LUFS; None for preserve and peak. Raises UsageError."""
        if self.level in ("preserve", "peak"):
            return None
        match = _LOUDNESS.fullmatch(str(self.level).strip())
        if match is None or not -70 <= float(match[1]) <= 0:
            raise UsageError(f"level {self.level!r}: expected {LEVELS}")
        return float(match[1])


def asked(given: dict[str, Any]) -> tuple[Asked, dict[str, Any]]:
    """The own keywords, and those that are left. Raises UsageError."""
    own = {name: given[name] for name in Asked.__dataclass_fields__ if name in given}
    return Asked(**own), {name: value for name, value in given.items() if name not in own}


def _one_of(name: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(
            f"{name} {value!r}{nearest(str(value), known)}; expected {', '.join(known)}"
        )


def _number(name: str, value: object, low: float, high: float, what: str) -> None:
    if isinstance(value, bool | str) or not isinstance(value, int | float):
        raise UsageError(f"{name} {value!r}: expected a number ({what})")
    if not low <= value <= high:
        upper = f" to {high:g}" if high < math.inf else " or more"
        raise UsageError(f"{name} {value:g}: expected {low:g}{upper} ({what})")
