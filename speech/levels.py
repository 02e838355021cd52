"""How loud a recording speaks, in one pass over its blocks.

Speech pauses and recordings click, so neither the power of a file nor its peak says how loud the
speech is. A constant offset is no sound: the power of a frame is its variance. The active power is
the mean over the frames of 32 ms that are at most 30 dB below the loud ones (the 95 % quantile of
all frames above -80 dB); a frame counts at most four times the loud ones, so that a click cannot
weigh more than a few loud syllables. Full scale is 1; the level is the square root, hence a sine of
amplitude a has level a / sqrt(2) and silence has 0.
"""

from array import array

import numpy as np

from undrift.speech.audio.sound import Samples

FRAME = 0.032  # seconds
DEPTH = 30.0  # dB below the loud frames that still counts as speech
FLOOR = 1e-8  # the power of -80 dB of full scale: below is silence
LARGEST = 1 - 2.0**-15  # the largest number of 16 bits
_CAP = 4.0  # loud powers


class LevelMeter:
    """Takes blocks (channels, n) at `rate`, of any sizes; asks may come at any time.

    frames: samples a channel. peak: (channels,) largest |sample|. clipped: (channels,) samples at
    or beyond the largest number of 16 bits.
    """

    def __init__(self, rate: int):
        self.frames = 0
        self.peak = np.zeros(0)
        self.clipped = np.zeros(0, np.int64)
        self._size = max(1, round(FRAME * rate))
        self._rest: Samples | None = None
        self._powers: list[array[float]] = []  # of the frames of each channel, without holes

    def push(self, block: Samples) -> None:
        """Adds samples (channels, n), n >= 0."""
        if self._rest is None:
            self._rest = block[:, :0]
            self.peak = np.zeros(len(block))
            self.clipped = np.zeros(len(block), np.int64)
            self._powers = [array("d") for _ in block]
        if not block.shape[1]:
            return
        size = np.abs(block)
        self.frames += block.shape[1]
        self.peak = np.maximum(self.peak, size.max(1))
        self.clipped += (size >= LARGEST).sum(1)
        held = np.concatenate([self._rest, block], 1)
        whole = held.shape[1] // self._size * self._size
        if whole:
            for kept, new in zip(self._powers, _powers(held[:, :whole], self._size), strict=True):
                kept.frombytes(new.tobytes())
        self._rest = held[:, whole:].copy()

    def levels(self) -> np.ndarray:
        """(channels,) levels of the active parts of each channel, 0 for silence.

        Less than a frame in all counts as a frame.
        """
        if self._rest is None:
            return np.zeros(0)
        if any(self._powers):
            powers = np.array(self._powers)
        elif self._rest.shape[1]:
            powers = _powers(self._rest, self._rest.shape[1])
        else:
            powers = np.zeros((len(self._rest), 1))
        return np.array([np.sqrt(active_mean(row)) for row in powers])

    def level(self) -> float:
        """That of the loudest channel, the one level for all of them."""
        return float(self.levels().max(initial=0.0))


def active_mean(powers: np.ndarray) -> float:
    """The active power of a channel whose frames have these powers (frames,)."""
    heard = powers[powers > FLOOR]
    if not heard.size:
        return 0.0
    loud = float(np.quantile(heard, 0.95))
    active = heard[heard >= loud * 10 ** (-DEPTH / 10)]
    return float(np.minimum(active, _CAP * loud).mean())


def levels_of(samples: Samples, rate: int) -> np.ndarray:
    """(channels,) levels of a whole sound (channels, n); equal to any division into blocks."""
    meter = LevelMeter(rate)
    meter.push(samples)
    return meter.levels()


def gain_to(wanted_db: float, measured_db: float) -> float:
    """The factor from a measured to a wanted level, both dB or LUFS; 1 for silence (-inf)."""
    return 10 ** ((wanted_db - measured_db) / 20) if np.isfinite(measured_db) else 1.0


def _powers(samples: Samples, size: int) -> np.ndarray:
    return samples.astype(np.float64).reshape(len(samples), -1, size).var(-1)
