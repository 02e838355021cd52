"""Babble: the sum of other people's voices. Training and testing use different voices and rooms.

`babble` sums 1 to 20 runs of speech from the voices it is given, at unequal levels. `cafeteria` (a
test family) sums 8 to 30 voices at shifted pitch, reverberant, among dishes. Whoever gives the
voices keeps those of a test away from training.
"""

from collections.abc import Sequence

import numpy as np

from undrift.common.errors import InputError
from undrift.speech.simulate.shaping import (
    Wave,
    convolved,
    log_uniform,
    placed,
    poisson_times,
    ringing,
    white,
)

Voices = Sequence[np.ndarray]  # utterances, each float32 (samples,), at the rate of the noise


def talk(samples: int, rate: int, rng: np.random.Generator, voices: Voices, speed: float) -> Wave:
    """One talker: random utterances one after another with short pauses, played `speed` as fast."""
    out = np.zeros(samples, np.float32)
    at = -int(rng.integers(0, 2 * rate))
    while at < samples:
        x = np.asarray(voices[int(rng.integers(len(voices)))], np.float32)
        if speed != 1:
            x = np.interp(np.arange(0, len(x) - 1, speed), np.arange(len(x)), x).astype(np.float32)
        start, stop = max(at, 0), min(at + len(x), samples)
        if stop > start:
            piece = x[start - at : stop - at]
            out[start:stop] += piece / (np.sqrt(np.mean(x * x)) + 1e-9)
        at += len(x) + int(rng.exponential(0.25) * rate) + 1
    return out


def _given(voices: Voices | None, family: str) -> Voices:
    if voices is None or len(voices) == 0:
        raise InputError(
            f"the noise family {family!r} is made of voices and got none; expected a sequence of "
            "utterances at the rate of the noise: noise(..., voices=[...])"
        )
    return voices


def babble(samples: int, rate: int, rng: np.random.Generator, voices: Voices | None) -> Wave:
    """1 to 20 talkers at unequal levels, from the given voices."""
    voices = _given(voices, "babble")
    total = np.float32(1e-3) * white(samples, rng)
    for _ in range(max(1, round(log_uniform(rng, 1, 20)))):
        level = np.float32(10 ** (rng.normal(0, 4) / 20))
        total += level * talk(samples, rate, rng, voices, float(rng.uniform(0.85, 1.2)))
    return total


def cafeteria(samples: int, rate: int, rng: np.random.Generator, voices: Voices | None) -> Wave:
    """8 to 30 talkers in a reverberant hall, with dishes; from the given (held-out) voices."""
    voices = _given(voices, "cafeteria")
    total = np.zeros(samples, np.float32)
    for _ in range(int(rng.integers(8, 31))):
        level = np.float32(10 ** (rng.normal(0, 5) / 20))
        total += level * talk(samples, rate, rng, voices, float(rng.uniform(0.9, 1.12)))
    decay = rng.uniform(0.4, 1.2)
    t = np.arange(int(decay * rate)) / rate
    hall = white(len(t), rng) * np.exp(-6.9 * t / decay) / np.sqrt(rate * decay / 13.8)
    hall[0] += 0.5
    total = convolved(total, hall)
    total /= np.sqrt(np.mean(total * total)) + 1e-12
    times = poisson_times(samples, rate, rng.uniform(0.5, 4), rng)
    dishes = [
        ringing(
            rate,
            0.3,
            [(log_uniform(rng, 1800, 7000), rng.uniform(0.01, 0.08), 1.0) for _ in range(4)],
            rng,
        )
        for _ in times
    ]
    return total + np.float32(rng.uniform(0.1, 0.6)) * placed(samples, times, dishes)
