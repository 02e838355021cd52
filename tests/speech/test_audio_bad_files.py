"""What is missing, damaged, cut off or unusual: each has a defined result that names the file."""

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from undrift.common.errors import InputError
from undrift.speech.audio import Audio, Stored, create_audio, open_audio, read_audio, write_audio

RATE = 16000
FORMATS = {"w64": "W64", "rf64": "RF64", "opus": "OGG"}


def wave(frames: int = RATE, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.5, 0.5, (frames, channels)).astype(np.float32)


def cut(path: Path, share: float = 0.5) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])


@pytest.mark.parametrize(
    ("suffix", "told"),
    [
        ("wav", r"holds 16022 of the 32044 bytes that it announces: the file is cut off"),
        ("aiff", "of the 32054 bytes that it announces: the file is cut off"),
        ("au", "of the 32024 bytes that it announces: the file is cut off"),
        ("w64", "of the 32104 bytes that it announces: the file is cut off"),
        ("ogg", "bytes that it announces: the file is cut off"),
        ("opus", "bytes that it announces: the file is cut off"),
        ("rf64", "bytes that it announces: the file is cut off"),
        ("flac", "cannot be decoded to its end .*: the file is damaged or cut off"),
        ("mp3", "of the 16000 samples that it announces: the file is cut off"),
        ("caf", "is no sound file that can be read"),
    ],
)
def test_half_a_file(tmp_path: Path, suffix: str, told: str) -> None:
    path = tmp_path / f"talk.{suffix}"
    subtype = "OPUS" if suffix == "opus" else None
    soundfile.write(path, wave(), RATE, subtype, format=FORMATS.get(suffix))
    assert read_audio(path).frames == RATE
    cut(path)
    with pytest.raises(InputError, match=rf"talk\.{suffix}: .*{told}"):
        read_audio(path)


def test_a_flac_with_a_damaged_frame(tmp_path: Path) -> None:
    path = tmp_path / "talk.flac"
    soundfile.write(path, wave(), RATE)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"talk\.flac"):
        read_audio(path)


def resized(path: Path, size: int) -> None:
    """Sets the sizes in the header."""
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, 4, size)
    struct.pack_into("<I", data, data.index(b"data") + 4, size)
    path.write_bytes(data)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 0x7FFFF000])
def test_a_wav_from_a_pipe_names_no_size(tmp_path: Path, size: int) -> None:
    path = tmp_path / "pipe.wav"
    soundfile.write(path, wave(1000), RATE, "PCM_16")
    expected = read_audio(path).samples
    resized(path, size)
    assert np.array_equal(read_audio(path).samples, expected)


def test_a_wav_that_a_recorder_did_not_finish(tmp_path: Path) -> None:
    path = tmp_path / "talk.wav"
    soundfile.write(path, wave(1000), RATE, "PCM_16")
    resized(path, 0)
    with pytest.raises(InputError, match="announces no samples but holds 2000 bytes"):
        open_audio(path)


def test_text_and_nothing_and_rubbish(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("This is no sound.\n" * 50)
    with pytest.raises(InputError, match=r"text\.wav: is a text file, expected a sound"):
        open_audio(tmp_path / "text.wav")
    (tmp_path / "empty.wav").touch()
    with pytest.raises(InputError, match=r"empty\.wav: the file is empty \(0 bytes\)"):
        open_audio(tmp_path / "empty.wav")
    (tmp_path / "rubbish.flac").write_bytes(np.random.default_rng(0).bytes(5000))
    with pytest.raises(InputError, match=r"rubbish\.flac: is no sound file that can be read"):
        open_audio(tmp_path / "rubbish.flac")
    with pytest.raises(InputError, match=r"none\.wav: no such file"):
        open_audio(tmp_path / "none.wav")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("size", [64, 4096])
def test_a_number_that_is_not_finite(tmp_path: Path, value: float, size: int) -> None:
    samples = wave(2000, 2)
    samples[1234, 1] = value
    soundfile.write(tmp_path / "a.wav", samples, RATE, "FLOAT")
    with (
        open_audio(tmp_path / "a.wav") as reader,
        pytest.raises(
            InputError, match=r"a\.wav: the sample at 0\.0771 s of channel 2 is -?(nan|inf)"
        ),
    ):
        list(reader.blocks(size))
    with pytest.raises(InputError, match="not finite"):
        write_audio(tmp_path / "b.wav", Audio(samples.T.copy(), RATE))
    assert not (tmp_path / "b.wav").exists()


@pytest.mark.parametrize("suffix", ["wav", "aiff", "au", "caf", "w64", "rf64"])
def test_no_samples_at_all(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    write_audio(path, Audio(np.zeros((2, 0), np.float32), RATE, Stored("WAV", "PCM_16")))
    with open_audio(path) as reader:
        assert (reader.frames, reader.channels, list(reader.blocks(100))) == (0, 2, [])
        assert reader.read().samples.shape == (2, 0)


@pytest.mark.parametrize("suffix", ["flac", "mp3", "opus"])
def test_no_samples_where_nobody_could_read_them_back(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(InputError, match="cannot hold 0 samples; write a WAV file"):
        write_audio(tmp_path / f"a.{suffix}", Audio(np.zeros((1, 0), np.float32), RATE))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "opus", "mp3", "aiff", "caf"])
@pytest.mark.parametrize("frames", [1, 160])
def test_a_sound_of_ten_milliseconds(tmp_path: Path, suffix: str, frames: int) -> None:
    write_audio(tmp_path / f"a.{suffix}", Audio(wave(frames).T.copy(), RATE))
    assert read_audio(tmp_path / f"a.{suffix}").frames == frames


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "opus"])
def test_silence_and_an_offset(tmp_path: Path, suffix: str) -> None:
    silence = Audio(np.zeros((1, 4000), np.float32), RATE, Stored("WAV", "PCM_16"))
    write_audio(tmp_path / f"a.{suffix}", silence)
    assert np.abs(read_audio(tmp_path / f"a.{suffix}").samples).max() < 1e-4
    if suffix in ("wav", "flac"):
        offset = Audio(np.full((1, 4000), 0.25, np.float32), RATE, silence.stored)
        write_audio(tmp_path / f"b.{suffix}", offset)
        assert np.array_equal(read_audio(tmp_path / f"b.{suffix}").samples, offset.samples)


def test_a_block_of_another_shape(tmp_path: Path) -> None:
    like = Audio(wave(10, 2).T.copy(), RATE)
    with (
        pytest.raises(InputError, match=r"expected a block \(2, n\), got \(1, 10\)"),
        create_audio(tmp_path / "a.wav", like) as writer,
    ):
        writer.write(like.samples[:1])
