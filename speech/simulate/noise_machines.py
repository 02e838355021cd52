"""Training noises of machines: mains hum, fans, engines, appliances.

A rotating machine is a comb of harmonics of its frequency, which drifts, over broadband noise that
the rotation modulates. Mains hum is a comb of 50 or 60 Hz, or of twice that.
"""

import numpy as np

from undrift.speech.simulate.shaping import (
    Wave,
    filtered,
    log_uniform,
    phase_of,
    power_law,
    random_equaliser,
    resonances,
    wander,
    white,
)


def comb(
    f0: np.ndarray, rate: int, rng: np.random.Generator, slope: float, most: int = 40
) -> np.ndarray:
    """Harmonics of the wandering frequency f0 (samples,) with amplitudes n^-slope, randomised."""
    phase = phase_of(f0, rate)
    count = int(min(most, 0.48 * rate / float(f0.max())))
    total = np.zeros(len(f0))
    for n in range(1, max(count, 1) + 1):
        amplitude = n**-slope * 10 ** (rng.uniform(-15, 0) / 20)
        if rng.random() < 0.8:
            total += amplitude * np.sin(n * phase + rng.uniform(0, 2 * np.pi))
    return total / (np.sqrt(np.mean(total * total)) + 1e-12)


def hum(samples: int, rate: int, rng: np.random.Generator) -> Wave:
    """Mains hum with harmonics, its frequency and level drifting, over a little hiss."""
    base = float(rng.choice([50.0, 60.0, 100.0, 120.0])) * (1 + rng.normal(0, 2e-3))
    f0 = base * (1 + 1e-3 * wander(samples, rate, 0.5, rng))
    x = comb(f0, rate, rng, rng.uniform(0.2, 2.0))
    x *= 1 + 0.2 * wander(samples, rate, 1.0, rng)
    hiss = filtered(white(samples, rng), rate, power_law(rng.uniform(0, 1)))
    hiss /= np.sqrt(np.mean(hiss * hiss))
    return (x + 10 ** (rng.uniform(-35, -5) / 20) * hiss).astype(np.float32)


def fan(samples: int, rate: int, rng: np.random.Generator) -> Wave:
    """Broadband air noise with resonances, modulated by the blades, and their tones."""
    blades = log_uniform(rng, 20, 400)
    f0 = blades * (1 + 0.01 * wander(samples, rate, 0.7, rng))
    ducts = resonances(rng, int(rng.integers(1, 5)), 100, 0.3 * rate, (1, 10))
    falling = power_law(rng.uniform(0.5, 2.2), corner=rng.uniform(40, 300))
    air = filtered(white(samples, rng), rate, lambda hz: (ducts(hz) + 0.1) * falling(hz))
    air /= np.sqrt(np.mean(air * air))
    air *= 1 + rng.uniform(0, 0.6) * np.sin(phase_of(f0 / int(rng.integers(1, 8)), rate))
    tones = comb(f0, rate, rng, rng.uniform(0.3, 1.5), most=16)
    return (air + 10 ** (rng.uniform(-25, 0) / 20) * tones).astype(np.float32)


def engine(samples: int, rate: int, rng: np.random.Generator) -> Wave:
    """A combustion engine: firing pulses through an exhaust, its speed rising and falling."""
    firing = log_uniform(rng, 15, 120)
    f0 = firing * np.exp(rng.uniform(0.02, 0.35) * wander(samples, rate, rng.uniform(0.2, 1), rng))
    phase = phase_of(f0, rate)
    sharp = rng.uniform(2, 20)
    pulses = np.exp(sharp * (np.cos(phase) - 1)) * (1 + 0.3 * np.cos(phase / rng.integers(2, 5)))
    rough = pulses * (1 + rng.uniform(0.2, 1.5) * white(samples, rng))
    exhaust = resonances(rng, int(rng.integers(2, 6)), 60, 0.25 * rate, (1, 6))
    falling = power_law(rng.uniform(0.3, 1.5), corner=100)
    rough = (rough - rough.mean()).astype(np.float32)
    return filtered(rough, rate, lambda hz: (exhaust(hz) + 0.05) * falling(hz))


def appliance(samples: int, rate: int, rng: np.random.Generator) -> Wave:
    """A vacuum cleaner, drill or mixer: a high comb that sags under load, and strong air noise."""
    base = log_uniform(rng, 150, 1500)
    load = 1 - np.abs(rng.uniform(0.02, 0.25) * wander(samples, rate, rng.uniform(0.5, 4), rng))
    tones = comb(base * load, rate, rng, rng.uniform(0.0, 1.2), most=25)
    side = 1 + rng.uniform(0, 0.7) * np.sin(phase_of(np.full(samples, rng.uniform(8, 120)), rate))
    air = filtered(white(samples, rng), rate, random_equaliser(rng, 8))
    air /= np.sqrt(np.mean(air * air))
    mixed = side * tones + 10 ** (rng.uniform(-10, 15) / 20) * load**3 * air
    return mixed.astype(np.float32)
