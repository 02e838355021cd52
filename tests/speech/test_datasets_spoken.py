"""Sentences spoken by a machine: the same for the same voice, whole or absent."""

import random
import shutil
from pathlib import Path

import pytest
import soundfile

from undrift.common.errors import InputError, UsageError
from undrift.speech.datasets.spoken import COUNT, VOICES, sentence
from undrift.speech.makers import make

# a stand-in for flite: writes down what it is asked to say
PROGRAM = """#!/bin/sh
test "$4" = "" && exit 1
printf '%s: %s' "$2" "$4" > "$6"
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "bin" / "flite"
    path.parent.mkdir()
    path.write_text(PROGRAM)
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")
    return path


def test_the_sentences_of_a_voice_are_always_the_same() -> None:
    """Python keeps the numbers of a seed the same in all versions."""
    drawn = {voice: [sentence(draw) for _ in range(COUNT)] for voice in VOICES
             for draw in [random.Random(f"undrift {voice}")]}  # fmt: skip
    assert drawn["rms"][0].endswith((".", "?")) and len(set(drawn["rms"])) > 190
    assert len({tuple(sentences) for sentences in drawn.values()}) == len(VOICES)
    assert drawn["rms"] == [sentence(draw) for draw in [random.Random("undrift rms")]
                            for _ in range(COUNT)]  # fmt: skip


def test_every_voice_says_its_sentences(program: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = make("synthetic-speech", out, {"count": 2})
    assert set(done.values()) == {"written"}
    assert [path.relative_to(out).as_posix() for path in done] == [
        f"flite-{voice}/00{n}.wav" for voice in VOICES for n in range(2)
    ]
    draw = random.Random("undrift awb")
    assert (out / "flite-awb/000.wav").read_text() == f"awb: {sentence(draw)}"
    assert (out / "flite-awb/001.wav").read_text() == f"awb: {sentence(draw)}"
    more = make("synthetic-speech", out, {"count": 3, "items": ["awb"]})
    assert list(more.values()) == ["skipped", "skipped", "written"]


def test_what_cannot_be_made_is_told(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with pytest.raises(InputError, match=r"no item 'amb'; did you mean.*awb"):
        make("synthetic-speech", out, {"items": ["amb"]})
    with pytest.raises(InputError, match="count must be 1 or more, got 0"):
        make("synthetic-speech", out, {"count": 0})
    with pytest.raises(UsageError, match="takes no 'archives'"):
        make("synthetic-speech", out, {"archives": tmp_path})
    program.write_text("#!/bin/sh\necho no such voice >&2; exit 1\n")
    with pytest.raises(InputError, match="failed: no such voice"):
        make("synthetic-speech", out, {"count": 1})
    assert not list(out.rglob("*.wav"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="apt-get install flite"):
        make("synthetic-speech", out, {"count": 1})


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
def test_flite_speaks_at_16_khz(tmp_path: Path) -> None:
    for path in make("synthetic-speech", tmp_path / "out", {"count": 1}):
        found = soundfile.info(path)
        assert (found.samplerate, found.channels, found.subtype) == (16000, 1, "PCM_16")
        assert 1 < found.duration < 10
