"""`undrift speech enhance` from flags to files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_speech import voice

from undrift.cli import main
from undrift.common.manifest import EMPTY, read
from undrift.common.pace import Pace
from undrift.speech.audio import Audio, Stored, open_audio, read_audio, write_audio
from undrift.speech.loudness import loudness
from undrift.speech.tasks import enhance
from undrift.speech.work import RECORDED


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `in/`: mono WAV at 44.1 kHz, stereo FLAC at 16 kHz, Ogg at 48 kHz."""
    monkeypatch.chdir(tmp_path)
    put("in/a.wav", 44100, 20000, subtype="PCM_24", tags={"title": "A"})
    put("in/s/b.flac", 16000, 9001, channels=2)
    put("in/s/c.ogg", 48000, 12345)
    return tmp_path


def put(
    path: str,
    rate: int,
    samples: int,
    channels: int = 1,
    subtype: str | None = None,
    tags: dict[str, str] | None = None,
) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    sound = np.stack([voice(rate, samples, seed) for seed in range(channels)])
    write_audio(path, Audio(sound, rate, Stored(tags=tags or {})), subtype=subtype or None)


def records(capsys: pytest.CaptureFixture) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def sounds(folder: str) -> dict[str, bytes]:
    found = (path for path in sorted(Path(folder).rglob("*")) if path.is_file())
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in found if p.suffix != ".jsonl"}


def test_a_run_its_record_and_its_repetition(
    place: Path, speech_model: str, capsys: pytest.CaptureFixture
) -> None:
    args = ["speech", "enhance", "in", "-o", "out", "--model", speech_model, "--json"]
    assert main(args) == 0
    first = records(capsys)
    assert [record["status"] for record in first] == ["written"] * 3
    for record in first:
        assert {*EMPTY, *RECORDED} <= {*record}
        assert (record["model"], record["nfe"], record["task"]) == ("tiny-speech", 1, "enhance")
        assert record["shape_in"] == record["shape_out"]
        assert record["rtf"] > 0
    assert first[0]["shape_in"] == [1, 20000]
    assert (first[0]["rate_in"], first[0]["duration"]) == (44100, 0.4535)
    assert first == read(Path("out/undrift.jsonl"))
    for name in ("a.wav", "s/b.flac", "s/c.ogg"):
        with open_audio(Path("in", name)) as before, open_audio(Path("out", name)) as after:
            assert (after.rate, after.channels, after.frames) == (
                before.rate, before.channels, before.frames,
            )  # fmt: skip
            assert after.stored.subtype == before.stored.subtype
    assert read_audio("out/a.wav").stored.tags["title"] == "A"
    assert main(args) == 0
    assert [record["status"] for record in records(capsys)] == ["skipped"] * 3
    changed = [*args, "--strength", "0.5"]
    assert main(changed) == 0
    assert [record["status"] for record in records(capsys)] == ["kept"] * 3
    before = sounds("out")
    assert main([*changed, "--overwrite"]) == 0
    assert sounds("out").keys() == before.keys()
    assert sounds("out") != before


def test_the_command_and_the_function_agree(place: Path, speech_model: str) -> None:
    flags = "--samples 2 --steps 2 --seed 8 --subtype FLOAT --format wav --keep-samples"
    args = ["speech", "enhance", "in/s/b.flac", "-o", "one", "--model", speech_model]
    assert main([*args, *flags.split()]) == 0
    assert [*sounds("one")] == ["b.sample-1.wav", "b.sample-2.wav", "b.std.npy", "b.wav"]
    wishes: dict[str, Any] = {"samples": 2, "steps": 2, "seed": 8}
    result = enhance("in/s/b.flac", model=speech_model, **wishes)
    np.testing.assert_array_equal(read_audio("one/b.wav").samples, result.value.samples)
    np.testing.assert_array_equal(np.load("one/b.std.npy"), result.std)
    second = read_audio("one/b.sample-2.wav").samples
    np.testing.assert_array_equal(second, result.samples[1].samples)


def without_change(model: str) -> list[str]:
    flags = "--steps 2 --solver auto --format wav --subtype FLOAT --threads 1"
    return ["speech", "enhance", "in", "--model", model, *flags.split()]


@pytest.mark.slow
def test_workers_change_nothing(place: Path, speech_model: str) -> None:
    base = without_change(speech_model)
    assert main([*base, "-o", "one"]) == 0
    assert main([*base, "-o", "two", "--workers", "2"]) == 0
    assert sounds("one") == sounds("two")


def test_chunks_and_repetitions_change_nothing(place: Path, speech_model: str) -> None:
    base = without_change(speech_model)
    assert main([*base, "-o", "one", "--chunk", "4"]) == 0
    assert main([*base, "-o", "again", "--chunk", "4"]) == 0
    assert sounds("one") == sounds("again")
    assert main([*base, "-o", "small", "--chunk", "0.1", "--overlap", "0"]) == 0
    for name in ("a.wav", "s/b.wav", "s/c.wav"):
        whole, parts = (read_audio(Path(p, name)).samples for p in ("one", "small"))
        np.testing.assert_allclose(parts, whole, atol=1e-5)


def test_bad_files_fail_and_the_rest_is_done(
    place: Path, speech_model: str, capsys: pytest.CaptureFixture
) -> None:
    whole = Path("in/a.wav").read_bytes()
    Path("in/d-empty.wav").write_bytes(b"")
    Path("in/e-cut.wav").write_bytes(whole[: len(whole) // 2])
    Path("in/f-text.wav").write_text("no sound")
    write_audio("in/g-nothing.wav", Audio(np.zeros((1, 0), np.float32), 16000))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("numpy.isfinite", lambda x, *_: np.ones(np.shape(x), bool))
        write_audio("in/h-nan.wav", Audio(np.full((1, 99), np.nan, np.float32), 16000))
    put("in/i-short.wav", 16000, 160)
    write_audio("in/j-silent.wav", Audio(np.zeros((1, 8000), np.float32), 8000))
    assert main(["speech", "enhance", "in", "-o", "out", "--model", speech_model, "--json"]) == 4
    found = {Path(r["input"]).name: r for r in records(capsys)}
    failed = {name: record["error"] for name, record in found.items() if record["error"]}
    assert {*failed} == {
        "d-empty.wav", "e-cut.wav", "f-text.wav", "g-nothing.wav", "h-nan.wav",
    }  # fmt: skip
    for name, told in failed.items():
        assert name in told
        assert not Path("out", name).exists()
    assert [*sounds("out")] == ["a.wav", "i-short.wav", "j-silent.wav", "s/b.flac", "s/c.ogg"]
    assert read_audio("out/i-short.wav").frames == 160
    assert not read_audio("out/j-silent.wav").samples.any()
    assert main(["speech", "enhance", "in/f-text.wav", "-o", "x", "--model", speech_model]) == 4
    assert main(["speech", "enhance", "nothing", "-o", "x", "--model", speech_model]) == 3


def test_rates_formats_levels_and_channels(place: Path, speech_model: str) -> None:
    base = ["speech", "enhance", "in/s/b.flac", "--model", speech_model, "--overwrite"]
    flags = "--rate 22050 --subtype PCM_24 --level=-23LUFS --channels mid"
    assert main([*base, "-o", "b.wav", *flags.split()]) == 0
    made = read_audio("b.wav")
    assert (made.rate, made.channels, made.stored.subtype) == (22050, 1, "PCM_24")
    assert made.frames == -(-9001 * 22050 // 16000)
    assert loudness(made.samples, 22050) == pytest.approx(-23, abs=0.02)
    assert main([*base, "-o", "b.wav", "--level", "peak"]) == 0
    assert np.abs(read_audio("b.wav").samples).max() == pytest.approx(10 ** (-1 / 20), abs=1e-4)
    assert main([*base, "-o", "out", "--format", "mp3", "--channels", "linked"]) == 0
    assert read_audio("out/b.mp3").channels == 2


def test_nothing_is_cut_off_at_full_scale(place: Path, speech_model: str) -> None:
    loud = 1.5 * voice(16000, 16000)[None] / np.abs(voice(16000, 16000)).max()
    write_audio("loud.wav", Audio(loud.astype(np.float32), 16000), peaks="error")
    base = ["speech", "enhance", "loud.wav", "--model", speech_model, "--strength", "0"]
    assert main([*base, "-o", "int.wav", "--subtype", "PCM_16"]) == 0
    made = read_audio("int.wav").samples
    assert np.abs(made).max() <= 1
    assert (np.abs(made) > 0.9999).mean() < 0.001  # limited, not clipped
    assert read(Path("undrift.jsonl"))[-1]["limited_db"] == pytest.approx(3.52, abs=0.1)


def test_strength_0_leaves_every_number_as_it_was(place: Path, speech_model: str) -> None:
    args = ["speech", "enhance", "in", "-o", "out", "--model", speech_model, "--strength", "0"]
    assert main(args) == 0
    for name in ("a.wav", "s/b.flac"):
        before, after = (read_audio(Path(p, name)).samples for p in ("in", "out"))
        np.testing.assert_array_equal(before, after)


def test_dry_runs_go_on_behind_files_that_cannot_be_read(
    place: Path, speech_model: str, capsys: pytest.CaptureFixture
) -> None:
    Path("in/b.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(500))  # needs av, or is damaged
    Path("in/c.wav").write_text("no sound")
    args = ["speech", "enhance", "in", "-o", "out", "--model", speech_model]
    assert main([*args, "--dry-run", "--json"]) == 0
    shapes = {record["input"]: record["shape_in"] for record in records(capsys)}
    assert shapes["in/b.m4a"] is None and shapes["in/c.wav"] is None
    assert shapes["in/s/c.ogg"] == [1, 12345]


def test_dry_runs_plan_and_configurations_repeat(
    place: Path, speech_model: str, capsys: pytest.CaptureFixture
) -> None:
    args = ["speech", "enhance", "in", "-o", "out", "--model", speech_model, "--rate", "8000"]
    assert main([*args, "--dry-run", "--json"]) == 0
    planned = records(capsys)
    assert [record["status"] for record in planned] == ["planned"] * 3
    assert planned[0]["shape_in"] == [1, 20000]
    assert planned[0]["shape_out"] == [1, -(-20000 * 8000 // 44100)]
    assert not Path("out").exists()
    assert main([*args, "--save-config", "used.yaml"]) == 0
    assert "command: speech enhance" in Path("used.yaml").read_text()
    assert main(["run", "used.yaml", "-o", "again"]) == 0
    first, again = sounds("out"), sounds("again")
    for name in ("a.wav", "s/b.flac"):  # an Ogg file begins with a number that libsndfile draws
        assert first[name] == again[name]
    first, again = (read_audio(Path(folder, "s/c.ogg")).samples for folder in ("out", "again"))
    np.testing.assert_array_equal(first, again)


def test_filters_need_no_model(place: Path) -> None:
    args = ["speech", "enhance", "in/a.wav", "-o", "w.wav", "--method", "wiener"]
    assert main(args) == 0
    assert read(Path("undrift.jsonl"))[0]["method"] == "wiener"
    made, before = read_audio("w.wav").samples, read_audio("in/a.wav").samples
    assert 0.05 < np.square(made).sum() / np.square(before).sum() < 0.95


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        ("--strength 3", 2, "expected 0 to 1"),
        ("--format mp4", 2, "unknown audio format 'mp4'"),
        ("--level loud", 2, "-23LUFS"),
        ("--method winer", 2, "did you mean 'wiener'"),
        ("--task derverb", 2, "denoise"),
        ("--tile 3", 2, "tile"),
        ("--model leaves-sr", 3, "is a model for restoration"),
        ("--subtype PCM_99 --method wiener", 2, "subtype"),
    ],
)
def test_mistakes(
    flags: str, code: int, said: str, place: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["speech", "enhance", "in/a.wav", "-o", "out", *flags.split()]) == code
    assert said in capsys.readouterr().err


def test_long_files_tell_their_pace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    pace = Pace("talk.wav", began=100.0)
    said = []
    for second in range(1, 70):
        now[0] = 100.0 + second
        pace(second / 80)
        said.append(capsys.readouterr().err)
    assert [i + 1 for i, text in enumerate(said) if text] == [5, 35, 65]
    assert said[4] == "undrift: talk.wav: 6%, about 75 s left\n"
    pace = Pace("talk.wav")  # the first block, half of a file, took long to come
    for second, share in ((200, 0.5), (206, 0.8)):
        now[0] = second
        pace(share)
    assert "80%, about 4 s left" in capsys.readouterr().err


def test_provenance_is_a_comment(place: Path, speech_model: str) -> None:
    base = ["speech", "enhance", "in/s/b.flac", "--model", speech_model]
    assert main([*base, "-o", "b.flac"]) == 0
    told = read_audio("b.flac").stored.tags["comment"]
    assert told.startswith("undrift {")
    made = json.loads(told.removeprefix("undrift "))
    assert (made["model"], made["seed"], made["item"]) == ("tiny-speech", 0, "b.flac")
    assert main([*base, "-o", "plain.flac", "--no-provenance"]) == 0
    assert "comment" not in read_audio("plain.flac").stored.tags
