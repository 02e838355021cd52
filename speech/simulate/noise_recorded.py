"""A bank of recorded noises: every row is filled with sounds of a folder, one to three at once.

A long recording is cut at a random place. A short one is strung together with others of its group
(its package or kind), half of the time without gaps, with gaps of up to 0.6 s otherwise. Sounds
play at 0.8 to 1.25 times their speed, and what is nearly silent for more than a second is drawn
again, so that no window of a row is empty. Row i is a function of (seed, i) and the recordings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import resample_poly

from undrift.common.errors import InputError
from undrift.speech.simulate.banks import Bank, SpeechBank, write_bank
from undrift.speech.simulate.levels import frame_powers, trimmed
from undrift.speech.simulate.shaping import Wave, unit_rms

_SPEEDS = ((1, 1), (1, 1), (4, 5), (5, 4), (7, 8), (8, 7))  # lengths over the recording's
_LAYERS = (0.5, 0.3, 0.2)  # chances of one, two, three sounds at once
_GAP = 0.6  # seconds at most
_FADE = 0.005  # seconds, where a sound is cut or strung
_QUIET = 40.0  # dB below the loud frames
_PAUSE = 1.0  # seconds that may be quiet
_TRIES = 60


@dataclass
class Recorded:
    """sounds: recordings in a bank whose speakers are their groups; of at least one sample."""

    sounds: SpeechBank

    def __post_init__(self) -> None:
        """Sorts the recordings by group; a group is drawn by the root of its duration."""
        names = self.sounds.speakers
        self._names = sorted(set(names))
        self._of = {name: [i for i, n in enumerate(names) if n == name] for name in self._names}
        lengths = np.diff(self.sounds.offsets)
        roots = np.sqrt([float(lengths[self._of[name]].sum()) for name in self._names])
        self._shares = roots / roots.sum()

    def row(self, samples: int, rng: np.random.Generator) -> tuple[Wave, list[str]]:
        """(samples,) at rms 1, and the groups of its sounds.

        Raises InputError when the recordings are so quiet that no row can be filled.
        """
        count = 1 + int(rng.choice(len(_LAYERS), p=_LAYERS))
        total, groups = np.zeros(samples, np.float32), []
        for layer in range(count):
            wave, group = self._filled(samples, rng)
            total += wave * np.float32(10 ** (-(rng.uniform(0, 12) if layer else 0) / 20))
            groups.append(group)
        return unit_rms(total), groups

    def _filled(self, samples: int, rng: np.random.Generator) -> tuple[Wave, str]:
        for _ in range(_TRIES):
            group = self._names[int(rng.choice(len(self._names), p=self._shares))]
            wave = self._layer(self._of[group], samples, rng)
            if _sounding(wave, self.sounds.rate):
                return unit_rms(wave), group
        raise InputError(
            f"{_TRIES} draws of the recorded noises were silent for more than {_PAUSE} s each; "
            "take the silent files out of the folder"
        )

    def _layer(self, rows: Sequence[int], samples: int, rng: np.random.Generator) -> Wave:
        rate = self.sounds.rate
        up, down = _SPEEDS[int(rng.integers(len(_SPEEDS)))]
        needed = -(-samples * down // up) + 1
        chosen = int(rows[int(rng.integers(len(rows)))])
        gap = _GAP * float(rng.random() < 0.5)
        alone = bool(rng.random() < 0.5)  # one sound over and over, or several of the group
        pieces: list[np.ndarray] = []
        have = 0
        while have < needed:
            x = self._sound(chosen, needed, rng)
            pieces.append(_faded(x, rate))
            pieces.append(np.zeros(int(rng.uniform(0, gap) * rate) if gap else 0, np.float32))
            have += len(x) + len(pieces[-1])
            if not alone:
                chosen = int(rows[int(rng.integers(len(rows)))])
        wave = np.concatenate(pieces)
        start = int(rng.integers(len(wave) - needed + 1))
        wave = wave[start : start + needed]
        if up != down:
            wave = np.asarray(resample_poly(wave, up, down), np.float32)
        return wave[:samples].astype(np.float32)

    def _sound(self, chosen: int, needed: int, rng: np.random.Generator) -> Wave:
        """A recording without the quiet at both ends, or `needed` samples from a longer one.

        At rms 1, so that a string of sounds is even.
        """
        first, last = (int(at) for at in self.sounds.offsets[chosen : chosen + 2])
        if last - first > needed:
            first += int(rng.integers(last - first - needed + 1))
            last = first + needed
        x = self.sounds.samples[first:last].astype(np.float32) / np.float32(32768)
        return unit_rms(trimmed(x, self.sounds.rate, _QUIET, 0.02))


def _faded(x: Wave, rate: int) -> Wave:
    size = min(round(_FADE * rate), len(x) // 2)
    if not size:
        return x
    ramp = ((np.arange(size) + 0.5) / size).astype(np.float32)
    x = x.copy()
    x[:size] *= ramp
    x[-size:] *= ramp[::-1]
    return x


def _sounding(wave: Wave, rate: int) -> bool:
    """No pause longer than `_PAUSE`."""
    powers = frame_powers(wave, rate)
    if not powers.size or powers.max() <= 0:
        return False
    loud = np.flatnonzero(powers > np.quantile(powers, 0.9) * 10 ** (-_QUIET / 10))
    ends = np.concatenate([[-1], loud, [len(powers)]])
    return bool(np.diff(ends).max() * (len(wave) / len(powers)) <= _PAUSE * rate)


def make_recorded_bank(
    folder: Path, count: int, seconds: float, seed: int, sounds: SpeechBank
) -> Bank:
    """Makes `count` rows of `seconds` from `sounds`; row i is a function of (seed, i).

    Raises InputError when the recordings are too quiet to fill a row.
    """
    recorded, samples = Recorded(sounds), round(seconds * sounds.rate)
    rows = np.empty((count, samples), np.float16)
    about: list[dict[str, Any]] = []
    for index in range(count):
        wave, groups = recorded.row(samples, np.random.default_rng([seed, index]))
        rows[index] = wave.clip(-6e4, 6e4)
        about.append({"family": "recorded", "seed": [seed, index], "groups": groups})
    return write_bank(folder, "noise", rows, about, sounds.rate)
