"""The noise families by name, each for training or for testing, never for both.

The two splits are disjoint by generator: a test family is made by a function that no training
family calls, so a model measured on it meets a noise it was never shown. A training family also
gets random finishing (spectral tilt, equaliser, wandering gain, a diffuse room), because a model
must cope with more than what these generators make; a test family comes as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from undrift.common.errors import InputError, UsageError, nearest
from undrift.speech.simulate import (
    noise_coloured,
    noise_events,
    noise_held_out,
    noise_machines,
    noise_music,
    noise_voices,
)
from undrift.speech.simulate.noise_voices import Voices
from undrift.speech.simulate.shaping import (
    Wave,
    band,
    convolved,
    filtered,
    log_uniform,
    power_law,
    random_equaliser,
    unit_rms,
    wander,
    white,
)


@dataclass(frozen=True)
class Family:
    """make: (samples, rate, rng[, voices]) -> (samples,). voiced: it is made of given voices."""

    make: Callable[..., Any]
    split: Literal["train", "test"]
    voiced: bool = False


FAMILIES: dict[str, Family] = {
    "coloured": Family(noise_coloured.coloured, "train"),
    "speech-shaped": Family(noise_coloured.speech_shaped, "train"),
    "bands": Family(noise_coloured.wandering_bands, "train"),
    "bursts": Family(noise_coloured.bursts, "train"),
    "hum": Family(noise_machines.hum, "train"),
    "fan": Family(noise_machines.fan, "train"),
    "engine": Family(noise_machines.engine, "train"),
    "appliance": Family(noise_machines.appliance, "train"),
    "keyboard": Family(noise_events.keyboard, "train"),
    "knocks": Family(noise_events.knocks, "train"),
    "crackle": Family(noise_events.crackle, "train"),
    "rain": Family(noise_events.rain, "train"),
    "traffic": Family(noise_events.traffic, "train"),
    "music": Family(noise_music.music, "train"),
    "babble": Family(noise_voices.babble, "train", voiced=True),
    "siren": Family(noise_held_out.siren, "test"),
    "wind": Family(noise_held_out.wind, "test"),
    "hammer": Family(noise_held_out.hammer, "test"),
    "rotor": Family(noise_held_out.rotor, "test"),
    "bubbles": Family(noise_held_out.bubbles, "test"),
    "drums": Family(noise_held_out.drums, "test"),
    "cafeteria": Family(noise_voices.cafeteria, "test", voiced=True),
}


def families(split: Literal["train", "test"]) -> tuple[str, ...]:
    """The names of the families of one split."""
    return tuple(name for name, family in FAMILIES.items() if family.split == split)


def noise(
    family: str,
    samples: int,
    rate: int,
    rng: np.random.Generator,
    *,
    voices: Voices | None = None,
) -> Wave:
    """Noise of a family: float32 (samples,), mean 0, root mean square 1, a function of `rng` alone.

    rate: in Hz, from 8000. voices: utterances at this rate, for `babble` (training voices) and
    `cafeteria` (held-out voices). Raises UsageError for an unknown family, InputError for too few
    samples, a low rate or missing voices.
    """
    if family not in FAMILIES:
        raise UsageError(
            f"unknown noise family {family!r}; expected one of {', '.join(FAMILIES)}"
            f"{nearest(family, FAMILIES)}"
        )
    if samples < 16 or rate < 8000:
        raise InputError(
            f"noise of {samples} samples at {rate} Hz; expected at least 16 samples and 8000 Hz"
        )
    asked = FAMILIES[family]
    made = (
        asked.make(samples, rate, rng, voices) if asked.voiced else asked.make(samples, rate, rng)
    )
    made = unit_rms(made)
    return unit_rms(finished(made, rate, rng)) if asked.split == "train" else made


def finished(x: Wave, rate: int, rng: np.random.Generator) -> Wave:
    """Random colour, gain over time and room of a training noise, each in a share of the cases."""
    if rng.random() < 0.5:
        tilt, curve = power_law(rng.normal(0, 0.7), 60), random_equaliser(rng, rng.uniform(1, 7))
        x = filtered(x, rate, lambda hz: tilt(hz) * curve(hz))
    if rng.random() < 0.5:  # else rumble takes the level, and the speech band is left almost clean
        x = filtered(x, rate, band(log_uniform(rng, 40, 500), rate, 2))
    if rng.random() < 0.25:
        decay = log_uniform(rng, 0.05, 0.8)
        t = np.arange(int(decay * rate)) / rate
        room = white(len(t), rng) * np.exp(-6.9 * t / decay) / np.sqrt(rate * decay / 13.8)
        room[0] += log_uniform(rng, 0.3, 5)
        x = convolved(x, room)
    if rng.random() < 0.4:
        depth = rng.uniform(2, 8) * np.log(10) / 20
        x = x * np.exp(depth * wander(len(x), rate, log_uniform(rng, 0.2, 6), rng))
    return x
