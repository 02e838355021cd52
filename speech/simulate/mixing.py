"""`Mixer`: endless training pairs, sample n a function of (seed, n) alone.

A sample is drawn as a record of plain numbers (`draw`) and then made from it (`make`); making a
stored record again gives the same bits. Noise and rooms come from banks (`banks`). One sample has
one speaker: utterances of his or hers with pauses between them until the window is full.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import fft

from undrift.common.errors import InputError
from undrift.speech.simulate.banks import Bank, SpeechBank
from undrift.speech.simulate.law import Law
from undrift.speech.simulate.levels import active_power, noise_gain
from undrift.speech.simulate.shaping import Wave, fast_size

_OCTAVES = np.arange(5.0, 15.0)  # 32 Hz to 16 kHz: the knots of the random equalisers
_PEAK = 0.99  # a recording's gain is set so that it fits
_MARGIN = 256  # samples on either side that a change of speed may spoil


@dataclass
class Mixer:
    """speech, noise, rooms: banks at one rate; noise and rooms may be None. samples: of a window.

    Raises InputError when the rates differ or a noise is shorter than the window.
    """

    speech: SpeechBank
    noise: Bank | None
    rooms: Bank | None
    samples: int
    seed: int = 0
    law: Law = field(default_factory=Law)

    def __post_init__(self) -> None:
        """Checks the banks and sorts the utterances by speaker."""
        rates = {bank.rate for bank in (self.speech, self.noise, self.rooms) if bank is not None}
        if len(rates) > 1:
            raise InputError(f"the banks have the rates {sorted(rates)} Hz; expected one rate")
        if self.noise is not None and self.noise.rows.shape[1] < self.samples:
            raise InputError(
                f"noises of {self.noise.rows.shape[1]} samples for windows of {self.samples}; make "
                "a bank of longer ones"
            )
        self.rate = self.speech.rate
        self._lengths = np.diff(self.speech.offsets)
        self._of: dict[str, np.ndarray] = {
            name: np.flatnonzero([s == name for s in self.speech.speakers])
            for name in sorted(set(self.speech.speakers))
        }
        seconds = np.array([self._lengths[rows].sum() for rows in self._of.values()], float)
        self._shares = np.sqrt(seconds) / np.sqrt(seconds).sum()
        self._names = list(self._of)

    def sample(self, n: int) -> dict[str, Any]:
        """{"clean", "noisy": float32 (samples,), "record": dict} of sample n."""
        record = self.draw(n)
        clean, noisy = self.make(record)
        return {"clean": clean, "noisy": noisy, "record": record}

    def draw(self, n: int) -> dict[str, Any]:
        """All drawn numbers of sample n, as JSON can hold them."""
        law, rng = self.law, np.random.default_rng([self.seed, n])

        def happens(share: float) -> bool:
            return bool(rng.random() < share)

        speed = float(rng.uniform(*law.speed)) if happens(law.speed_changed) else 1.0
        record: dict[str, Any] = {"n": n, "seed": self.seed, "speed": speed}
        record["played"] = self._played(speed)
        record["speaker"], record["speech"] = self._speech(rng, speed)
        record["speech_eq"] = _curve(rng, law.speech_db)
        record["level"] = float(rng.uniform(*law.level))
        record["room"] = None
        if self.rooms is not None and happens(law.reverberant):
            record["room"] = int(rng.integers(len(self.rooms.rows)))
        record["noise"], record["snr"] = [], None
        if self.noise is not None and not happens(law.no_noise):
            record["snr"] = float(rng.uniform(*law.snr))
            record["noise"] = [
                self._noise(self.noise, rng) for _ in range(1 + happens(law.two_noises))
            ]
        record["band"] = float(rng.uniform(*law.band_hz)) if happens(law.band_limited) else None
        record["clip"] = float(rng.uniform(*law.clip_db)) if happens(law.clipped) else None
        return record

    def _played(self, speed: float) -> float:
        """The speed in truth: windows have lengths whose Fourier transform is quick."""
        played = fast_size(self.samples + 2 * _MARGIN)
        return fast_size(round(played * speed)) / played

    def _speech(self, rng: np.random.Generator, speed: float) -> tuple[str, list[list[int]]]:
        """The speaker and pieces [utterance, its first sample, where it starts in the window]."""
        speaker = self._names[int(rng.choice(len(self._names), p=self._shares))]
        rows, pieces = self._of[speaker], []
        window = round((self.samples + 2 * _MARGIN) * speed)
        at = 0
        while at < window:
            row = int(rows[int(rng.integers(len(rows)))])
            length = int(self._lengths[row])
            first = 0
            if not pieces:  # the window opens anywhere: in an utterance, or in a pause before it
                spare = max(length - window, length // 2)
                first = int(rng.integers(0, spare + 1)) if rng.random() < 0.7 else 0
                at = int(rng.uniform(*self.law.pause) * self.rate) if first == 0 else 0
            pieces.append([row, first, at])
            at += length - first + int(rng.uniform(*self.law.pause) * self.rate) + 1
        return speaker, pieces

    def _noise(self, noise: Bank, rng: np.random.Generator) -> dict[str, Any]:
        row = int(rng.integers(len(noise.rows)))
        spare = noise.rows.shape[1] - self.samples
        return {
            "row": row,
            "family": noise.about[row].get("family"),
            "start": int(rng.integers(spare + 1)),
            "db": float(rng.uniform(-10, 0)),
            "eq": _curve(rng, self.law.noise_db),
        }

    def make(self, record: dict[str, Any]) -> tuple[Wave, Wave]:
        """(clean, noisy), float32 (samples,), of a drawn record."""
        dry = self._voice(record)
        dry *= 10 ** (record["level"] / 20) / np.sqrt(max(active_power(dry, self.rate), 1e-12))
        wet, clean = dry, dry
        if record["room"] is not None and self.rooms is not None:
            h = self.rooms.rows[record["room"]].astype(np.float32)
            wet = self._convolved(dry, h)
            if self.law.target == "early":
                clean = self._convolved(dry, h[: round(self.law.early * self.rate)])
        noisy = wet
        if record["noise"] and self.noise is not None:
            n = self._noises(self.noise, record["noise"])
            noisy = wet + np.float32(noise_gain(wet, n, record["snr"], self.rate)) * n
        if record["band"] is not None:
            clean, noisy = (self._low_passed(x, record["band"]) for x in (clean, noisy))
        if record["clip"] is not None:
            most = float(np.abs(noisy).max()) * 10 ** (-record["clip"] / 20)
            noisy = noisy.clip(-most, most)
        gain = np.float32(min(1.0, _PEAK / max(float(np.abs(noisy).max()), 1e-9)))
        return clean * gain, noisy * gain

    def _voice(self, record: dict[str, Any]) -> Wave:
        played = fast_size(self.samples + 2 * _MARGIN)
        size = round(played * record["played"])
        window = round((self.samples + 2 * _MARGIN) * record["speed"])
        x = np.zeros(window, np.float32)
        for row, first, at in record["speech"]:
            start = int(self.speech.offsets[row]) + first
            length = min(int(self.speech.offsets[row + 1]) - start, window - at)
            if length > 0:
                piece = self.speech.samples[start : start + length].astype(np.float32) / 32768
                power = max(active_power(piece, self.rate), 1e-10)
                x[at : at + length] = piece * np.float32(0.05 / np.sqrt(power))
        spectrum = np.asarray(fft.rfft(x, size))
        hz = np.arange(len(spectrum)) * np.float32(self.rate / size)
        spectrum *= _gain(record["speech_eq"], hz)
        return _replayed(spectrum, size, played)[_MARGIN:][: self.samples]

    def _noises(self, noise: Bank, asked: list[dict[str, Any]]) -> Wave:
        total = np.zeros(self.samples, np.float32)
        for one in asked:
            row = noise.rows[one["row"], one["start"] : one["start"] + self.samples]
            x = row.astype(np.float32)
            size = fast_size(self.samples)
            spectrum = np.asarray(fft.rfft(x, size))
            hz = np.arange(len(spectrum)) * np.float32(self.rate / size)
            x = np.asarray(fft.irfft(spectrum * _gain(one["eq"], hz), size))[: self.samples]
            rms = float(np.sqrt(np.mean(x * x)))
            total += x * np.float32(10 ** (one["db"] / 20) / max(rms, 1e-6))
        return total

    def _convolved(self, x: Wave, h: Wave) -> Wave:
        size = fast_size(len(x) + len(h) - 1)
        product = np.asarray(fft.rfft(x, size)) * np.asarray(fft.rfft(h, size))
        return np.asarray(fft.irfft(product, size), np.float32)[: len(x)]

    def _low_passed(self, x: Wave, edge: float) -> Wave:
        size = fast_size(len(x))
        spectrum = np.asarray(fft.rfft(x, size))
        hz = np.arange(len(spectrum)) * (self.rate / size)
        spectrum *= ((edge * 1.06 - hz) / (0.12 * edge)).clip(0, 1).astype(np.float32)
        return np.asarray(fft.irfft(spectrum, size), np.float32)[: len(x)]


def _curve(rng: np.random.Generator, spread_db: float) -> list[float]:
    return [round(float(v), 3) for v in rng.normal(0, spread_db, len(_OCTAVES))]


def _gain(curve: list[float], hz: np.ndarray) -> np.ndarray:
    knots = np.interp(np.arange(5.0, 15.0, 0.0625), _OCTAVES, curve)
    fine = 10 ** (knots / 20)
    at = np.log2(np.maximum(hz, 33.0)) * 16 - 80
    return fine[at.astype(np.int32).clip(0, len(fine) - 1)].astype(np.float32)


def _replayed(spectrum: np.ndarray, size: int, length: int) -> Wave:
    """The periodic signal of a spectrum of `size` samples at `length` samples: another speed."""
    bins = length // 2 + 1
    if bins < len(spectrum):
        cut = spectrum[:bins]
    else:
        cut = np.concatenate([spectrum, np.zeros(bins - len(spectrum), spectrum.dtype)])
    return np.asarray(fft.irfft(cut, length), np.float32) * np.float32(length / size)
