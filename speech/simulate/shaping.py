"""Building blocks of the noise generators: levels, filters by Fourier transform, slow envelopes.

Everything works on float32 arrays of shape (samples,) and draws from the generator it is given.
Filters are zero-phase products in the frequency domain; as noise has no beginning, their wrapping
around at the ends is no defect.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy import fft

Wave = np.ndarray  # float32 (samples,)


def unit_rms(x: np.ndarray) -> Wave:
    """x without its mean, at root mean square 1; all zeros stay zeros."""
    x = np.asarray(x, np.float64)
    x = x - x.mean()
    rms = float(np.sqrt(np.mean(x * x)))
    return (x / rms if rms > 0 else x).astype(np.float32)


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A number between low and high whose logarithm is uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def white(samples: int, rng: np.random.Generator) -> Wave:
    """Standard normal values."""
    return rng.standard_normal(samples, dtype=np.float32)


def fast_size(samples: int) -> int:
    """The next length whose real Fourier transform is quick."""
    return int(fft.next_fast_len(samples, real=True) or samples)


def filtered(x: Wave, rate: int, gain: Callable[[np.ndarray], np.ndarray]) -> Wave:
    """x times gain(frequencies in Hz) in the frequency domain."""
    size = fast_size(len(x))
    spectrum = np.asarray(fft.rfft(x, size))
    spectrum *= gain(np.arange(len(spectrum)) * (rate / size)).astype(np.float32)
    return np.asarray(fft.irfft(spectrum, size), np.float32)[: len(x)]


def power_law(slope: float, corner: float = 20.0) -> Callable[[np.ndarray], np.ndarray]:
    """Amplitude gain f^(-slope / 2), level below `corner` Hz: slope 0 white, 1 pink, 2 brown."""
    return lambda hz: np.maximum(hz, corner) ** (-slope / 2)


def band(low: float, high: float, order: int = 4) -> Callable[[np.ndarray], np.ndarray]:
    """Amplitude gain of a Butterworth-like band from low to high Hz; low 0 means no lower edge."""

    def gain(hz: np.ndarray) -> np.ndarray:
        upper = 1 / np.sqrt(1 + (hz / high) ** (2 * order))
        if low <= 0:
            return upper
        return upper / np.sqrt(1 + (low / np.maximum(hz, 1e-3)) ** (2 * order))

    return gain


def resonances(
    rng: np.random.Generator, count: int, low: float, high: float, sharp: tuple[float, float]
) -> Callable[[np.ndarray], np.ndarray]:
    """Sum of `count` resonances between low and high Hz, quality factors within `sharp`."""
    centres = [log_uniform(rng, low, high) for _ in range(count)]
    widths = [centre / log_uniform(rng, *sharp) for centre in centres]
    weights = 10 ** (rng.uniform(-20, 0, count) / 20)

    def gain(hz: np.ndarray) -> np.ndarray:
        total = np.zeros_like(hz)
        for centre, width, weight in zip(centres, widths, weights, strict=True):
            total += weight / np.sqrt(1 + ((hz - centre) / (width / 2)) ** 2)
        return total

    return gain


def random_equaliser(
    rng: np.random.Generator, spread_db: float, per_octave: float = 1.0
) -> Callable[[np.ndarray], np.ndarray]:
    """A smooth random gain over log frequency, `spread_db` its standard deviation in decibels."""
    octaves = np.arange(4, 15, 1 / per_octave)  # 16 Hz to 16 kHz and a little above
    values = rng.normal(0, spread_db, len(octaves))

    def gain(hz: np.ndarray) -> np.ndarray:
        return 10 ** (np.interp(np.log2(np.maximum(hz, 16.0)), octaves, values) / 20)

    return gain


def wander(samples: int, rate: int, hz: float, rng: np.random.Generator) -> Wave:
    """A slow random function of time, standard normal at its knots, about `hz` knots a second."""
    knots = max(2, int(np.ceil(samples / rate * hz)) + 1)
    at = np.linspace(0, knots - 1, samples)
    left = np.minimum(at.astype(np.int64), knots - 2)
    step = at - left
    smooth = step * step * (3 - 2 * step)
    values = rng.standard_normal(knots)
    return (values[left] * (1 - smooth) + values[left + 1] * smooth).astype(np.float32)


def phase_of(hz: np.ndarray, rate: int, start: float = 0.0) -> np.ndarray:
    """The phase (float64, radians) of a tone whose frequency in Hz is given at every sample."""
    return start + 2 * np.pi / rate * np.cumsum(hz, dtype=np.float64)


def convolved(x: Wave, kernel: np.ndarray) -> Wave:
    """The first len(x) samples of x * kernel."""
    size = fast_size(len(x) + len(kernel) - 1)
    product = np.asarray(fft.rfft(np.asarray(x, np.float32), size))
    product *= np.asarray(fft.rfft(np.asarray(kernel, np.float32), size))
    return np.asarray(fft.irfft(product, size), np.float32)[: len(x)]


def poisson_times(samples: int, rate: int, a_second: float, rng: np.random.Generator) -> np.ndarray:
    """Random sample positions, `a_second` of them a second on average; at least one."""
    count = max(1, int(rng.poisson(a_second * samples / rate)))
    return np.sort(rng.integers(0, samples, count))


def impulses(samples: int, times: np.ndarray, amplitudes: np.ndarray) -> Wave:
    """A train of single samples of the given amplitudes at the given positions."""
    return np.bincount(times, amplitudes, samples)[:samples].astype(np.float32)


def placed(samples: int, times: Sequence[int] | np.ndarray, pieces: Sequence[np.ndarray]) -> Wave:
    """The sum of the pieces, each started at its time and cut at the end."""
    out = np.zeros(samples, np.float32)
    for time, piece in zip(times, pieces, strict=True):
        end = min(samples, int(time) + len(piece))
        if end > time:
            out[int(time) : end] += piece[: end - int(time)]
    return out


def ringing(
    rate: int,
    seconds: float,
    modes: Sequence[tuple[float, float, float]],
    rng: np.random.Generator,
) -> Wave:
    """A struck body: sum of (hertz, decay in seconds, weight) damped tones with random phases."""
    t = np.arange(max(1, int(seconds * rate))) / rate
    total = np.zeros(len(t))
    for hz, decay, weight in modes:
        if hz < rate / 2:
            tone = np.sin(2 * np.pi * hz * t + rng.uniform(0, 2 * np.pi))
            total += weight * np.exp(-t / decay) * tone
    return total.astype(np.float32)
