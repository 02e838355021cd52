"""Training noises made of many short events: keyboards, knocks, crackle, rain, traffic.

Events come at random times (a Poisson process) and go through the response of what they hit: a sum
of damped tones or a short burst of noise. Traffic is low noise whose level rises and falls with
every passing vehicle.
"""

import numpy as np

from undrift.speech.simulate.shaping import (
    Wave,
    convolved,
    filtered,
    impulses,
    log_uniform,
    placed,
    poisson_times,
    power_law,
    random_equaliser,
    ringing,
    wander,
    white,
)


def _knock(rate: int, rng: np.random.Generator, low: float, high: float, decay: float) -> Wave:
    modes = [
        (log_uniform(rng, low, min(high, 0.47 * rate)), decay * log_uniform(rng, 0.2, 1.5), weight)
        for weight in 10 ** (rng.uniform(-25, 0, int(rng.integers(3, 10))) / 20)
    ]
    body = ringing(rate, 6 * decay, modes, rng)
    t = np.arange(len(body)) / rate
    contact = white(len(body), rng) * np.exp(-t / (decay * rng.uniform(0.05, 0.4)))
    return (body + rng.uniform(0.1, 1.5) * contact).astype(np.float32)


def keyboard(samples: int, rate: int, rng: np.random.Generator) -> Wave:
    """Typing: clicks (down and up) of a few keys in bursts, 2 to 14 strokes a second."""
    keys = [_knock(rate, rng, 800, 7500, log_uniform(rng, 0.001, 0.008)) for _ in range(6)]
    thump = _knock(rate, rng, 90, 600, log_uniform(rng, 0.005, 0.03))
    speed, time, times, pieces = rng.uniform(2, 14), 0.0, [], []
    while time < samples / rate:
        level = 10 ** (rng.normal(0, 4) / 20)
        down, up = (keys[int(rng.integers(6))] for _ in range(2))
        times += [int(time * rate)] * 2 + [int((time + rng.uniform(0.04, 0.14)) * rate)]
        pieces += [level * down, level * rng.uniform(0, 0.8) * thump, 0.5 * level * up]
        time += rng.gamma(4, 1 / (4 * speed)) + (rng.random() < 0.08) * rng.exponential(0.8)
    floor = 10 ** (rng.uniform(-45, -25) / 20) * filtered(white(samples, rng), rate, power_law(1))
    return placed(samples, times, pieces) + floor.astype(np.float32)


def knocks(samples: int, rate: int, rng: np.random.Generator) -> Wave:
    """Dishes, doors, things put down: struck bodies of many sizes, half to eight a second."""
    times = poisson_times(samples, rate, log_uniform(rng, 0.5, 8), rng)
    low = log_uniform(rng, 60, 2500)
    pieces = [
        10 ** (rng.normal(0, 6) / 20)
        * _knock(rate, rng, low, low * rng.uniform(2, 8), log_uniform(rng, 0.004, 0.12))
        for _ in times
    ]
    return placed(samples, times, pieces) + np.float32(0.003) * white(samples, rng)


def crackle(samples: int, rate: int, rng: np.random.Generator) -> Wave:
    """Impulses of very unequal size, 5 to 500 a second: fire, vinyl, a bad contact."""
    times = poisson_times(samples, rate, log_uniform(rng, 5, 500), rng)
    amplitudes = rng.standard_t(rng.uniform(1.2, 4), len(times)).clip(-20, 20)
    kernel = _knock(rate, rng, 300, 7000, log_uniform(rng, 0.0002, 0.004))
    return convolved(impulses(samples, times, amplitudes), kernel)


def rain(samples: int, rate: int, rng: np.random.Generator) -> Wave:
    """Thousands of drops a second through a few responses, over a floor; also frying, gravel."""
    total = np.zeros(samples, np.float32)
    for _ in range(4):
        times = poisson_times(samples, rate, log_uniform(rng, 50, 3000), rng)
        sizes = rng.exponential(1, len(times)) ** rng.uniform(1, 2.5) * rng.choice(
            [-1, 1], len(times)
        )
        kernel = _knock(rate, rng, 500, 7800, log_uniform(rng, 0.0003, 0.006))
        layer = convolved(impulses(samples, times, sizes), kernel)
        total += 10 ** (rng.uniform(-12, 0) / 20) * layer / (np.sqrt(np.mean(layer**2)) + 1e-12)
    floor = filtered(white(samples, rng), rate, random_equaliser(rng, 5))
    floor /= np.sqrt(np.mean(floor * floor))
    return (total + 10 ** (rng.uniform(-25, 3) / 20) * floor).astype(np.float32)


def traffic(samples: int, rate: int, rng: np.random.Generator) -> Wave:
    """A road: low rumble, and vehicles that pass with a swelling hiss of tyres."""
    rumble = filtered(white(samples, rng), rate, power_law(rng.uniform(1.5, 3), corner=40))
    rumble /= np.sqrt(np.mean(rumble * rumble))
    total = rumble * np.exp(0.3 * wander(samples, rate, 0.5, rng))
    t = np.arange(samples) / rate
    for _ in range(int(rng.integers(1, 2 + int(samples / rate / 1.5)))):
        tyres = filtered(white(samples, rng), rate, random_equaliser(rng, 6))
        tyres = filtered(
            tyres, rate, power_law(rng.uniform(0.5, 1.6), corner=rng.uniform(300, 1200))
        )
        tyres /= np.sqrt(np.mean(tyres * tyres))
        closest, width = rng.uniform(-1, t[-1] + 1), log_uniform(rng, 0.2, 3)
        near = 1 / (1 + ((t - closest) / width) ** 2)
        total = total + 10 ** (rng.uniform(-12, 6) / 20) * near * tyres
    return total.astype(np.float32)
