"""Levels of tones and of what disturbs them; any blocks give the same."""

import numpy as np
import pytest

from undrift.speech.levels import LevelMeter, gain_to, levels_of

RATE = 16000


def tone(amplitude: float, seconds: float = 2.0) -> np.ndarray:
    """(1, n): 1 kHz, so that each frame of 32 ms holds whole periods."""
    time = np.arange(round(seconds * RATE)) / RATE
    return (amplitude * np.sin(2 * np.pi * 1000 * time)).astype(np.float32)[None]


def decibels(level: float) -> float:
    return 20 * np.log10(level)


@pytest.mark.parametrize("amplitude", [1.0, 0.1, 0.001])
def test_a_sine_is_three_decibels_below_its_peak(amplitude: float) -> None:
    assert levels_of(tone(amplitude), RATE)[0] == pytest.approx(amplitude / 2**0.5, rel=1e-5)


def test_pauses_and_quiet_noise_do_not_count() -> None:
    drawn = np.random.default_rng(0).normal(0, 1e-3, (1, 300 * 512)).astype(np.float32)
    silence = np.zeros((1, 150 * 512), np.float32)
    speech = np.concatenate([tone(0.3, 1.92), drawn, silence, tone(0.3, 1.92)], 1)
    assert decibels(levels_of(speech, RATE)[0]) == pytest.approx(decibels(0.3 / 2**0.5), abs=0.01)


def test_a_click_hardly_counts() -> None:
    clean = tone(0.02, 1.0)
    clicked = clean.copy()
    clicked[0, 5000:5030] = 1
    quiet, loud = (decibels(levels_of(x, RATE)[0]) for x in (clean, clicked))
    rms = decibels(np.sqrt(np.square(clicked).mean()) / np.sqrt(np.square(clean).mean()))
    assert rms > 9 and 0 <= loud - quiet < 0.5


@pytest.mark.parametrize("gain", [0.25, 0.5, 2.0])
def test_the_level_follows_the_gain(gain: float) -> None:
    x = np.random.default_rng(0).normal(0, 0.1, (2, RATE)).astype(np.float32)
    assert levels_of(np.float32(gain) * x, RATE) == pytest.approx(gain * levels_of(x, RATE))


@pytest.mark.parametrize("size", [1, 511, 512, 513, 20000])
def test_any_blocks_give_the_same(size: int) -> None:
    x = np.random.default_rng(0).normal(0, 0.1, (2, 2100)).astype(np.float32)
    meter = LevelMeter(RATE)
    for start in range(0, x.shape[1], size):
        meter.push(x[:, start : start + size])
    assert np.array_equal(meter.levels(), levels_of(x, RATE))
    assert meter.frames == 2100 and np.array_equal(meter.peak, np.abs(x).max(1))


def test_silence_nothing_and_ten_milliseconds() -> None:
    assert LevelMeter(RATE).levels().shape == (0,) and LevelMeter(RATE).level() == 0
    assert levels_of(np.zeros((2, 0), np.float32), RATE).tolist() == [0, 0]
    assert levels_of(np.zeros((2, RATE), np.float32), RATE).tolist() == [0, 0]
    assert levels_of(tone(0.5, 0.01), RATE)[0] == pytest.approx(0.5 / 2**0.5, rel=1e-5)
    assert levels_of(np.full((1, RATE), -0.5, np.float32), RATE)[0] == 0  # an offset is no sound


def test_channels_and_clipped_samples() -> None:
    x = np.concatenate([tone(0.1), np.clip(tone(1.5), -1, 1)])
    meter = LevelMeter(RATE)
    meter.push(x)
    assert meter.level() == meter.levels()[1] > meter.levels()[0]
    # |1.5 sin| > 1 for 1 - 2 asin(2/3) / pi of the time.
    assert meter.clipped[0] == 0
    assert meter.clipped[1] / x.shape[1] == pytest.approx(1 - 2 * np.arcsin(2 / 3) / np.pi, abs=0.1)


def test_gains() -> None:
    assert gain_to(-20, -26) == pytest.approx(10 ** (6 / 20))
    assert gain_to(-20, -np.inf) == 1
