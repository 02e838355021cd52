"""Recorded recordings: replay to the bit, published mixing recipes, the command on files."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from undrift.cli import main
from undrift.common.errors import InputError, UsageError
from undrift.speech.simulate import simulate as simulate_package
from undrift.speech.simulate.conditions import CONDITIONS
from undrift.speech.simulate.levels import snr
from undrift.speech.simulate.noise_files import open_noises
from undrift.speech.simulate.recording import simulate

RATE = 16000


def spoken(seconds: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * (110 + 20 * seed) * n * t) / n for n in range(1, 12))
    return (0.05 * tone * (np.sin(2 * np.pi * 3 * t) > -0.4) + 1e-5 * rng.standard_normal(len(t)))\
        .astype(np.float32)  # fmt: skip


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    folder = tmp_path / "speech"
    (folder / "anna").mkdir(parents=True)
    for number, name in enumerate(("anna/one.wav", "anna/two.wav", "three.flac")):
        soundfile.write(folder / name, spoken(0.6 + 0.2 * number, number), RATE, "PCM_16")
    return folder


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    folder = tmp_path / "noise"
    folder.mkdir()
    rng = np.random.default_rng(9)
    for name, rate, channels in (("long.wav", RATE, 2), ("other.wav", 8000, 1)):
        soundfile.write(folder / name, 0.1 * rng.standard_normal((2 * rate, channels)), rate)
    return folder


def test_the_package_offers_what_it_says() -> None:
    assert simulate_package is simulate


@pytest.mark.parametrize("name", ["train", "test", "noise", "reverb", "wsj0-reverb"])
def test_a_record_makes_the_same_bits(name: str) -> None:
    s = spoken(0.7, 1)
    made = simulate(s, RATE, name, seed=4, item="a")
    again = simulate(s, RATE, name, record=json.loads(json.dumps(made.record)))
    np.testing.assert_array_equal(made.clean, again.clean)
    np.testing.assert_array_equal(made.noisy, again.noisy)
    assert again.record == made.record
    assert not np.array_equal(made.noisy, simulate(s, RATE, name, seed=5, item="a").noisy)
    assert not np.array_equal(made.noisy, simulate(s, RATE, name, seed=4, item="b").noisy)
    tail = round(CONDITIONS[name].tail * RATE)
    assert made.clean.shape == made.noisy.shape == (len(s) + tail,)


def test_noise_comes_at_the_drawn_ratio_and_clean_is_the_speech() -> None:
    s, seen = spoken(1.0, 2), []
    for seed in range(12):
        made = simulate(s, RATE, "noise", seed=seed)
        noise = made.noisy.astype(np.float64) - made.clean
        assert snr(made.clean, noise, RATE) == pytest.approx(made.record["snr"], abs=1e-3)
        np.testing.assert_allclose(made.clean, s * made.record["gain"], rtol=1e-6)
        assert np.abs(made.noisy).max() <= 0.991
        seen.append(made.record["snr"])
    assert -5 <= min(seen) < 3 and 7 < max(seen) <= 15


def test_published_recipes_follow_their_laws(recordings: Path) -> None:
    s, noises = spoken(1.0, 2), open_noises(str(recordings))
    for name, low, high in (("wsj0-chime3", 0, 20), ("wsj0-chime3-storm", -6, 14)):
        made = [simulate(s, RATE, name, seed=seed, noises=noises) for seed in range(8)]
        for one in made:
            noise = one.noisy.astype(np.float64) - one.clean
            assert low <= one.record["snr"] <= high and one.record["gain"] == 1
            assert snr(one.clean, noise, RATE, "power") == pytest.approx(
                one.record["snr"], abs=1e-3
            )
    for seed in range(8):
        one = simulate(s * 4, RATE, "ears-wham", seed=seed, noises=noises)
        noise = one.noisy.astype(np.float64) - one.clean
        ratio = one.record["snr_made"]
        assert snr(one.clean, noise, RATE, "loudness") == pytest.approx(ratio, abs=0.02)
        assert round(one.record["snr"] * 10) == pytest.approx(one.record["snr"] * 10)
        assert (ratio - one.record["snr"]) % 1 == pytest.approx(0, abs=1e-9)
        assert np.abs(one.noisy).max() < 1 and one.record["gain"] == 1
    one = simulate(s, RATE, "wsj0-reverb", seed=1)
    room = one.record["room"]
    assert 0.4 <= room["t60"] <= 1 and all(5 <= side <= 15 for side in room["size"][:2])
    assert np.abs(one.noisy).max() == pytest.approx(0.9, rel=1e-6)
    np.testing.assert_allclose(one.clean[: len(s)], s * one.record["gain"], rtol=1e-5)
    assert not one.clean[len(s) :].any() and one.noisy[len(s) :].any()
    with pytest.raises(UsageError, match="did you mean 'wsj0-chime3'"):
        simulate(s, RATE, "wsj0-chime")


def test_a_change_of_the_noise_file_is_noticed(recordings: Path) -> None:
    s = spoken(0.5, 0)
    made = simulate(s, RATE, "wsj0-chime3", noises=open_noises(str(recordings)))
    name = made.record["noise"][0]["file"]
    copy = recordings.with_name("copy")
    copy.mkdir()
    soundfile.write(copy / name, np.zeros(RATE), RATE)
    other = recordings.with_name("others")
    other.mkdir()
    soundfile.write(other / "x.wav", np.ones(9), RATE)
    for folder, said in ((copy, "has changed since"), (other, "is not there")):
        with pytest.raises(InputError, match=said):
            simulate(s, RATE, noises=open_noises(str(folder)), record=made.record)
    with pytest.raises(UsageError, match="give --noise DIR"):
        simulate(s, RATE, noises=open_noises(None), record=made.record)


def test_families_made_of_voices_need_them(speech: Path) -> None:
    with pytest.raises(UsageError, match="made of voices"):
        open_noises("babble")
    assert "babble" not in open_noises("train").names
    noises = open_noises("babble", speech)
    made = simulate(spoken(0.5, 3), RATE, "noise", noises=noises)
    assert made.record["noise"][0]["family"] == "babble"
    again = simulate(spoken(0.5, 3), RATE, noises=noises, record=made.record)
    np.testing.assert_array_equal(made.noisy, again.noisy)
    with pytest.raises(InputError, match="made with other voices"):
        simulate(spoken(0.5, 3), RATE, noises=open_noises(None), record=made.record)
    with pytest.raises(UsageError, match="did you mean 'siren'"):
        open_noises("sirens")


def run(*words: object) -> int:
    return main(["speech", "simulate", *map(str, words), "--quiet"])


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.wav")}


def test_the_command_writes_pairs_that_a_replay_makes_again(speech: Path, tmp_path: Path) -> None:
    out, again = tmp_path / "out", tmp_path / "again"
    assert run(speech, "-o", out, "--recipe", "test", "--count", 2, "--seed", 3) == 0
    made = files(out)
    names = ["anna/one.wav", "anna/one~2.wav", "anna/two.wav", "anna/two~2.wav", "three.wav",
             "three~2.wav"]  # fmt: skip
    assert sorted(made) == sorted(f"{side}/{n}" for side in ("clean", "noisy") for n in names)
    assert made["noisy/three.wav"] != made["noisy/three~2.wav"]
    lines = [json.loads(line) for line in (out / "mixtures.jsonl").read_text().splitlines()]
    assert [line["file"] for line in lines] == names
    for line in lines:
        clean, rate = soundfile.read(out / "clean" / line["file"])
        noisy, _ = soundfile.read(out / "noisy" / line["file"])
        assert rate == RATE and len(clean) == len(noisy)
        assert soundfile.info(out / "noisy" / line["file"]).subtype == "FLOAT"
        if line["room"] is None:
            assert snr(clean, noisy - clean, RATE) == pytest.approx(line["snr"], abs=1e-3)
    assert run(speech, "-o", again, "--replay", out / "mixtures.jsonl") == 0
    assert files(again) == made  # to the byte, headers included
    assert (again / "mixtures.jsonl").read_text() == (out / "mixtures.jsonl").read_text()
    assert run(speech, "-o", out, "--recipe", "test", "--count", 2, "--seed", 3) == 0
    assert files(out) == made


def test_headers_hold_no_time_of_writing(speech: Path, tmp_path: Path) -> None:
    assert run(speech / "three.flac", "-o", tmp_path / "out") == 0
    data = (tmp_path / "out" / "noisy" / "three.wav").read_bytes()
    at = data.index(b"PEAK")
    assert struct.unpack_from("<II", data, at + 8) == (1, 0)


def test_flags_change_the_conditions(speech: Path, recordings: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    flags = ("--noise", recordings, "--snr", "3", "--rooms", "1", "--t60", "0.3,0.31", "--target",
             "early")  # fmt: skip
    assert run(speech, "-o", out, "--recipe", "wsj0-chime3", *flags) == 0
    for line in map(json.loads, (out / "mixtures.jsonl").read_text().splitlines()):
        assert line["snr"] == 3 and 0.3 <= line["room"]["t60"] <= 0.31
        assert line["noise"][0]["file"] in ("long.wav", "other.wav")
        clean, _ = soundfile.read(out / "clean" / line["file"])
        dry, _ = soundfile.read(speech / line["item"])
        assert line["target"] == "early" and len(dry) == len(clean)
        assert not np.allclose(clean, line["gain"] * dry, atol=1e-3)  # early reflections are in it


def test_the_command_refuses_what_it_cannot_do(
    speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(code: int, said: str, *words: object) -> None:
        assert run(*words) == code
        assert said in capsys.readouterr().err

    out = tmp_path / "out"
    refused(2, "a pair is two files", speech / "three.flac", "-o", tmp_path / "x.wav")
    refused(2, "give its folder", speech, "-o", out, "--recipe", "ears-wham")
    refused(2, "two in order", speech, "-o", out, "--snr", "5,-5")
    refused(2, "unknown recipe", speech, "-o", out, "--recipe", "tset")
    two = tmp_path / "two.wav"
    soundfile.write(two, np.full((4000, 2), 0.1), RATE)
    assert run(two, "-o", out) == 4
    assert "2 channels; expected speech in one" in capsys.readouterr().err
    record = tmp_path / "bad.jsonl"
    record.write_text('{"item": "a"}\n')
    refused(3, "line 1 is no record", speech, "-o", out, "--replay", record)
    assert run(speech, "-o", out) == 0
    soundfile.write(speech / "three.flac", spoken(0.4, 7), RATE, "PCM_16")
    again = tmp_path / "again"
    assert run(speech, "-o", again, "--replay", out / "mixtures.jsonl") == 4
    assert "is not the speech that the record names" in capsys.readouterr().err
    assert not (again / "noisy" / "three.wav").exists()
    assert (again / "noisy" / "anna" / "two.wav").exists()


def test_the_list_names_recipes_and_families(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["speech", "simulate", "--list"]) == 0
    said = capsys.readouterr().out
    assert all(f"\n{name} " in f"\n{said}" for name in CONDITIONS)
    assert "test families: siren" in said
