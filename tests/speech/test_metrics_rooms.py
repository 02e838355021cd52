"""Ringing of rooms and the noise of recordings, where the answer is known."""

import math

import numpy as np
import pytest

from undrift.common.errors import InputError
from undrift.speech.metrics.blind import estimate_snr
from undrift.speech.metrics.rooms import drr, energy_decay, t60

RATE = 16000


def decaying(seconds: float, length: float = 1.5) -> np.ndarray:
    """exp(-c t) that falls by 60 dB in `seconds`."""
    return np.exp(-3 * math.log(10) / seconds * np.arange(round(length * RATE)) / RATE)


@pytest.mark.parametrize("seconds", [0.2, 0.5, 1.0])
@pytest.mark.parametrize("limits", [(-5.0, -25.0), (-5.0, -35.0), (0.0, -10.0)])
def test_an_exponential_decay_has_its_time(seconds: float, limits: tuple[float, float]) -> None:
    assert t60(decaying(seconds), RATE, limits=limits) == pytest.approx(seconds, rel=1e-6)


def test_noise_that_decays_has_its_time_nearly() -> None:
    noise = np.random.default_rng(0).standard_normal(round(1.5 * RATE))
    assert t60(noise * decaying(0.4), RATE) == pytest.approx(0.4, rel=0.05)


def test_decay_begins_at_nothing_and_falls() -> None:
    decay = energy_decay(decaying(0.3))
    assert decay[0] == 0
    assert (np.diff(decay) <= 0).all()


def test_direct_sound_over_the_rest() -> None:
    response = np.zeros(8000)
    response[100] = 1
    assert drr(response, RATE) == math.inf
    response[120] = 0.7  # within 2.5 ms of the peak: direct
    response[[1000, 2000]] = 0.3, 0.1
    assert drr(response, RATE) == pytest.approx(10 * math.log10(1.49 / 0.1))


def test_responses_that_tell_nothing() -> None:
    with pytest.raises(InputError, match="longer response"):
        t60([1.0, 0.5], RATE)
    with pytest.raises(InputError, match="not silent"):
        drr(np.zeros(100), RATE)
    with pytest.raises(InputError, match="one channel"):
        t60(np.ones((2, 100)), RATE)


@pytest.mark.parametrize("level", [0.0, 10.0, 20.0])
def test_noise_beside_syllables_is_estimated(level: float) -> None:
    t = np.arange(4 * RATE) / RATE
    syllables = np.clip(np.sin(2 * math.pi * 2 * t), 0, None)  # half of the time nothing
    voice = sum(np.sin(2 * math.pi * 150 * k * t) / k for k in range(1, 20)) * syllables
    noise = np.random.default_rng(1).standard_normal(len(t))
    noise *= np.linalg.norm(voice) / np.linalg.norm(noise) * 10 ** (-level / 20)
    assert estimate_snr(voice + noise, RATE) == pytest.approx(level, abs=2.5)
    assert estimate_snr(0.01 * (voice + noise), RATE) == pytest.approx(
        estimate_snr(voice + noise, RATE), abs=1e-6
    )


def test_noise_alone_is_far_below_and_errors_are_told() -> None:
    assert estimate_snr(np.random.default_rng(0).standard_normal(2 * RATE), RATE) < -3
    with pytest.raises(InputError, match="half a second"):
        estimate_snr(np.zeros(2 * RATE), RATE)
