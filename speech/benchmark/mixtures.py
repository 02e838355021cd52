"""Clean and degraded pairs, a function of (seed, clip, condition) alone.

`snr N`: noise N dB below the active level of the speech. `room`: a simulated room, T60 0.3 to
0.9 s, source 0.5 to 3 m away; what is wanted is the direct sound. `room, snr 10`: both. `clean`:
nothing, to see what a method does to speech that needs none. Every clip meets one noise in each
condition; families take turns, so that each meets about equally many. The families of `test` are
made by other generators than any training ever heard (see `simulate.noises`); `validation` has the
training's with seeds of its own. Rooms are of the training's kind with seeds of their own.
Speech is put at an active level of -26 dBFS, lower where a mixture would exceed full scale.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from undrift.common.errors import InputError, UsageError, nearest
from undrift.speech.benchmark.clips import RATE, Clip, Voices

LEVEL, PEAK = -26.0, 0.95
T60, DISTANCE = (0.3, 0.9), (0.5, 3.0)
SNRS = (-5, 0, 5, 10, 15)


@dataclass(frozen=True)
class Condition:
    """snr: dB of the noise, None for none. room: whether there is one."""

    name: str
    snr: float | None = None
    room: bool = False


CONDITIONS = {
    condition.name: condition
    for condition in (
        *(Condition(f"snr {snr}", snr) for snr in SNRS),
        Condition("room", room=True),
        Condition("room, snr 10", 10, room=True),
        Condition("clean"),
    )
}
NOISY = tuple(f"snr {snr}" for snr in SNRS)


@dataclass(frozen=True, eq=False)
class Mixture:
    """clean, noisy: float32 (n,) at 16 kHz. record: what was drawn, as JSON can hold it."""

    clean: np.ndarray
    noisy: np.ndarray
    record: dict[str, Any]


def conditions_named(names: Sequence[str] | None) -> list[Condition]:
    """Those of these names, all for None. Raises UsageError for an unknown one."""
    for name in names or ():
        if name not in CONDITIONS:
            raise UsageError(
                f"no condition '{name}'{nearest(name, CONDITIONS)} "
                f"(there are: {'; '.join(CONDITIONS)})"
            )
    return list(CONDITIONS.values()) if names is None else [CONDITIONS[name] for name in names]


def families_of(split: str) -> tuple[str, ...]:
    """The noise families of a split, in order."""
    from undrift.speech.simulate.noises import families

    kind: Literal["train", "test"] = "test" if split == "test" else "train"
    return families(kind)


def mixture(
    condition: Condition, clip: Clip, place: int, *, seed: int, split: str, voices: Voices
) -> Mixture:
    """The pair of one clip under one condition.

    place: of the clip among all, which decides whose turn the families are at. voices: utterances
    by speaker; those of other speakers make the noises that consist of voices.
    """
    from undrift.speech.simulate.levels import active_power, noise_gain

    rng = np.random.default_rng(_entropy(split, seed, clip.name, condition.name))
    clean = clip.samples * 10 ** (LEVEL / 20) / np.sqrt(active_power(clip.samples, RATE))
    record: dict[str, Any] = {"condition": asdict(condition)}
    wet = clean
    if condition.room:
        wet, record["room"] = _in_room(clean, rng)
    noisy = wet
    if condition.snr is not None:
        family = _turn(families_of(split), place, condition.snr)
        noise = _noise(family, len(wet), rng, clip, voices)
        noisy = wet + noise_gain(wet, noise, condition.snr, RATE) * noise
        record["family"] = family
    scale = min(1.0, PEAK / max(np.abs(noisy).max(), np.abs(clean).max()))
    return Mixture((scale * clean).astype(np.float32), (scale * noisy).astype(np.float32), record)


def _turn(families: Sequence[str], place: int, snr: float) -> str:
    """Goes on by one with every clip and with every 5 dB: no family stays with one condition."""
    return families[(place + round(snr / 5) + 1) % len(families)]


def _noise(
    family: str, samples: int, rng: np.random.Generator, clip: Clip, voices: Voices
) -> np.ndarray:
    from undrift.speech.simulate.noises import noise

    others = [v for speaker, found in voices.items() if speaker != clip.speaker for v in found]
    return noise(family, samples, RATE, rng, voices=others).astype(np.float64)


def _in_room(clean: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, dict[str, Any]]:
    from scipy.signal import fftconvolve

    from undrift.speech.simulate.random_rooms import Rooms, random_room, room_record
    from undrift.speech.simulate.rooms import impulse_response

    law = Rooms(t60=T60, distance=DISTANCE)
    for _ in range(100):
        try:
            made = impulse_response(random_room(rng, law), RATE, aligned=True)
        except InputError:  # no walls give this room this T60: draw another
            continue
        return fftconvolve(clean, made.h)[: len(clean)], room_record(made.room)
    raise InputError("no room could be drawn")


def _entropy(*parts: Any) -> int:
    text = "\0".join(map(str, parts))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "big")
