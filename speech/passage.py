"""One recording from its blocks to the enhanced blocks: measure, enhance, set the level.

The first pass measures the level of the speech, and checks every sample; the second enhances. Where
the output is to have a given loudness or peak, it waits in a temporary file until that is known. So
memory depends on the length of a block, not on that of the recording.
"""

import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from undrift.speech.asked import Asked
from undrift.speech.audio import Audio, Samples
from undrift.speech.audio.sound import Stored
from undrift.speech.levels import LevelMeter
from undrift.speech.line import Line
from undrift.speech.loudness import LoudnessMeter
from undrift.speech.method import Method
from undrift.speech.resample import Resampler
from undrift.speech.spectra import Spectra

PEAK = -1.0  # dB below full scale, of the level "peak"
IN_MEMORY = 2**22  # bytes of output that wait in memory, not in a file
_READ = 65536  # samples of a block of the first pass

Progress = Callable[[float], None]  # called with the share of the recording that is done


class Source(Protocol):
    """Samples of a recording, as often as they are asked for; a `Reader` is one."""

    rate: int
    channels: int
    frames: int
    stored: Stored

    def blocks(self, size: int) -> Iterator[Samples]: ...


class InMemory:
    """An `Audio` as a source."""

    def __init__(self, audio: Audio):
        self.rate, self.channels, self.frames = audio.rate, audio.channels, audio.frames
        self.stored, self._samples = audio.stored, audio.samples

    def blocks(self, size: int) -> Iterator[Samples]:
        """Views of the samples (channels, size), the last one shorter."""
        for start in range(0, self.frames, size):
            yield self._samples[:, start : start + size]


@dataclass(frozen=True)
class Measured:
    """Of the channels that are enhanced: level of the speech, largest |sample|, and those at full
    scale, each (channels,); loudness in LUFS of all. middle: of linked channels, the level of their
    middle over that of the loudest."""

    level: np.ndarray
    peak: np.ndarray
    clipped: int
    loudness: float
    middle: float | None = None


@dataclass
class Passage:
    """The way of one recording; `blocks` may be called once.

    each: also the samples, after their mean. spread: see `Spectra`. progress: told now and then.
    """

    source: Source
    asked: Asked
    method: Method
    item: str = ""
    each: bool = False
    spread: Callable[[Tensor], None] | None = None
    progress: Progress = field(default=lambda _: None)
    gain_out: float = field(default=1.0, init=False)
    seconds: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._began = time.monotonic()
        self.measured = self._measure()
        many = range(self.method.samples)
        self.spectra = Spectra(
            self.method.spectrogram,
            [self.method.stage(self.item, sample) for sample in many],
            torch.from_numpy(self.gains()).float(),
            linked=self.asked.linked,
            offset=self.method.signal.level is None,  # published models see it as it is
            each=self.each,
            spread=self.spread,
        )
        self.line = Line(self.source.rate, self.spectra, self.asked.share, self.asked.highband)
        self.loudness = LoudnessMeter(self.rate)
        self.peak = 0.0

    @property
    def rate(self) -> int:
        """Of the output."""
        return self.asked.rate(self.source.rate)

    @property
    def channels(self) -> int:
        """Of the output."""
        return self.asked.outputs(self.source.channels)

    @property
    def frames(self) -> int:
        """Samples a channel of the output."""
        return -(-self.source.frames * self.rate // self.source.rate)

    @property
    def spectrum_frames(self) -> int:
        """Frames of the spectrogram at the rate of the model."""
        spectrogram = self.method.spectrogram
        samples = -(-self.source.frames * spectrogram.rate // self.source.rate)
        return spectrogram.frames(samples)

    def gains(self) -> np.ndarray:
        """(channels,) factors to the level of the model; 1 for silence."""
        signal = self.method.signal
        level = self.measured.peak if signal.level is None else self.measured.level
        if self.asked.input_level != "auto":
            level = np.full_like(level, 10 ** (float(self.asked.input_level) / 20))
        if self.asked.method != "model":
            return np.ones_like(level)
        return np.where(level > 0, signal.amplitude / np.maximum(level, 1e-9), 1.0)

    def blocks(self) -> Iterator[Samples]:
        """Yields (s, channels, m) float32 at the rate of the output, of the wanted level."""
        made = self._metered(self._enhanced())
        if self.asked.level != "preserve":
            made = self._levelled(made)
        yield from made
        self.seconds = time.monotonic() - self._began

    def _measure(self) -> Measured:
        rate = self.source.rate
        levels, loudness, single = LevelMeter(rate), LoudnessMeter(rate), LevelMeter(rate)
        for block in self.source.blocks(_READ):
            chosen = taken(block, self.asked.channels)
            loudness.push(chosen)
            levels.push(chosen.mean(0, keepdims=True) if self.asked.linked else chosen)
            if self.asked.linked:
                single.push(chosen)
        cut = levels.clipped[levels.peak <= 1]  # a peak beyond full scale was not cut there
        loudest = single.level()
        middle = levels.level() / loudest if loudest > 0 else None
        found = levels.levels(), levels.peak, int(cut.sum()), loudness.integrated()
        return Measured(*found, middle)

    def _enhanced(self) -> Iterator[Tensor]:
        size = max(1, round(self.asked.block * self.source.rate))
        out = Resampler(self.source.rate, self.rate)
        shape: Sequence[int] = ()
        done = 0
        with torch.inference_mode():
            for block in self.source.blocks(size):
                chosen = np.ascontiguousarray(taken(block, self.asked.channels))
                made = self.line.push(torch.from_numpy(chosen))
                shape = made.shape[:2]
                yield out.push(made.flatten(0, 1)).unflatten(0, shape)
                done += block.shape[1]
                self.progress(done / self.source.frames)
            last = out.push(self.line.finish().flatten(0, 1))
            yield last.unflatten(0, shape)
            rest = out.finish(self.frames)
            if rest.numel():
                yield rest.unflatten(0, shape)

    def _metered(self, blocks: Iterator[Tensor]) -> Iterator[Samples]:
        for block in blocks:
            samples = block.numpy()
            self.loudness.push(samples[0])
            if samples.size:
                self.peak = max(self.peak, float(np.abs(samples[0]).max()))
            yield samples

    def _levelled(self, blocks: Iterator[Samples]) -> Iterator[Samples]:
        with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as file:
            shapes = []
            for block in blocks:
                shapes.append(block.shape)
                file.write(block.tobytes())
            self.gain_out = self._wanted_gain()
            file.seek(0)
            for shape in shapes:
                held = np.frombuffer(file.read(4 * math.prod(shape)), np.float32)
                yield held.reshape(shape) * np.float32(self.gain_out)

    def _wanted_gain(self) -> float:
        wanted = self.asked.loudness()
        if wanted is None:
            return 10 ** (PEAK / 20) / self.peak if self.peak > 0 else 1.0
        found = self.loudness.integrated()
        return 10 ** ((wanted - found) / 20) if math.isfinite(found) else 1.0


def taken(block: Samples, channels: str) -> Samples:
    """The channels (c, n) of a block that are enhanced."""
    if channels == "first":
        return block[:1]
    return block.mean(0, keepdims=True) if channels == "mid" else block
