"""Test noises: families that no training noise is made by, so that a model meets them unprepared.

Sirens and chirps (gliding tones), wind (1/f^2 noise in gusts), hammers and machine-guns (regular
hard blows on resonators), rotors (noise chopped by blades), bubbling water (rising damped tones, as
gas bubbles in a liquid ring: Minnaert 1933), drum rhythms. They come as they are: no random
equaliser, no wandering gain is put on them.
"""

import numpy as np

from undrift.speech.simulate.shaping import (
    Wave,
    filtered,
    log_uniform,
    phase_of,
    placed,
    poisson_times,
    power_law,
    ringing,
    wander,
    white,
)


def siren(samples: int, rate: int, rng: np.random.Generator) -> Wave:
    """A gliding or two-tone siren with harmonics, at times chirping."""
    low = rng.uniform(350, 800)
    high = low * rng.uniform(1.3, 2.6)
    t = np.arange(samples) / rate
    turn = (t / log_uniform(rng, 0.15, 4) + rng.random()) % 1
    shapes = (np.abs(2 * turn - 1), turn, (turn > 0.5).astype(float), np.sin(np.pi * turn) ** 2)
    glide = shapes[int(rng.integers(len(shapes)))]
    phase = phase_of(low * (high / low) ** glide, rate)
    tone = sum(np.sin(n * phase) / n ** rng.uniform(0.7, 2) for n in range(1, 6))
    return (tone * (1 + 0.2 * wander(samples, rate, 1, rng))).astype(np.float32)


def wind(samples: int, rate: int, rng: np.random.Generator) -> Wave:
    """Wind at the microphone: 1/f^2 noise whose level and colour follow gusts."""
    gust = wander(samples, rate, rng.uniform(0.4, 2.5), rng)
    deep = filtered(white(samples, rng), rate, power_law(rng.uniform(2, 3), corner=15))
    bright = filtered(white(samples, rng), rate, power_law(1.6, corner=150))
    deep, bright = (x / np.sqrt(np.mean(x * x)) for x in (deep, bright))
    return np.exp(0.9 * gust) * deep + 0.2 * np.exp(1.6 * gust) * bright


def hammer(samples: int, rate: int, rng: np.random.Generator) -> Wave:
    """Regular hard blows on one resonator: a hammer (1 a second) to a machine-gun (16 a second)."""
    period = 1 / log_uniform(rng, 1, 16)
    seconds = samples / rate
    times = np.arange(rng.uniform(0, min(period, 0.8 * seconds)), seconds, period)
    times = times + rng.normal(0, 0.01 * period, len(times))
    ratios = (1.0, 2.76, 5.40, 8.93)  # the modes of a free bar
    base, decay = log_uniform(rng, 150, 1800), log_uniform(rng, 0.02, 0.2)
    modes = [(base * ratio, decay / ratio, 1 / ratio**0.5) for ratio in ratios]
    blow = ringing(rate, 6 * decay, modes, rng)
    blast = white(len(blow), rng) * np.exp(-np.arange(len(blow)) / (0.006 * rate))
    blow = blow + rng.uniform(0.3, 2) * blast
    starts = (times * rate).astype(int).clip(0, samples - 1)
    return placed(samples, starts, [10 ** (rng.normal(0, 1.5) / 20) * blow for _ in starts])


def rotor(samples: int, rate: int, rng: np.random.Generator) -> Wave:
    """A helicopter: noise chopped by blades 8 to 28 times a second, slaps, a turbine's whine."""
    beat = rng.uniform(8, 28) * (1 + 0.01 * wander(samples, rate, 0.5, rng))
    phase = phase_of(beat, rate)
    chopped = np.exp(rng.uniform(3, 12) * (np.cos(phase) - 1))
    air = filtered(white(samples, rng), rate, power_law(1.4, corner=60))
    air /= np.sqrt(np.mean(air * air))
    slap = filtered(np.asarray(chopped - chopped.mean(), np.float32), rate, power_law(0.3, 40))
    whine = np.sin(phase_of(np.full(samples, rng.uniform(900, 3500)), rate))
    slap /= np.sqrt(np.mean(slap * slap))
    return ((0.15 + chopped) * air + 0.4 * slap + rng.uniform(0, 0.05) * whine).astype(np.float32)


def bubbles(samples: int, rate: int, rng: np.random.Generator) -> Wave:
    """Bubbling water: damped tones of 300 to 4000 Hz whose pitch rises, 10 to 150 a second."""
    times = poisson_times(samples, rate, log_uniform(rng, 10, 150), rng)
    pieces = []
    for _ in times:
        hz = log_uniform(rng, 300, min(4000, 0.4 * rate))
        decay = 13 / hz + 0.0072 * (hz / 1000) ** -1.5 * 0.5
        t = np.arange(int(5 * decay * rate) + 1) / rate
        rising = hz * (1 + rng.uniform(0, 0.4) * t / decay)
        pieces.append(
            (3000 / hz) ** 0.5
            * rng.exponential(1)
            * np.exp(-t / decay)
            * np.sin(phase_of(rising, rate))
        )
    return placed(samples, times, pieces) + np.float32(0.01) * white(samples, rng)


def drums(samples: int, rate: int, rng: np.random.Generator) -> Wave:
    """A rhythm of kick, snare and hi-hat on a grid of sixteenths."""
    t = np.arange(int(0.4 * rate)) / rate
    kick = np.sin(phase_of(50 + 120 * np.exp(-t / 0.03), rate)) * np.exp(
        -t / rng.uniform(0.06, 0.2)
    )
    snare = 0.5 * np.sin(2 * np.pi * rng.uniform(160, 240) * t) * np.exp(-t / 0.07)
    snare = snare + 0.6 * white(len(t), rng) * np.exp(-t / rng.uniform(0.05, 0.15))
    hiss = filtered(white(len(t), rng), rate, lambda hz: (hz > 0.3 * rate / 2).astype(float))
    hat = hiss * np.exp(-t / rng.uniform(0.02, 0.08))
    grid = 60 / rng.uniform(70, 170) / 4
    chances = [rng.random(16) * weight for weight in (0.8, 0.7, 1.2)]
    times, pieces = [], []
    for number, start in enumerate(np.arange(0, samples / rate, grid)):
        for piece, chance, level in zip((kick, snare, hat), chances, (1.2, 0.9, 0.4), strict=True):
            if chance[number % 16] > 0.4:
                times.append(min(int(start * rate), samples - 1))
                pieces.append(level * 10 ** (rng.normal(0, 1.5) / 20) * piece)
    return placed(samples, times, pieces) + np.float32(1e-3) * white(samples, rng)
