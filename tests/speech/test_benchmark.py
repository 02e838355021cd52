"""The benchmark of speech on tiny recordings: mixtures, resuming, tables, and the command."""

import importlib.util
import json
import math
from pathlib import Path

import numpy as np
import pytest
import soundfile

from undrift.cli import main
from undrift.common.errors import InputError, MissingExtraError, UsageError
from undrift.common.metrics.score_store import item_records
from undrift.speech.benchmark.clips import LEAD, RATE, load_clips, voices_of
from undrift.speech.benchmark.methods import PACKAGES, Method, find_method
from undrift.speech.benchmark.mixtures import CONDITIONS, LEVEL, mixture
from undrift.speech.benchmark.suite import ALL_NOISE, plan, run_suite, with_means
from undrift.speech.benchmark.tables import records
from undrift.speech.metrics.ratios import si_sdr
from undrift.speech.metrics.rooms import t60
from undrift.speech.simulate.levels import active_power


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three speakers of three recordings of a second: tones in syllables."""
    t = np.arange(RATE) / RATE
    for speaker, pitch in (("ann", 200), ("bob", 110), ("cem", 150)):
        for word in range(3):
            voice = sum(np.sin(2 * math.pi * k * (pitch + 9 * word) * t) / k for k in range(1, 9))
            place = tmp_path / "clean" / speaker / f"{word}.wav"
            place.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(place, 0.1 * voice * np.abs(np.sin(7 * t)), RATE)
    return tmp_path / "clean"


def test_clips_have_silence_around_them(root: Path) -> None:
    clips = load_clips("test", root)
    assert [clip.name for clip in clips[:3]] == ["ann/0.wav", "ann/1.wav", "ann/2.wav"]
    lead = round(LEAD * RATE)
    assert {len(clip.samples) for clip in clips} == {RATE + 2 * lead}
    assert not clips[0].samples[:lead].any()
    assert {name: len(found) for name, found in voices_of(clips).items()} == {
        "ann": 3, "bob": 3, "cem": 3,
    }  # fmt: skip
    with pytest.raises(InputError, match="undrift data make debian-speech-heldout"):
        load_clips("test", root / "nowhere")
    with pytest.raises(InputError, match="asterisk-ru"):
        load_clips("validation", root)
    with pytest.raises(UsageError, match="did you mean 'test'"):
        load_clips("tset", root)


@pytest.mark.parametrize("snr", [-5, 10])
def test_mixtures_have_the_ratio_and_the_level(root: Path, snr: int) -> None:
    clips = load_clips("test", root)
    made = mixture(
        CONDITIONS[f"snr {snr}"], clips[1], 1, seed=0, split="test", voices=voices_of(clips)
    )
    noise = made.noisy.astype(float) - made.clean
    speech = active_power(made.clean.astype(float), RATE)
    assert 10 * math.log10(speech / np.mean(noise**2)) == pytest.approx(snr, abs=1e-3)
    assert 10 * math.log10(speech) <= LEVEL + 1e-6
    assert np.abs(made.noisy).max() < 1


def test_families_take_turns_and_nothing_else_decides(root: Path) -> None:
    clips = load_clips("test", root)
    given = {"seed": 0, "split": "test", "voices": voices_of(clips)}
    first = [mixture(CONDITIONS["snr 0"], c, k, **given) for k, c in enumerate(clips)]
    again = mixture(CONDITIONS["snr 0"], clips[4], 4, **given)
    np.testing.assert_array_equal(first[4].noisy, again.noisy)
    met = [made.record["family"] for made in first]
    assert len(set(met)) == 7
    assert mixture(CONDITIONS["snr 5"], clips[4], 4, **given).record["family"] != met[4]
    other = mixture(CONDITIONS["snr 0"], clips[4], 4, **{**given, "seed": 1})
    assert np.abs(other.noisy - again.noisy).max() > 0.01


def test_rooms_ring_and_clean_speech_is_left(root: Path) -> None:
    clips = load_clips("test", root)
    given = {"seed": 0, "split": "test", "voices": voices_of(clips)}
    clean = mixture(CONDITIONS["clean"], clips[0], 0, **given)
    np.testing.assert_array_equal(clean.clean, clean.noisy)
    room = mixture(CONDITIONS["room"], clips[0], 0, **given)
    assert 0.3 <= room.record["room"]["t60"] <= 0.9
    end = room.noisy[-round(LEAD * RATE) :]
    assert np.abs(end).max() > 0.003  # where the clean one is silent, the room still rings
    decay = end[: RATE // 4].astype(float)
    assert t60(decay, RATE, limits=(-1, -8)) == pytest.approx(room.record["room"]["t60"], rel=0.6)


def halved(noisy: np.ndarray, rate: int, item: str) -> np.ndarray:
    return 0.5 * noisy


def test_scores_are_kept_and_gone_on_with(root: Path, tmp_path: Path) -> None:
    calls: list[str] = []

    def run(noisy: np.ndarray, rate: int, item: str) -> np.ndarray:
        calls.append(item)
        return halved(noisy, rate, item)

    asked = plan(root=root, methods=["noisy"], conditions=["snr 0", "snr 5"], metrics=["si_sdr"],
                 items=["ann/0.wav", "bob/2.wav"])  # fmt: skip
    own = Method("half", "model", run, identity={"weights": "one"})
    asked = type(asked)(**{**vars(asked), "methods": [*asked.methods, own]})
    table = run_suite(asked, save=tmp_path / "kept")
    assert len(calls) == 4
    again = run_suite(asked, save=tmp_path / "kept")
    assert len(calls) == 4
    assert [e.scores for e in again.scores] == [e.scores for e in table.scores]
    assert {r["family"] for r in item_records(tmp_path / "kept" / "scores.jsonl")} != {None}
    newer = Method("half", "model", run, identity={"weights": "two"})
    asked = type(asked)(**{**vars(asked), "methods": [newer]})
    run_suite(asked, save=tmp_path / "kept")
    assert len(calls) == 8

    whole = with_means(table)
    means = whole.values("half", ALL_NOISE, "si_sdr")
    both = [table.values("half", f"snr {snr}", "si_sdr") for snr in (0, 5)]
    assert means == {k: pytest.approx((both[0][k] + both[1][k]) / 2) for k in both[0]}
    compared = [r for r in records(table) if r["record"] == "comparison"]
    assert {r["setting"] for r in compared} == {ALL_NOISE, "snr 0", "snr 5"}
    assert all(abs(r["difference"]["mean"]) < 1e-9 for r in compared)  # a gain changes no si_sdr


def test_a_method_that_fails_is_told_and_the_rest_goes_on(root: Path) -> None:
    def broken(noisy: np.ndarray, rate: int, item: str) -> np.ndarray:
        if item == "ann/0.wav":
            raise ValueError("no such luck")
        return noisy

    asked = plan(root=root, methods=["noisy"], conditions=["snr 0"], metrics=["snr"],
                 items=["ann/0.wav", "bob/2.wav"])  # fmt: skip
    asked = type(asked)(**{**vars(asked), "methods": [Method("b", "baseline", broken)]})
    table = run_suite(asked)
    assert [e.error for e in table.failed] == ["ValueError('no such luck')"]
    assert len(table.scores) == 2


@pytest.mark.parametrize("name", sorted(PACKAGES))
def test_peers_run_in_step_or_say_how_to_get_them(name: str) -> None:
    if importlib.util.find_spec(PACKAGES[name]) is None:
        with pytest.raises(MissingExtraError, match=r"undrift\[baselines\]"):
            find_method(name)
        return
    t = np.arange(3 * RATE) / RATE
    phase = 2 * math.pi * (110 * t + 18 * t**2)  # gliding, so that no shift but 0 fits
    voice = sum(np.sin(k * phase) / k for k in range(1, 20))
    sound = (0.03 * voice * np.abs(np.sin(9 * t))).astype(np.float32)
    out = find_method(name).run(sound, RATE, "")
    assert out.shape == sound.shape
    lags = range(-400, 401)
    core = slice(500, -500)
    best = max(lags, key=lambda d: float(np.dot(sound[core], np.roll(out, d)[core])))
    assert abs(best) <= 2


def test_the_command_and_its_errors(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["speech", "benchmark", "--root", str(root), "--metrics", "si_sdr,lsd", "-q"]
    few = ["--items", "ann/0.wav,bob/1.wav", "--condition", "snr 10", "--condition", "clean"]
    assert main([*words, *few, "--method", "noisy,wiener", "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    rows = {(r["setting"], r["method"]): r for r in found if r["record"] == "method"}
    assert rows["snr 10", "noisy"]["si_sdr"]["n"] == 2
    assert rows["clean", "noisy"]["si_sdr"]["mean"] == "inf"
    assert rows["clean", "wiener"]["lsd"]["mean"] > 0
    assert main([*words, "--method", "nosy"]) == 2
    assert "did you mean 'noisy'" in capsys.readouterr().err
    assert main([*words, "--condition", "snr 7"]) == 2
    assert main([*words, "--items", "zed"]) == 3


def test_noise_is_noise(root: Path) -> None:
    clips = load_clips("test", root)
    made = mixture(CONDITIONS["snr 0"], clips[0], 0, seed=3, split="validation",
                   voices=voices_of(clips))  # fmt: skip
    assert si_sdr(made.clean, made.noisy) < 3


def _untimed(out: str) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in out.splitlines()]
    return [{k: v for k, v in line.items() if k != "seconds"} for line in lines]


def test_the_general_command_dispatches_by_its_task(
    root: Path, capsys: pytest.CaptureFixture
) -> None:
    flags = ["--root", str(root), "--method", "noisy", "--condition", "snr 5"]
    flags += ["--items", "ann/0.wav", "--metrics", "si_sdr", "--json", "-v", "-q"]
    assert main(["speech", "benchmark", *flags]) == 0
    wanted = _untimed(capsys.readouterr().out)
    assert any(line.get("item") == "ann/0.wav" for line in wanted)
    for task in (["--task", "enhance"], ["--task=enhance"]):
        assert main(["benchmark", "debian-speech-heldout", *task, *flags]) == 0
        assert _untimed(capsys.readouterr().out) == wanted
    assert main(["benchmark", "debian-speech-heldot", "--task", "enhance", *flags]) == 2
    assert "did you mean 'debian-speech-heldout'" in capsys.readouterr().err
    assert main(["benchmark", "skimage-photos", "--task", "enhanse"]) != 0
    assert main(["benchmark", "--help"]) == 0
    assert "--psf" in capsys.readouterr().out
    assert main(["benchmark", "--task", "enhance", "--help"]) == 0
    assert "debian-speech-heldout" in capsys.readouterr().out
