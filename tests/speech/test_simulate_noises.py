"""Noise families: levels, repeatability, disjoint splits, building blocks of known answers."""

import inspect
import math
import sys

import numpy as np
import pytest

from undrift.common.errors import InputError, UsageError
from undrift.speech.simulate import noise_held_out
from undrift.speech.simulate.noises import FAMILIES, families, noise
from undrift.speech.simulate.shaping import (
    filtered,
    impulses,
    phase_of,
    placed,
    poisson_times,
    power_law,
    ringing,
    unit_rms,
    white,
)

RATE = 16000
VOICES = [np.random.default_rng(i).standard_normal(9000).astype(np.float32) for i in range(4)]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_unit_level_and_depends_on_its_generator_alone(family: str) -> None:
    made = noise(family, 20000, RATE, rng(5), voices=VOICES)
    assert made.dtype == np.float32 and made.shape == (20000,)
    assert math.sqrt(np.mean(made.astype(float) ** 2)) == pytest.approx(1, abs=1e-5)
    assert abs(made.astype(float).mean()) < 1e-5
    np.testing.assert_array_equal(made, noise(family, 20000, RATE, rng(5), voices=VOICES))
    other = noise(family, 20000, RATE, rng(6), voices=VOICES)
    assert not np.array_equal(made, other)
    # two draws are different sounds, not the same one shifted or scaled
    assert abs(float(made.astype(float) @ other)) / 20000 < 0.5


@pytest.mark.parametrize("rate", [8000, 48000])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_made_at_other_rates(family: str, rate: int) -> None:
    made = noise(family, 4000, rate, rng(1), voices=VOICES)
    assert np.isfinite(made).all() and made.std() == pytest.approx(1, abs=1e-4)


def test_splits_share_no_generator() -> None:
    train, test = (set(families(split)) for split in ("train", "test"))
    assert train and test and not train & test and train | test == set(FAMILIES)
    makers = {split: {FAMILIES[n].make for n in names} for split, names in
              (("train", train), ("test", test))}  # fmt: skip
    assert not makers["train"] & makers["test"]
    held = {name for name, _ in inspect.getmembers(noise_held_out, inspect.isfunction)}
    for make in makers["train"]:
        module = sys.modules[make.__module__]
        assert module is not noise_held_out
        called = {name for f in vars(module).values() if inspect.isfunction(f) and f.__module__ ==
                  make.__module__ for name in f.__code__.co_names}  # fmt: skip
        own = {name for name in held if getattr(noise_held_out, name).__module__ ==
               noise_held_out.__name__}  # fmt: skip
        assert not called & own


def test_a_hammer_strikes_regularly_and_training_knocks_do_not() -> None:
    def regularity(family: str, seed: int) -> float:
        """The highest autocorrelation of the energy at 60 ms to 1.1 s."""
        energy = noise(family, 8 * RATE, RATE, rng(seed)).astype(float) ** 2
        slow = energy[: len(energy) // 160 * 160].reshape(-1, 160).mean(1)
        slow -= slow.mean()
        full = np.correlate(slow, slow, "full")[len(slow) - 1 :]
        return float((full[6:110] / full[0]).max())

    hammer = np.median([regularity("hammer", s) for s in range(7)])
    knocks = np.median([regularity("knocks", s) for s in range(7)])
    assert hammer > 0.4 and knocks < 0.4


def test_wrong_requests_say_what_to_do() -> None:
    with pytest.raises(UsageError, match=r"unknown noise family 'rains'.*did you mean 'rain'"):
        noise("rains", 1000, RATE, rng())
    with pytest.raises(InputError, match="made of voices"):
        noise("babble", 1000, RATE, rng())
    with pytest.raises(InputError, match="at least 16 samples"):
        noise("rain", 3, RATE, rng())
    with pytest.raises(InputError, match="8000 Hz"):
        noise("rain", 3000, 4000, rng())


@pytest.mark.parametrize("slope", [-1.0, 0.0, 1.0, 2.0])
def test_coloured_noise_has_its_slope(slope: float) -> None:
    x = filtered(white(1 << 17, rng(3)), RATE, power_law(slope)).astype(float)
    power = (np.abs(np.fft.rfft(x.reshape(128, -1), axis=1)) ** 2).mean(0)
    hz = np.fft.rfftfreq(1024, 1 / RATE)
    inside = slice(10, 400)
    fitted = np.polyfit(np.log(hz[inside]), np.log(power[inside]), 1)[0]
    assert fitted == pytest.approx(-slope, abs=0.06)


def test_building_blocks_give_what_is_known() -> None:
    phase = phase_of(np.full(RATE, 100.0), RATE)
    assert phase[-1] == pytest.approx(2 * np.pi * 100)
    np.testing.assert_array_equal(impulses(5, np.array([1, 1, 4]), np.array([1, 2, 3.0])),
                                  [0, 3, 0, 0, 3])  # fmt: skip
    np.testing.assert_array_equal(placed(4, [0, 2, 3], [np.ones(2), np.ones(9), np.ones(1)]),
                                  [1, 1, 1, 2])  # fmt: skip
    tone = ringing(RATE, 0.5, [(500.0, 0.05, 1.0)], rng())
    early, late = (float(np.sum(tone[a : a + 800] ** 2)) for a in (0, 1600))
    assert early / late == pytest.approx(math.exp(2 * 0.1 / 0.05), rel=1e-3)
    assert len(ringing(RATE, 0.5, [(9000.0, 0.05, 1.0)], rng())) == 8000  # beyond the band: silent
    assert not ringing(RATE, 0.5, [(9000.0, 0.05, 1.0)], rng()).any()
    counts = [len(poisson_times(RATE, RATE, 50, rng(s))) for s in range(200)]
    assert np.mean(counts) == pytest.approx(50, abs=3 * math.sqrt(50 / 200))
    assert not unit_rms(np.full(9, 4.0)).any()
