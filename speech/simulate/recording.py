"""One simulated recording: drawn as a record of numbers, and made from the record.

Speech s goes through a room, h = direct + reflections, and noise n is added at the asked ratio:

    clean = g (direct * s),   noisy = g (h * s + a n)

a follows from the ratio (`levels.noise_gain`, of the reverberant speech), g from what is done about
peaks. Time is that of the direct sound, whose gain is 1, so that without "early" clean is g s.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from undrift.common.errors import InputError
from undrift.speech.simulate.conditions import Conditions, find_conditions
from undrift.speech.simulate.levels import noise_gain, reverberated
from undrift.speech.simulate.noise_files import Noises, open_noises
from undrift.speech.simulate.random_rooms import random_room, room_of, room_record
from undrift.speech.simulate.rooms import impulse_response
from undrift.speech.simulate.shaping import unit_rms

_FULL = 0.99


@dataclass(frozen=True)
class Simulated:
    """clean, noisy: float32 (samples,). record: all that `simulate(..., record=...)` needs."""

    clean: np.ndarray
    noisy: np.ndarray
    record: dict[str, Any]


def simulate(
    speech: Any,
    rate: int,
    conditions: Conditions | str = "train",
    *,
    seed: int = 0,
    item: str = "",
    noises: Noises | None = None,
    record: Mapping[str, Any] | None = None,
) -> Simulated:
    """A simulated recording of `speech` (samples,), full scale 1, at `rate` Hz.

    conditions: or a name of `conditions.CONDITIONS`. seed, item: the draw is a function of both.
    noises: default those the conditions name. record: of an earlier result, made again to the bit;
    conditions, seed and item then do not count. Raises InputError for other shapes or values, and
    for a room or a noise of the record that cannot be had; UsageError for an unknown name, and when
    the conditions need noise files.
    """
    wave = np.asarray(speech, np.float32)
    if wave.ndim != 1 or not np.isfinite(wave).all():
        raise InputError(f"expected one channel of finite speech (samples,), got {wave.shape}")
    law = find_conditions(conditions) if isinstance(conditions, str) else conditions
    if noises is None:
        noises = open_noises(law.noise)
    if record is None:
        rng = np.random.default_rng(_key(seed, item))
        record = draw(law, rng, len(wave), rate, noises)
    return make(record, wave, rate, noises)


def draw(
    law: Conditions, rng: np.random.Generator, frames: int, rate: int, noises: Noises
) -> dict[str, Any]:
    """All drawn numbers of a recording of speech of `frames` samples, as JSON holds them."""
    samples = frames + round(law.tail * rate)
    record: dict[str, Any] = {"room": None, "noise": [], "snr": None, "snr_by": law.snr_by}
    record |= {"target": law.target, "early": law.early, "tail": law.tail, "peak": law.peak}
    if rng.random() < law.reverberant:
        record["room"] = room_record(_possible_room(law, rng, rate))
    if noises.names or noises.files:
        ratio = float(rng.uniform(*law.snr))
        record["snr"] = round(ratio / law.snr_step) * law.snr_step if law.snr_step else ratio
        count = 2 if rng.random() < law.two else 1
        record["noise"] = [
            {**noises.draw(rng, samples, rate), "db": float(rng.uniform(-10, 0)) if k else 0.0}
            for k in range(count)
        ]
    return record


def make(record: Mapping[str, Any], speech: np.ndarray, rate: int, noises: Noises) -> Simulated:
    """The recording of a record; `Simulated.record` also says the ratio and the gain in the end."""
    dry = np.concatenate([speech, np.zeros(round(record["tail"] * rate))]).astype(np.float64)
    wet = clean = dry
    if record["room"] is not None:
        h = impulse_response(room_of(record["room"]), rate, aligned=True).h
        wet = reverberated(dry, h)
        if record["target"] == "early":
            clean = reverberated(dry, h[: max(1, round(record["early"] * rate))])
    noisy, ratio = wet, record["snr"]
    if record["noise"]:
        n = np.zeros(len(dry))
        for one in record["noise"]:
            n += 10 ** (one["db"] / 20) * unit_rms(noises.wave(one, len(dry), rate))
        noisy, ratio = _with_noise(record, wet, n, rate)
    gain = _gain(record["peak"], noisy)
    made = {**record, "snr_made": ratio, "gain": gain}
    return Simulated((gain * clean).astype(np.float32), (gain * noisy).astype(np.float32), made)


def _with_noise(
    record: Mapping[str, Any], wet: np.ndarray, n: np.ndarray, rate: int
) -> tuple[np.ndarray, float]:
    ratio = record["snr"]
    a = noise_gain(wet, n, ratio, rate, record["snr_by"])
    noisy = wet + a * n
    if record["peak"] == "better" and np.abs(wet).max(initial=0) < 1:
        while np.abs(noisy).max(initial=0) >= 1:
            ratio, a = ratio + 1, a * 10 ** (-1 / 20)
            noisy = wet + a * n
    return noisy, ratio


def _gain(peak: str, noisy: np.ndarray) -> float:
    most = float(np.abs(noisy).max(initial=0))
    if most == 0 or peak in ("keep", "better"):
        return 1.0
    return 0.9 / most if peak == "0.9" else min(1.0, _FULL / most)


def _possible_room(law: Conditions, rng: np.random.Generator, rate: int) -> Any:
    """A room whose walls can make its decay; its reflection factor is then part of the record."""
    for _ in range(50):
        room = random_room(rng, law.rooms)
        try:
            return impulse_response(room, rate, aligned=True).room
        except InputError:
            continue
    raise InputError(
        f"none of 50 rooms of {law.rooms.low} to {law.rooms.high} m can decay in {law.rooms.t60} "
        "s; ask for other times"
    )


def _key(seed: int, item: str) -> list[int]:
    from undrift.common.noise import Noise

    return list(Noise(seed, f"simulate/{item}").key())
