"""Speech-like sounds for smoke runs, made of nothing: vowels in syllables, and noise beside them.

A voice is a sum of harmonics of a gliding pitch, weighted by two resonances that change from
syllable to syllable, switched on and off. It has what enhancement is about (harmonics, pauses, a
spectrum that moves), and nothing of it is anyone's recording.
"""

from pathlib import Path

import numpy as np

from undrift.common.files import write_atomically

RATE = 16000
_SYLLABLE = 0.18  # seconds


def voice(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Float64 (samples,) with a peak of .5."""
    count = round(seconds * RATE)
    time = np.arange(count) / RATE
    syllables = int(seconds / _SYLLABLE) + 2
    places = np.arange(syllables) * _SYLLABLE
    pitch = np.interp(time, places, rng.uniform(90, 220, syllables))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    low, high = (np.interp(time, places, rng.uniform(*band, syllables))
                 for band in ((300, 800), (1000, 2400)))  # fmt: skip
    spoken = np.interp(time, places, rng.choice([0.0, 0.5, 1.0], syllables, p=[0.3, 0.3, 0.4]))
    wave = np.zeros(count)
    for k in range(1, 20):
        first, second = ((k * pitch - low) / 120, (k * pitch - high) / 200)
        wave += (1 / (1 + first**2) + 0.5 / (1 + second**2)) * np.sin(k * phase)
    wave *= spoken
    return 0.5 * wave / max(float(np.abs(wave).max()), 1e-9)


def hiss(count: int, rng: np.random.Generator) -> np.ndarray:
    """Float64 (samples,) of unit power: white and pinkish noise, half each."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    place = np.arange(len(spectrum)) + 1.0
    pink = np.fft.irfft(spectrum / np.sqrt(place / len(place)), count)
    both = pink / pink.std() + rng.standard_normal(count)
    return both / both.std()


def noisy_pair(seconds: float, snr: float, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """(clean, noisy), float64 (samples,), at `snr` dB over all samples."""
    clean = voice(seconds, rng)
    noise = hiss(len(clean), rng) * np.sqrt((clean**2).mean()) * 10 ** (-snr / 20)
    return clean, clean + noise


def write_pairs(folder: Path, count: int, seconds: float, seed: int) -> Path:
    """Writes `count` pairs at 0 to 10 dB as folder/clean and folder/noisy, 32-bit wav."""
    import soundfile

    for k in range(count):
        rng = np.random.default_rng([seed, k])
        for side, wave in zip(
            ("clean", "noisy"), noisy_pair(seconds, float(rng.uniform(0, 10)), rng), strict=True
        ):
            path = folder / side / f"{k}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(
                path,
                lambda part, wave=wave: soundfile.write(
                    part, wave, RATE, subtype="FLOAT", format="WAV"
                ),
            )
    return folder
