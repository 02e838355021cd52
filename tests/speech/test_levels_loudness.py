"""BS.1770 against the standard's own numbers, the signals of EBU Tech 3341, and pyloudnorm."""

import math

import numpy as np
import pytest

from undrift.speech.loudness import LoudnessMeter, k_weighting, loudness

# ITU-R BS.1770-4, tables 1 and 2: the coefficients at 48 kHz.
SHELF = [1.53512485958697, -2.69169618940638, 1.19839281085285, 1, -1.69065929318241,
         0.73248077421585]  # fmt: skip
HIGH_PASS = [1, -2, 1, 1, -1.99004745483398, 0.99007225036621]


def tone(levels: list[float], seconds: float, rate: int = 48000, hertz: float = 1000) -> np.ndarray:
    """(channels, n): a sine of each peak level in dBFS; -inf is silence."""
    wave = np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    return np.stack([10 ** (level / 20) * wave for level in levels]).astype(np.float32)


def test_coefficients_of_the_standard() -> None:
    assert np.allclose(k_weighting(48000), [SHELF, HIGH_PASS], rtol=0, atol=1e-9)


@pytest.mark.parametrize("rate", [16000, 44100, 48000, 96000])
def test_a_full_scale_sine(rate: int) -> None:
    # The bilinear shelf bends at low rates; meters may be 0.1 off (EBU Tech 3341).
    tolerance = 0.05 if rate < 44100 else 0.01
    assert loudness(tone([0], 5, rate, 997), rate) == pytest.approx(-3.01, abs=tolerance)
    # Two channels have twice the energy.
    assert loudness(tone([0, 0], 5, rate, 997), rate) == pytest.approx(0.0, abs=tolerance)


EBU = {  # EBU Tech 3341, table 1: levels in dBFS of a stereo sine and seconds; LUFS
    "1": ([(-23, 20)], -23.0),
    "2": ([(-33, 20)], -33.0),
    "3": ([(-36, 10), (-23, 60), (-36, 10)], -23.0),
    "4": ([(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)], -23.0),
    "5": ([(-26, 20), (-20, 20.1), (-26, 20)], -23.0),
}


@pytest.mark.parametrize("case", EBU)
def test_signals_of_the_broadcasters(case: str) -> None:
    parts, expected = EBU[case]
    x = np.concatenate([tone([level, level], seconds) for level, seconds in parts], 1)
    assert loudness(x, 48000) == pytest.approx(expected, abs=0.1)


def test_five_channels_of_the_broadcasters() -> None:
    """Case 6: left and right -28, centre -24, surround -30 dBFS."""
    five = tone([-28, -28, -24, -30, -30], 20)
    assert loudness(five, 48000) == pytest.approx(-23.0, abs=0.1)
    six = np.insert(five, 3, five[2], axis=0)  # the low-frequency channel does not count
    assert loudness(six, 48000) == pytest.approx(loudness(five, 48000), abs=1e-9)


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_equal_to_pyloudnorm(rate: int, channels: int) -> None:
    pyloudnorm = pytest.importorskip("pyloudnorm")
    rng = np.random.default_rng(0)
    gains = np.repeat(10 ** rng.uniform(-3, 0, 5), rate)[: 4 * rate + 99]
    x = (0.1 * rng.standard_normal((channels, len(gains))) * gains).astype(np.float32)
    expected = pyloudnorm.Meter(rate, filter_class="DeMan").integrated_loudness(x.T.astype(float))
    # It leaves the gain of the high-pass to the rate; here it is that of 48 kHz.
    gain = 20 * math.log10(k_weighting(rate)[1, 0])
    assert abs(gain) < (0.25 if rate < 48000 else 1e-12)
    assert loudness(x, rate) == pytest.approx(expected + gain, abs=1e-9)


@pytest.mark.parametrize("size", [1000, 4410, 12345])
def test_any_blocks_give_the_same(size: int) -> None:
    x = np.random.default_rng(0).normal(0, 0.1, (2, 44100 + 77)).astype(np.float32)
    meter = LoudnessMeter(44100)
    for start in range(0, x.shape[1], size):
        meter.push(x[:, start : start + size])
    assert meter.integrated() == loudness(x, 44100)


def test_silence_and_short_sounds() -> None:
    assert loudness(np.zeros((2, 48000), np.float32), 48000) == -math.inf
    assert loudness(np.zeros((1, 0), np.float32), 48000) == -math.inf
    assert LoudnessMeter(48000).integrated() == -math.inf
    assert loudness(tone([-80], 2), 48000) == -math.inf  # below the absolute gate
    assert loudness(tone([-20], 0.3), 48000) == pytest.approx(-23, abs=0.2)
