"""Training samples of speech, each a pure function of (seed, n): mixtures, or pairs on disc.

The noisy signal is brought to the level the model works at, give or take a few decibels, and the
clean one by the same factor; both become compressed spectrograms of two real channels.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from undrift.common.training.drawn import Drawn
from undrift.speech.signal import Signal
from undrift.speech.simulate.levels import active_power
from undrift.speech.simulate.mixing import Mixer
from undrift.speech.spectrogram import to_channels

Pair = tuple[np.ndarray, np.ndarray]  # clean and noisy, float32 (samples,)


class Pairs(Protocol):
    """A source of clean and noisy windows."""

    def pair(self, n: int, rng: np.random.Generator) -> Pair: ...


@dataclass
class Mixtures:
    """Pairs mixed on the way; see `simulate.mixing`."""

    mixer: Mixer

    def pair(self, n: int, rng: np.random.Generator) -> Pair:
        sample = self.mixer.sample(n)
        return sample["clean"], sample["noisy"]


@dataclass
class Windows(Drawn):
    """Map-style dataset of training items of `signal`.

    spread: standard deviation of the level around the model's, dB; without a level in `signal` the
    noisy window has a peak of 1. `self[n]` is a dict of float32 tensors: x0, y, noise
    (2, bins, frames); u () uniform in [0, 1).
    """

    source: Pairs
    signal: Signal
    seed: int = 0
    spread: float = 3.0
    length: int = 2**31 - 1

    def draw(self, n: int, rng: np.random.Generator) -> dict[str, Tensor]:
        clean, noisy = self.source.pair(n, rng)
        offset = float(rng.normal(0, self.spread))
        gain = model_gain(noisy, self.signal, offset)
        waves = torch.from_numpy(np.stack([clean, noisy]) * np.float32(gain))
        x0, y = to_channels(self.signal.spectrogram.forward(waves))
        noise = torch.from_numpy(rng.standard_normal(x0.shape, dtype=np.float32))
        u = torch.tensor(rng.random(dtype=np.float32))
        return {"x0": x0, "y": y, "noise": noise, "u": u}


def model_gain(noisy: np.ndarray, signal: Signal, offset: float = 0.0) -> float:
    """The factor that brings `noisy` (samples,) to the model's level plus `offset` dB."""
    if signal.level is None:
        return 1 / max(float(np.abs(noisy).max()), 1e-8)
    now = math.sqrt(active_power(noisy, signal.spectrogram.rate))
    return signal.amplitude * 10 ** (offset / 20) / max(now, 1e-6)
