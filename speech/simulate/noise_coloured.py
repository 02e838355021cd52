"""Training noises that are filtered Gaussian noise: coloured, speech-shaped, wandering bands.

Coloured noise has the power density f^-slope with a random slope (white 0, pink 1, brown 2; also
rising ones). Speech-shaped noise has formant-like resonances over a falling spectrum. Wandering
bands are several bands whose gains change on their own, as of a crowd of sources.
"""

import numpy as np

from undrift.speech.simulate.shaping import (
    Wave,
    band,
    filtered,
    log_uniform,
    power_law,
    resonances,
    wander,
    white,
)


def coloured(samples: int, rate: int, rng: np.random.Generator) -> Wave:
    """Stationary noise of power density f^-slope, slope from -1 to 2.5."""
    return filtered(white(samples, rng), rate, power_law(rng.uniform(-1.0, 2.5)))


def speech_shaped(samples: int, rate: int, rng: np.random.Generator) -> Wave:
    """Noise of the long-term shape of a voice: 3 to 6 broad formants over 6 to 12 dB an octave."""
    formants = resonances(rng, int(rng.integers(3, 7)), 200, 0.42 * rate, (1.5, 8))
    falling = power_law(rng.uniform(0.5, 2.0), corner=rng.uniform(80, 500))
    x = filtered(white(samples, rng), rate, lambda hz: (formants(hz) + 0.02) * falling(hz))
    if rng.random() < 0.5:  # the rhythm of syllables
        x = x * np.exp(0.6 * wander(samples, rate, rng.uniform(2, 9), rng))
    return x


def wandering_bands(samples: int, rate: int, rng: np.random.Generator) -> Wave:
    """3 to 8 noise bands, each with a gain of its own that changes over time."""
    total = np.zeros(samples, np.float32)
    for _ in range(int(rng.integers(3, 9))):
        centre = log_uniform(rng, 80, 0.45 * rate)
        width = log_uniform(rng, 0.1, 1.5)  # octaves
        low, high = centre * 2 ** (-width / 2), min(centre * 2 ** (width / 2), 0.5 * rate)
        x = filtered(white(samples, rng), rate, band(low, high, 3))
        x /= np.sqrt(np.mean(x * x)) + 1e-12
        depth = rng.uniform(0.2, 1.5)
        gain = np.exp(depth * wander(samples, rate, log_uniform(rng, 0.3, 12), rng))
        total += np.float32(10 ** (rng.uniform(-20, 0) / 20)) * gain * x
    return total


def bursts(samples: int, rate: int, rng: np.random.Generator) -> Wave:
    """Noise switched on and off with random colours: rustling, sweeping, breath."""
    total = np.zeros(samples, np.float32)
    start = 0
    while start < samples:
        length = min(int(log_uniform(rng, 0.03, 1.0) * rate) + 16, samples - start)
        x = filtered(white(length, rng), rate, power_law(rng.uniform(-1, 3)))
        x /= np.sqrt(np.mean(x * x)) + 1e-12
        rise, fall = rng.uniform(0.2, 2.0, 2)
        t = (np.arange(length) + 0.5) / length
        shape = t**rise * (1 - t) ** fall
        total[start : start + length] = x * shape * 10 ** (rng.uniform(-20, 0) / 20)
        start += length + int(rng.exponential(0.2) * rate * (rng.random() < 0.7))
    return total + np.float32(10 ** (rng.uniform(-40, -15) / 20)) * white(samples, rng)
