"""Mixtures: the asked ratio, samples that depend on (seed, n) alone, records that replay."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from undrift.common.errors import InputError, UsageError
from undrift.speech.simulate.banks import (
    SpeechBank,
    load_speech_bank,
    make_noise_bank,
    make_room_bank,
    save_speech_bank,
    speech_bank,
)
from undrift.speech.simulate.law import Law
from undrift.speech.simulate.levels import (
    active_power,
    floor_db,
    mix,
    noise_gain,
    snr,
    trimmed,
)
from undrift.speech.simulate.mixing import Mixer

RATE, WINDOW = 16000, 12000


def spoken(seconds: float, seed: int) -> np.ndarray:
    """A stand-in for speech: harmonics with syllables and pauses, silence at both ends."""
    t = np.arange(round(seconds * RATE)) / RATE
    rng = np.random.default_rng(seed)
    tone = sum(np.sin(2 * np.pi * 120 * (1 + 0.1 * seed) * n * t) / n for n in range(1, 20))
    gate = np.sin(2 * np.pi * 3 * t) > -0.3
    x = tone * gate * 0.1 + 1e-5 * rng.standard_normal(len(t))
    return np.concatenate([np.zeros(3200), x, np.zeros(4800)]).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("banks")


@pytest.fixture(scope="module")
def bank() -> SpeechBank:
    waves = [spoken(0.3 + 0.2 * k, k) for k in range(8)]
    return speech_bank(waves, RATE, [f"speaker {k % 2}" for k in range(8)])


@pytest.fixture(scope="module")
def mixer(folder: Path, bank: SpeechBank) -> Mixer:
    noises = make_noise_bank(folder, 16, 1.5, RATE, 1, voices=bank)
    rooms = make_room_bank(folder, 5, RATE, 2, t60=(0.2, 0.4))
    return Mixer(bank, noises, rooms, WINDOW, seed=3)


@pytest.mark.parametrize("asked", [-6.0, 0.0, 7.25, 30.0])
@pytest.mark.parametrize("by", ["active", "power"])
def test_ratio_is_the_asked_one(asked: float, by: str) -> None:
    s, n = spoken(2, 1), np.random.default_rng(0).standard_normal(40000).astype(np.float32)
    clean, noisy = mix(s, n[: len(s)], asked, RATE, by=by)
    np.testing.assert_array_equal(clean, s)
    assert snr(clean, noisy - clean, RATE, by) == pytest.approx(asked, abs=1e-6)
    response = np.array([1.0, 0, 0, 0.5])
    wet, noisy = mix(s, n[: len(s)], asked, RATE, response, by=by)
    np.testing.assert_allclose(wet, np.convolve(s, response)[: len(s)], atol=1e-12)
    assert snr(wet, noisy - wet, RATE, by) == pytest.approx(asked, abs=1e-6)


def test_ratio_of_loudness_is_the_asked_one() -> None:
    s, n = spoken(2, 1), np.random.default_rng(0).standard_normal(40000)
    clean, noisy = mix(s, n, 4.5, RATE, by="loudness")
    assert snr(clean, noisy - clean, RATE, "loudness") == pytest.approx(4.5, abs=1e-4)  # float32


def test_pauses_do_not_lower_the_active_level() -> None:
    tone = 0.1 * np.sin(2 * np.pi * 500 / RATE * np.arange(31 * 512))  # whole periods a frame
    paused = np.concatenate([tone, np.zeros(3 * 31 * 512)])
    assert active_power(tone, RATE) == pytest.approx(0.005, rel=1e-3)
    assert active_power(paused, RATE) == pytest.approx(0.005, rel=1e-3)
    noise = np.full(len(paused), 0.1)
    assert snr(paused, noise, RATE) == pytest.approx(10 * math.log10(0.5), abs=0.01)
    assert snr(paused, noise, RATE, "power") == pytest.approx(10 * math.log10(0.125), abs=0.01)


def test_silence_has_defined_results() -> None:
    quiet, tone = np.zeros(4000), np.sin(np.arange(4000))
    assert snr(quiet, tone, RATE) == -math.inf and snr(tone, quiet, RATE) == math.inf
    assert noise_gain(quiet, tone, 5, RATE) == 1 and noise_gain(tone, quiet, 5, RATE) == 1
    assert active_power(np.zeros(0), RATE) == 0
    np.testing.assert_array_equal(trimmed(quiet, RATE), quiet)
    with pytest.raises(InputError, match="two equal"):
        mix(tone, tone[1:], 0, RATE)
    with pytest.raises(UsageError, match="did you mean 'power'"):
        snr(tone, tone, RATE, "powr")


def test_utterances_are_trimmed_and_their_floor_measured() -> None:
    x = spoken(1.0, 0)
    cut = trimmed(x, RATE)
    assert 15000 < len(cut) < len(x) - 5500 and np.shares_memory(cut, x)
    assert float((cut**2).sum()) == pytest.approx(float((x**2).sum()), rel=1e-6)
    hiss = np.random.default_rng(0).standard_normal(len(x)) * 1e-3
    quiet = 10 * math.log10(1e-6 / active_power(x, RATE))
    assert floor_db(x + hiss, RATE) == pytest.approx(quiet, abs=0.6)


def test_a_bank_comes_back_from_the_disc(folder: Path, bank: SpeechBank) -> None:
    save_speech_bank(folder / "speech", bank)
    again = load_speech_bank(folder / "speech")
    assert again.speakers == bank.speakers and again.rate == RATE and len(again) == 8
    for a, b in zip(again, bank, strict=True):
        np.testing.assert_array_equal(a, b)
    one = bank.of(["speaker 1"])
    assert set(one.speakers) == {"speaker 1"} and len(one) == 4
    np.testing.assert_array_equal(one[0], bank[1])
    with pytest.raises(InputError, match="holds no bank"):
        load_speech_bank(folder / "nothing")
    with pytest.raises(InputError, match="a speaker for each"):
        speech_bank([spoken(1, 0)], RATE, ["a", "b"])


def test_banks_are_functions_of_seed_and_row(folder: Path) -> None:
    few = make_noise_bank(folder / "few", 3, 0.5, RATE, 9)
    more = make_noise_bank(folder / "more", 5, 0.5, RATE, 9)
    np.testing.assert_array_equal(few.rows, more.rows[:3])
    assert few.mark != more.mark and "babble" not in [a["family"] for a in more.about]


def test_a_sample_depends_on_seed_and_number_alone(mixer: Mixer, bank: SpeechBank) -> None:
    first = [mixer.sample(n) for n in range(6)]
    other = Mixer(bank, mixer.noise, mixer.rooms, WINDOW, seed=3)
    for n in (5, 0, 3):
        again = other.sample(n)
        np.testing.assert_array_equal(first[n]["noisy"], again["noisy"])
        np.testing.assert_array_equal(first[n]["clean"], again["clean"])
        assert first[n]["record"] == again["record"]
    different = Mixer(bank, mixer.noise, mixer.rooms, WINDOW, seed=4).sample(0)
    assert not np.array_equal(different["noisy"], first[0]["noisy"])


def test_records_replay_to_the_bit_after_json(mixer: Mixer) -> None:
    for n in range(25):
        sample = mixer.sample(n)
        clean, noisy = mixer.make(json.loads(json.dumps(sample["record"])))
        np.testing.assert_array_equal(clean, sample["clean"])
        np.testing.assert_array_equal(noisy, sample["noisy"])
        assert clean.dtype == noisy.dtype == np.float32 and clean.shape == (WINDOW,)
        assert np.abs(noisy).max() <= 0.9901 and np.isfinite(clean).all()


def test_samples_have_the_drawn_ratio_level_and_one_speaker(mixer: Mixer) -> None:
    checked = 0
    for n in range(60):
        record = mixer.draw(n)
        assert {mixer.speech.speakers[row] for row, _, _ in record["speech"]} == {record["speaker"]}
        simple = record["room"] is record["band"] is record["clip"] is None
        if not simple or record["snr"] is None:
            continue
        clean, noisy = mixer.make(record)
        noise = noisy.astype(np.float64) - clean
        assert snr(clean, noise, RATE) == pytest.approx(record["snr"], abs=0.01)
        if np.abs(noisy).max() < 0.98:
            level = 10 * math.log10(active_power(clean, RATE))
            assert level == pytest.approx(record["level"], abs=0.01)
        checked += 1
    assert checked > 15


def test_shares_are_those_of_the_law(mixer: Mixer) -> None:
    law, drawn = mixer.law, [mixer.draw(n) for n in range(800)]

    def share(values: list[bool]) -> float:
        return sum(values) / len(values)

    noisy = [r for r in drawn if r["noise"]]
    for found, asked in [
        (share([r["room"] is not None for r in drawn]), law.reverberant),
        (share([not r["noise"] for r in drawn]), law.no_noise),
        (share([len(r["noise"]) == 2 for r in noisy]), law.two_noises),
        (share([r["speed"] != 1 for r in drawn]), law.speed_changed),
    ]:
        assert found == pytest.approx(asked, abs=4 * math.sqrt(asked * (1 - asked) / 700))
    ratios = [r["snr"] for r in noisy]
    assert min(ratios) >= -6 and max(ratios) <= 18
    assert np.mean(ratios) == pytest.approx(6, abs=4 * 24 / math.sqrt(12 * 700))


def test_speed_moves_the_pitch_and_early_target_keeps_reflections(folder: Path) -> None:
    tone = np.sin(2 * np.pi * 440 / RATE * np.arange(4 * RATE))
    still = Law(reverberant=0, no_noise=1, speech_db=0, speed_changed=1, speed=(1.1, 1.1),
                band_limited=0, clipped=0)  # fmt: skip
    bank = speech_bank([tone], RATE)
    mixer = Mixer(bank, None, None, WINDOW, law=still)
    number = next(n for n in range(20) if mixer.draw(n)["speech"][0][1] > 0)  # in mid-tone
    sample = mixer.sample(number)
    spectrum = np.abs(np.fft.rfft(sample["clean"] * np.hanning(WINDOW), 8 * WINDOW))
    assert spectrum.argmax() * RATE / (8 * WINDOW) == pytest.approx(
        440 * sample["record"]["played"], rel=1e-3
    )
    assert sample["record"]["played"] == pytest.approx(1.1, rel=0.03)
    np.testing.assert_array_equal(sample["clean"], sample["noisy"])
    rooms = make_room_bank(folder / "early", 2, RATE, 5)
    wet = Law(reverberant=1, no_noise=1, clipped=0, band_limited=0)
    early = Law(reverberant=1, no_noise=1, clipped=0, band_limited=0, target="early", early=9.0)
    a, b = (Mixer(bank, None, rooms, WINDOW, law=law).sample(1) for law in (wet, early))
    np.testing.assert_array_equal(a["noisy"], b["noisy"])
    np.testing.assert_array_equal(b["clean"], b["noisy"])  # all of the response is early
    assert not np.allclose(a["clean"], a["noisy"], atol=1e-3)


def test_mixers_refuse_what_does_not_fit(mixer: Mixer, bank: SpeechBank, folder: Path) -> None:
    with pytest.raises(InputError, match="make a bank of longer"):
        Mixer(bank, mixer.noise, None, 10**6)
    other = make_noise_bank(folder / "8k", 1, 2.0, 8000, 0)
    with pytest.raises(InputError, match="expected one rate"):
        Mixer(bank, other, None, WINDOW)
