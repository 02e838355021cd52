"""Files of every format written and read back, each side also by soundfile alone."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from undrift.common.errors import InputError, UndriftError, UsageError
from undrift.speech.audio import (
    Audio,
    Stored,
    create_audio,
    open_audio,
    output_suffix,
    read_audio,
    write_audio,
    writing,
)

LOSSLESS = [
    ("wav", "WAV", "PCM_U8", 8), ("wav", "WAV", "PCM_16", 16), ("wav", "WAV", "PCM_24", 24),
    ("wav", "WAV", "PCM_32", 32), ("wav", "WAVEX", "PCM_24", 24), ("flac", "FLAC", "PCM_S8", 8),
    ("flac", "FLAC", "PCM_16", 16), ("flac", "FLAC", "PCM_24", 24), ("aiff", "AIFF", "PCM_S8", 8),
    ("aiff", "AIFF", "PCM_16", 16), ("aif", "AIFF", "PCM_24", 24), ("au", "AU", "PCM_16", 16),
    ("au", "AU", "PCM_24", 24), ("caf", "CAF", "PCM_16", 16), ("caf", "CAF", "ALAC_16", 16),
    ("w64", "W64", "PCM_24", 24), ("rf64", "RF64", "PCM_16", 16), ("sph", "NIST", "PCM_16", 16),
]  # fmt: skip
FLOATS = [
    ("wav", "WAV", "FLOAT"), ("wav", "WAV", "DOUBLE"), ("aiff", "AIFF", "FLOAT"),
    ("au", "AU", "FLOAT"), ("caf", "CAF", "FLOAT"), ("w64", "W64", "FLOAT"),
    ("rf64", "RF64", "DOUBLE"),
]  # fmt: skip
LOSSY = [("ogg", "OGG", "VORBIS"), ("opus", "OGG", "OPUS"), ("mp3", "MP3", "MPEG_LAYER_III")]


def noise(channels: int, frames: int, rate: int = 16000) -> Audio:
    drawn = np.random.default_rng(1).uniform(-0.9, 0.9, (channels, frames))
    return Audio(drawn.astype(np.float32), rate)


def tone(rate: int, frames: int) -> Audio:
    wave = 0.5 * np.sin(2 * np.pi * 440 * np.arange(frames) / rate)
    return Audio(wave.astype(np.float32)[None], rate)


@pytest.mark.parametrize(("suffix", "format", "subtype", "bits"), LOSSLESS)
def test_integers_come_back_exactly(
    tmp_path: Path, suffix: str, format: str, subtype: str, bits: int
) -> None:
    kept = min(bits, 24)  # what float32 holds
    top = 2 ** (kept - 1)
    stored = np.random.default_rng(0).integers(-top, top, (1000, 2))
    stored[:2] = [[-top, top - 1], [0, -1]]
    source, copy = tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}"
    numbers = (stored << (32 - kept)).astype(np.int32)
    soundfile.write(source, numbers, 22050, subtype, format=format)

    with open_audio(source) as reader:
        assert (reader.rate, reader.channels, reader.frames) == (22050, 2, 1000)
        audio = reader.read()
    assert np.array_equal(audio.samples.T * top, stored)
    write_audio(copy, audio, peaks="error")
    with soundfile.SoundFile(copy) as file:
        assert (file.format, file.subtype, file.samplerate) == (format, subtype, 22050)
        assert np.array_equal(file.read(dtype="int32"), numbers)


@pytest.mark.parametrize(("suffix", "format", "subtype"), FLOATS)
def test_floats_come_back_exactly_beyond_full_scale_too(
    tmp_path: Path, suffix: str, format: str, subtype: str
) -> None:
    values = np.random.default_rng(0).normal(0, 1, (1000, 2)).astype(np.float32)
    soundfile.write(tmp_path / f"a.{suffix}", values, 48000, subtype, format=format)
    audio = read_audio(tmp_path / f"a.{suffix}")
    assert np.array_equal(audio.samples.T, values)
    writer = write_audio(tmp_path / f"b.{suffix}", audio)
    assert writer.limited == 0 and writer.peak == np.abs(values).max() > 1
    with soundfile.SoundFile(tmp_path / f"b.{suffix}") as file:
        assert (file.format, file.subtype) == (format, subtype)
        assert np.array_equal(file.read(dtype="float32"), values)


@pytest.mark.parametrize(("suffix", "format", "subtype"), LOSSY)
@pytest.mark.parametrize("frames", [160, 12345, 16000])
def test_lossy_formats_keep_the_count_and_the_place_of_samples(
    tmp_path: Path, suffix: str, format: str, subtype: str, frames: int
) -> None:
    audio = tone(16000, frames)
    write_audio(tmp_path / f"a.{suffix}", audio)
    back = read_audio(tmp_path / f"a.{suffix}")
    assert (back.stored.format, back.stored.subtype) == (format, subtype)
    assert (back.rate, back.samples.shape) == (16000, audio.samples.shape)
    if frames > 1000:
        error = back.samples - audio.samples
        assert np.square(error).mean() < 0.05 * np.square(audio.samples).mean()
    write_audio(tmp_path / f"b.{suffix}", back)
    with soundfile.SoundFile(tmp_path / f"b.{suffix}") as file:
        assert (file.format, file.subtype, file.frames) == (format, subtype, frames)


@pytest.mark.parametrize("subtype", ["ULAW", "ALAW"])
def test_telephone_laws_come_back_exactly(tmp_path: Path, subtype: str) -> None:
    soundfile.write(tmp_path / "a.wav", noise(1, 500).samples[0], 8000, subtype)
    write_audio(tmp_path / "b.wav", read_audio(tmp_path / "a.wav"))
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_numbers_are_rounded_to_the_nearest_step(tmp_path: Path) -> None:
    steps = np.array([[-3.4, -0.6, -0.4, 0.4, 0.6, 100.49, 100.51, -32768, 32767]])
    audio = Audio((steps / 32768).astype(np.float32), 8000, Stored("WAV", "PCM_16"))
    write_audio(tmp_path / "a.wav", audio)
    stored = soundfile.read(tmp_path / "a.wav", dtype="int16")[0]
    assert stored.tolist() == [-3, -1, 0, 0, 1, 100, 101, -32768, 32767]


@pytest.mark.parametrize("size", [1, 7, 999, 1000, 5000])
def test_blocks_of_any_size_make_the_whole(tmp_path: Path, size: int) -> None:
    write_audio(tmp_path / "a.flac", noise(2, 1000))
    with open_audio(tmp_path / "a.flac") as reader:
        first = list(reader.blocks(size))
        again = list(reader.blocks(size))
        whole = reader.read().samples
    assert [block.shape[1] for block in first[:-1]] == [size] * (len(first) - 1)
    assert np.array_equal(np.concatenate(first, 1), whole)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    with (
        open_audio(tmp_path / "a.flac") as reader,
        create_audio(tmp_path / "b.flac", reader, frames=reader.frames) as writer,
    ):
        for block in reader.blocks(size):
            writer.write(block)
    assert np.array_equal(read_audio(tmp_path / "b.flac").samples, whole)


@pytest.mark.parametrize(
    ("suffix", "stored", "expected"),
    [
        (".flac", ("WAV", "PCM_16"), ("FLAC", "PCM_16")),
        (".flac", ("WAV", "PCM_U8"), ("FLAC", "PCM_S8")),
        (".flac", ("WAV", "FLOAT"), ("FLAC", "PCM_24")),
        (".wav", ("FLAC", "PCM_S8"), ("WAV", "PCM_U8")),
        (".wav", ("WAVEX", "PCM_24"), ("WAVEX", "PCM_24")),
        (".wav", ("RF64", "PCM_24"), ("RF64", "PCM_24")),
        (".wav", ("WAV", "IMA_ADPCM"), ("WAV", "PCM_16")),
        (".wav", ("OGG", "VORBIS"), ("WAV", "PCM_24")),
        (".wav", ("mov,mp4", "aac"), ("WAV", "PCM_24")),
        (".ogg", ("OGG", "OPUS"), ("OGG", "OPUS")),
        (".ogg", ("WAV", "PCM_16"), ("OGG", "VORBIS")),
        (".opus", ("OGG", "VORBIS"), ("OGG", "OPUS")),
        (".mp3", ("MP3", "MPEG_LAYER_II"), ("MP3", "MPEG_LAYER_III")),
        (".aiff", ("WAV", "DOUBLE"), ("AIFF", "DOUBLE")),
        (".caf", ("CAF", "ALAC_24"), ("CAF", "PCM_24")),
    ],
)
def test_what_is_kept_between_formats(
    tmp_path: Path, suffix: str, stored: tuple[str, str], expected: tuple[str, str]
) -> None:
    sound = Audio(noise(1, 480).samples, 48000, Stored(*stored))
    write_audio(tmp_path / f"a{suffix}", sound)
    found = soundfile.info(tmp_path / f"a{suffix}")
    assert (found.format, found.subtype, found.frames) == (*expected, 480)


def test_suffixes_of_outputs() -> None:
    assert output_suffix(".MP3") == ".MP3"
    assert output_suffix(".m4a") == output_suffix(".g722", "keep") == ".flac"
    assert output_suffix(".m4a", "ogg") == ".ogg"
    with pytest.raises(UsageError, match="did you mean 'flac'"):
        output_suffix(".wav", "flacc")


@pytest.mark.parametrize("channels", [1, 2, 6, 8])
def test_channels_and_a_high_rate_are_kept(tmp_path: Path, channels: int) -> None:
    audio = Audio(noise(channels, 300).samples, 192000, Stored("WAVEX", "PCM_24"))
    write_audio(tmp_path / "a.wav", audio)
    back = read_audio(tmp_path / "a.wav")
    assert (back.channels, back.rate) == (channels, 192000)
    assert np.abs(back.samples - audio.samples).max() <= 2.0**-24


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "a.wav"
    target.write_bytes(b"before")
    with pytest.raises(KeyError), create_audio(target, noise(1, 100)) as writer:
        writer.write(noise(1, 100).samples)
        raise KeyError
    assert target.read_bytes() == b"before"
    with (
        pytest.raises(UndriftError, match="99 samples were made, expected 100"),
        create_audio(target, noise(1, 100), frames=100) as writer,
    ):
        writer.write(noise(1, 99).samples)
    assert target.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [target]


def test_peaks_are_never_cut_off_in_silence(tmp_path: Path) -> None:
    loud = tone(16000, 16000)
    loud = Audio(3 * loud.samples, 16000, Stored("WAV", "PCM_16"))
    writer = write_audio(tmp_path / "a.wav", loud)
    assert writer.peak == pytest.approx(1.5) and writer.limited > 15000
    assert writer.reduction_db == pytest.approx(20 * np.log10(1.5), abs=0.01)
    stored = soundfile.read(tmp_path / "a.wav", dtype="int16")[0]
    assert abs(stored).max() == 32767
    # A cut tone holds its third harmonic at -15 dB; a limited one is the tone, but smaller.
    middle = stored[4000:12000] / 32768
    harmonic = np.abs(np.mean(middle * np.exp(-2j * np.pi * 1320 * np.arange(8000) / 16000)))
    assert harmonic < 1e-3 * np.abs(middle).max()
    with pytest.raises(InputError, match=r"\+3\.52 dB does not fit PCM_16"):
        write_audio(tmp_path / "b.wav", loud, peaks="error")
    assert not (tmp_path / "b.wav").exists()


def test_a_wav_file_too_large_for_its_sizes_becomes_rf64(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "RIFF_LIMIT", 1999)
    audio = Audio(noise(2, 500).samples, 16000, Stored("WAV", "PCM_16"))
    write_audio(tmp_path / "a.wav", audio)
    assert (tmp_path / "a.wav").read_bytes()[:4] == b"RF64"
    assert np.abs(read_audio(tmp_path / "a.wav").samples - audio.samples).max() <= 2.0**-16
    write_audio(tmp_path / "b.wav", Audio(audio.samples[:, :499], 16000, audio.stored))
    assert (tmp_path / "b.wav").read_bytes()[:4] == b"RIFF"


@pytest.mark.parametrize(
    ("name", "rate", "channels", "told"),
    [
        ("a.opus", 44100, 1, "only 8000, 12000, 16000, 24000 or 48000 Hz"),
        ("a.mp3", 96000, 1, "8000 to 48000 Hz"),
        ("a.mp3", 48000, 6, "1 or 2 channels"),
        ("a.flac", 48000, 9, "9 channels"),
    ],
)
def test_what_a_format_cannot_hold(
    tmp_path: Path, name: str, rate: int, channels: int, told: str
) -> None:
    with pytest.raises(InputError, match=told):
        write_audio(tmp_path / name, noise(channels, 100, rate))
    assert not list(tmp_path.iterdir())


def test_unknown_names(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing can write '\.flax'; did you mean '\.flac'"):
        write_audio(tmp_path / "a.flax", Audio(noise(1, 9).samples, 8000, Stored("x", "y")))
    with pytest.raises(UsageError, match=r"nothing can write '\.m4a'"):
        write_audio(tmp_path / "a.m4a", noise(1, 9))
    with pytest.raises(UsageError, match="FLAC has no subtype 'FLOAT'; it takes PCM_16"):
        write_audio(tmp_path / "a.flac", noise(1, 9), subtype="FLOAT")
    with pytest.raises(UsageError, match="MP3 has no subtype"):
        write_audio(tmp_path / "a.mp3", noise(1, 9), subtype="MPEG_LAYER_I")
    with pytest.raises(UsageError, match="treatment of peaks 'cut'"):
        write_audio(tmp_path / "a.wav", noise(1, 9), peaks="cut")
    with pytest.raises(InputError, match=r"expected float32 samples \(channels, n\)"):
        Audio(np.zeros(4, np.float32), 8000)
