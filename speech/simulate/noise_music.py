"""Training noise like music: chords of harmonic tones with envelopes, a melody, some vibrato.

Notes lie on an equal-tempered scale with a random tuning; a note is a sum of harmonics n f0 with a
random spectral slope, an attack and a decay, or a held tone. Nothing here strikes a drum: rhythms
are a test family.
"""

import numpy as np

from undrift.speech.simulate.shaping import Wave, log_uniform, placed, white

_SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 7, 9), (0, 3, 5, 7, 10))


def _note(rate: int, hz: float, seconds: float, voice: dict, rng: np.random.Generator) -> Wave:
    t = np.arange(int(seconds * rate) + 1) / rate
    bend = 1 + voice["vibrato"] * np.sin(2 * np.pi * voice["vibrato_hz"] * t)
    phase = 2 * np.pi * hz * np.cumsum(bend) / rate
    total = np.zeros(len(t))
    for n in range(1, max(2, min(voice["harmonics"], int(0.47 * rate / hz)) + 1)):
        fade = np.exp(-voice["damping"] * n * t)
        total += n ** -voice["slope"] * fade * np.sin(n * phase + rng.uniform(0, 2 * np.pi))
    rise = np.minimum(t / voice["attack"], 1)
    release = np.minimum((t[-1] - t) / 0.03, 1)
    return (total * rise * release * 10 ** (rng.normal(0, 3) / 20)).astype(np.float32)


def _voice(rng: np.random.Generator) -> dict:
    return {
        "harmonics": int(rng.integers(1, 16)),
        "slope": float(rng.uniform(0.4, 2.0)),
        "damping": 0.0 if rng.random() < 0.4 else log_uniform(rng, 0.3, 6),
        "attack": log_uniform(rng, 0.002, 0.2),
        "vibrato": 0.0 if rng.random() < 0.5 else log_uniform(rng, 1e-3, 1e-2),
        "vibrato_hz": float(rng.uniform(4, 7)),
    }


def music(samples: int, rate: int, rng: np.random.Generator) -> Wave:
    """Chords and a melody of two random instruments at a random tempo, over faint hiss."""
    beat = 60 / rng.uniform(50, 180)
    root = 110 * 2 ** rng.uniform(-1, 1)
    scale = _SCALES[int(rng.integers(len(_SCALES)))]
    chords, melody = _voice(rng), _voice(rng)
    times, pieces, time = [], [], -float(rng.uniform(0, beat))

    def hertz(step: int) -> float:
        return root * 2 ** (step // len(scale) + scale[step % len(scale)] / 12)

    step = int(rng.integers(7, 18))
    while time < samples / rate:
        base = int(rng.integers(0, 7))
        length = beat * int(rng.choice([1, 2, 4]))
        for third in range(int(rng.integers(0, 5))):
            pieces.append(_note(rate, hertz(base + 2 * third), length, chords, rng))
            times.append(max(0, int(time * rate)))
        sub = time
        while sub < time + length - 1e-6:
            short = beat / int(rng.choice([1, 2, 4]))
            step = int(np.clip(step + rng.integers(-3, 4), 5, 24))
            if rng.random() < 0.8:
                pieces.append(_note(rate, hertz(step), short * 1.1, melody, rng))
                times.append(max(0, int(sub * rate)))
            sub += short
        time += length
    return placed(samples, times, pieces) + np.float32(0.01) * white(samples, rng)
