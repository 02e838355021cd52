"""A sound of any length as one small spectrogram, in one pass over its blocks.

Powers of frames of 32 ms, one every 16 ms, mean over channels, are averaged into columns; an hour
needs as little memory as a second. The frames also tell the signal to noise that the recording has
by itself (`metrics.blind`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from undrift.speech.audio import Audio, Reader, open_audio
from undrift.speech.metrics.blind import FRAME, SnrMeter

COLUMNS = 1000
_BLOCK = 1 << 18  # samples at once


@dataclass(frozen=True, eq=False)
class Overview:
    """powers: (bins, columns) mean power, bin k at k `step` Hz. snr: dB or None for silence.

    seconds: of the sound, which is what the columns span.
    """

    powers: np.ndarray
    step: float
    seconds: float
    snr: float | None

    def decibels(self, top: float | None = None, depth: float = 80.0) -> np.ndarray:
        """10 lg of the powers over `top` (their own largest), not below -depth."""
        most = float(self.powers.max()) if top is None else top
        with np.errstate(divide="ignore"):
            return np.maximum(10 * np.log10(self.powers / (most or 1.0)), -depth)

    def below(self, hertz: float) -> "Overview":
        """The bins up to a frequency."""
        count = min(len(self.powers), int(hertz / self.step) + 1)
        return Overview(self.powers[:count], self.step, self.seconds, self.snr)

    @property
    def highest(self) -> float:
        """Frequency of the last bin in Hz."""
        return (len(self.powers) - 1) * self.step


def overview(sound: str | Path | Audio, columns: int = COLUMNS) -> Overview:
    """The overview of a file or a sound in memory.

    Raises InputError for files that cannot be read.
    """
    if isinstance(sound, Audio):
        return _overview(sound, [sound.samples], columns)
    with open_audio(sound) as reader:
        return _overview(reader, reader.blocks(_BLOCK), columns)


def _overview(sound: Audio | Reader, blocks: Iterable[np.ndarray], columns: int) -> Overview:
    length = max(2, 2 * round(FRAME * sound.rate / 2))
    hop = length // 2
    count = max(1, -(-sound.frames // hop))  # the last ones reach beyond the end, into silence
    columns = min(columns, count)
    window = np.hanning(length + 1)[:-1]
    sums, weights = np.zeros((columns, length // 2 + 1)), np.zeros(columns)
    meter, done = SnrMeter(), 0
    for part in _whole_hops(blocks, sound.channels, length, hop):
        frames = np.lib.stride_tricks.sliding_window_view(part, length, axis=1)[:, ::hop]
        powers = (np.abs(np.fft.rfft(window * frames)) ** 2).mean(axis=0)[: count - done]
        place = (done + np.arange(len(powers))) * columns // count
        np.add.at(sums, place, powers)
        np.add.at(weights, place, 1)
        meter.push(powers)
        done += len(powers)
    powers = (sums / np.maximum(weights, 1)[:, None]).T
    return Overview(powers, sound.rate / length, sound.frames / sound.rate, meter.snr)


def _whole_hops(
    blocks: Iterable[np.ndarray], channels: int, length: int, hop: int
) -> Iterator[np.ndarray]:
    """Blocks again, each beginning where the last one's next frame begins; zeros at the end."""
    held = np.zeros((channels, 0))
    for block in blocks:
        held = np.concatenate([held, block], axis=1)
        frames = (held.shape[1] - length) // hop + 1
        if frames > 0:
            yield held[:, : (frames - 1) * hop + length]
            held = held[:, frames * hop :]
    if held.shape[1]:
        more = -(-held.shape[1] // hop) * hop + length - hop - held.shape[1]
        yield np.pad(held, ((0, 0), (0, more)))
