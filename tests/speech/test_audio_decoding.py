"""What only FFmpeg's decoders read, made here by its encoders; and the message without them."""

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile

from undrift.common.errors import InputError, MissingExtraError
from undrift.speech.audio import open_audio, read_audio

RATE, FRAMES = 48000, 40123


def tones(channels: int) -> np.ndarray:
    time = np.arange(FRAMES) / RATE
    return np.stack([0.3 * np.sin(2 * np.pi * (440 + 300 * c) * time) for c in range(channels)])


def encode(path: Path, codec: str, rate: int = RATE, channels: int = 2) -> np.ndarray:
    """Writes tones (channels, n) by an encoder of FFmpeg."""
    av = pytest.importorskip("av", reason="the extra audio is not installed")
    layout = "stereo" if channels == 2 else "mono"
    samples = tones(channels)[:, :: RATE // rate].astype(np.float32)
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "A talk"
        stream = container.add_stream(codec, rate=rate, layout=layout)
        stream.time_base = Fraction(1, rate)
        stream.codec_context.open()
        size = stream.codec_context.frame_size or 1024
        to_format = av.AudioResampler(format=stream.codec_context.format)
        for start in range(0, samples.shape[1], size):
            part = np.ascontiguousarray(samples[:, start : start + size])
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, start, stream.time_base
            for made in to_format.resample(frame):
                container.mux(stream.encode(made))
        container.mux(stream.encode(None))
    return samples


def test_m4a_is_read_in_its_place_and_length(tmp_path: Path) -> None:
    samples = encode(tmp_path / "talk.m4a", "aac")
    with open_audio(tmp_path / "talk.m4a") as reader:
        assert (reader.rate, reader.channels, reader.stored.subtype) == (RATE, 2, "aac")
        assert reader.stored.tags["title"] == "A talk"
        # The container counts milliseconds.
        assert 0 <= reader.frames - FRAMES <= RATE / 1000
        whole = reader.read().samples
        blocks = list(reader.blocks(1000))
    assert np.array_equal(np.concatenate(blocks, 1), whole)
    assert {block.shape[1] for block in blocks[:-1]} == {1000}
    inner = slice(4000, 36000)
    error = whole[:, inner] - samples[:, inner]
    assert np.square(error).mean() < 0.01 * np.square(samples).mean()


@pytest.mark.parametrize(
    ("name", "codec", "rate", "channels"),
    [("a.webm", "libopus", 48000, 2), ("a.aac", "aac", 48000, 2), ("a.g722", "g722", 16000, 1),
     ("a.mka", "flac", 48000, 2)],
)  # fmt: skip
def test_other_containers(tmp_path: Path, name: str, codec: str, rate: int, channels: int) -> None:
    samples = encode(tmp_path / name, codec, rate, channels)
    audio = read_audio(tmp_path / name)
    assert (audio.rate, audio.channels) == (rate, channels)
    delay = audio.frames - samples.shape[1]
    assert 0 <= delay <= 3 * 1024  # bare AAC does not say how much priming there is
    if codec == "flac":
        assert np.abs(audio.samples - samples).max() <= 2.0**-15
    if codec == "g722":  # its filter bank delays by 22 samples
        error = audio.samples[:, 1022:11000] - samples[:, 1000:10978]
        assert np.square(error).mean() < 0.01 * np.square(samples).mean()


def test_a_container_under_another_name(tmp_path: Path) -> None:
    encode(tmp_path / "a.m4a", "aac")
    (tmp_path / "a.m4a").rename(tmp_path / "a.wav")
    assert read_audio(tmp_path / "a.wav").channels == 2


def test_half_an_m4a_and_no_sound_in_it(tmp_path: Path) -> None:
    encode(tmp_path / "a.m4a", "aac")
    data = (tmp_path / "a.m4a").read_bytes()
    (tmp_path / "a.m4a").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=r"a\.m4a: is no sound file that can be read"):
        read_audio(tmp_path / "a.m4a")
    (tmp_path / "b.m4a").write_text("not a sound\n" * 9)
    with pytest.raises(InputError, match=r"b\.m4a: is a text file, expected a sound"):
        read_audio(tmp_path / "b.m4a")


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("a.m4a", b"\0\0\0\x20ftypM4A ", "mp4"),
        ("a.wav", b"\0\0\0\x20ftypM4A ", "mp4"),
        ("a.webm", b"\x1a\x45\xdf\xa3", "webm"),
        ("a.g722", b"\1\2\3\4", "g722"),
    ],
)
def test_without_the_decoders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, head: bytes, kind: str
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / name).write_bytes(head + bytes(100))
    with pytest.raises(MissingExtraError, match=rf"{kind} needs .*'undrift\[audio\]'") as caught:
        open_audio(tmp_path / name)
    assert caught.value.exit_code == 5
    soundfile.write(tmp_path / "b.wav", np.zeros(100), 8000)
    assert read_audio(tmp_path / "b.wav").frames == 100
