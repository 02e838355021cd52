"""`undrift speech enhance -`, targets nobody can write, and channels that cancel each other."""

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from tiny_speech import voice

from undrift.cli import main
from undrift.speech.audio import Audio, read_audio, write_audio
from undrift.speech.tasks import enhance

RATE = 16000
COMMAND = ["speech", "enhance"]
FILTER = ["--method", "wiener", "-q"]


@pytest.fixture
def talk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_audio("talk.wav", Audio(voice(RATE, 9000, 0)[None], RATE))
    assert main([*COMMAND, "talk.wav", "-o", "made.wav", *FILTER]) == 0
    return tmp_path


class Pipe(io.BytesIO):
    """Standard input or output of bytes that is no terminal."""

    @property
    def buffer(self) -> io.BytesIO:
        return self

    def isatty(self) -> bool:  # a method of the base class too
        return False


def piped(monkeypatch: pytest.MonkeyPatch, content: bytes, *args: str) -> tuple[int, bytes]:
    out = Pipe()
    monkeypatch.setattr(sys, "stdin", Pipe(content))
    monkeypatch.setattr(sys, "stdout", out)
    code = main([*COMMAND, *args, *FILTER])
    monkeypatch.undo()
    return code, out.getvalue()


def test_a_pipe_gives_what_a_file_gives(talk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = Path("talk.wav").read_bytes()
    code, out = piped(monkeypatch, content, "-", "-o", "-")
    assert code == 0
    made, rate = soundfile.read(io.BytesIO(out), dtype="float32")
    assert rate == RATE
    np.testing.assert_array_equal(made, read_audio(talk / "made.wav").samples[0])
    assert sorted(path.name for path in talk.iterdir()) == ["made.wav", "talk.wav", "undrift.jsonl"]


def test_either_end_may_be_a_file(talk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = read_audio("made.wav").samples
    content = (talk / "talk.wav").read_bytes()
    target = talk / "b.flac"
    assert piped(monkeypatch, content, "-", "-o", str(target)) == (0, b"")
    np.testing.assert_allclose(read_audio(target).samples, wanted, rtol=0, atol=2**-15)
    code, out = piped(monkeypatch, b"", str(talk / "talk.wav"), "-o", "-", "--format", "flac")
    assert code == 0 and out[:4] == b"fLaC"
    np.testing.assert_allclose(soundfile.read(io.BytesIO(out))[0], wanted[0], rtol=0, atol=2**-15)


@pytest.mark.parametrize(
    ("content", "args", "code"),
    [
        (b"\x00\x01" * 100, ["-", "-o", "-"], 3),
        (b"", ["-", "-o", "-"], 3),
        (b"RIFF", ["-", "-o", "-"], 4),
        (b"RIFF", ["-", "also.wav", "-o", "out"], 2),
        (b"RIFF", ["-", "-o", "-", "--json"], 2),
    ],
)
def test_what_is_no_sound_leaves_nothing_behind(
    content: bytes, args: list[str], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert piped(monkeypatch, content, *args) == (code, b"")
    assert not list(tmp_path.iterdir())


def test_a_terminal_is_no_sound(
    talk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    assert main([*COMMAND, "-", "-o", "x.wav", *FILTER]) == 2
    assert "standard input is a terminal" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "hint"), [("x.xyz", "known: .wav"), ("x.falc", "'.flac'")])
def test_a_suffix_nobody_can_write_is_a_mistake(
    name: str, hint: str, talk: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main([*COMMAND, "talk.wav", "-o", name, *FILTER]) == 2
    said = capsys.readouterr().err
    assert f"nothing can write '{Path(name).suffix}'" in said and hint in said
    assert not Path(name).exists()


def test_a_rare_format_keeps_its_suffix(talk: Path) -> None:
    soundfile.write("talk.voc", read_audio("talk.wav").samples[0], RATE, format="VOC")
    assert main([*COMMAND, "talk.voc", "-o", "b.voc", *FILTER]) == 0
    assert soundfile.info("b.voc").format == "VOC"


@pytest.mark.parametrize(
    ("second", "channels", "warned"),
    [(-1.0, "linked", True), (1.0, "linked", False), (0.0, "linked", False), (-1.0, "each", False)],
)
def test_linked_channels_that_cancel_are_told(second: float, channels: str, warned: bool) -> None:
    mono = voice(RATE, 9000, 0)
    sound = np.stack([mono, second * mono])
    info = enhance(sound, rate=RATE, method="wiener", channels=channels).info
    assert any("channels cancel each other" in text for text in info["warnings"]) == warned
    assert (info["middle_in"] is None) == (channels == "each")
    if second == 0:  # a voice on one side only: its middle is half as loud
        assert info["middle_in"] == pytest.approx(-6.02, abs=0.01)
