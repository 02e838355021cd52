"""What a file says of itself goes on: texts, and the chunks of recorders."""

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from undrift.speech.audio import Audio, Stored, create_audio, read_audio, write_audio

NAMES = ("title", "artist", "comment", "date", "album", "genre", "copyright")


def sound(frames: int = 1000) -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.5, 0.5, frames).astype(np.float32)


def chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def bext(reference: int) -> bytes:
    """A broadcast chunk by EBU Tech 3285: texts of 256, 32, 32, 10 and 8 bytes, then 64 bits."""
    texts = b"Scene 7, take 2".ljust(256, b"\0") + b"Recorder".ljust(32, b"\0") + bytes(32)
    return texts + b"2024-05-01" + b"12:00:00" + struct.pack("<QH", reference, 1) + bytes(254)


def recorded(path: Path, chunks: list[tuple[bytes, bytes]], rate: int = 48000) -> None:
    """A WAV file with chunks before and after its samples, as recorders write them."""
    soundfile.write(path, sound(), rate, "PCM_24")
    data = path.read_bytes()
    inner = data[12:]
    half = len(chunks) // 2
    before = b"".join(chunk(*one) for one in chunks[:half])
    after = b"".join(chunk(*one) for one in chunks[half:])
    body = b"WAVE" + before + inner + after
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)


def chunks_of(path: Path) -> dict[bytes, bytes]:
    """By the format's description: 12 bytes, then name, size, bytes, and one to make it even."""
    data, at, found = path.read_bytes(), 12, {}
    assert struct.unpack_from("<I", data, 4)[0] == len(data) - 8
    while at < len(data):
        name, size = data[at : at + 4], struct.unpack_from("<I", data, at + 4)[0]
        found[name] = data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    return found


INFO = b"INFO" + chunk(b"INAM", b"A talk\0") + chunk(b"IKEY", b"one; two\0")
LABELS = b"adtl" + chunk(b"labl", struct.pack("<I", 1) + b"here\0")
CUE = struct.pack("<IIIIIII", 1, 1, 500, int.from_bytes(b"data", "little"), 0, 0, 500)
CHUNKS = [(b"bext", bext(48000 * 3600)), (b"iXML", b"<BWFXML/>!"), (b"cue ", CUE), (b"LIST", INFO)]


def test_chunks_of_a_recorder_are_passed_on_as_bytes(tmp_path: Path) -> None:
    recorded(tmp_path / "a.wav", [*CHUNKS, (b"odd ", b"12345")])
    audio = read_audio(tmp_path / "a.wav")
    assert audio.stored.tags["title"] == "A talk"
    write_audio(tmp_path / "b.wav", audio)
    found = chunks_of(tmp_path / "b.wav")
    for name, data in [*CHUNKS, (b"odd ", b"12345")]:
        assert found[name] == data
    assert np.array_equal(read_audio(tmp_path / "b.wav").samples, audio.samples)
    assert read_audio(tmp_path / "b.wav").stored == audio.stored


def test_another_rate_moves_the_time_code_and_drops_markers(tmp_path: Path) -> None:
    recorded(tmp_path / "a.wav", [*CHUNKS, (b"LIST", LABELS)])
    audio = read_audio(tmp_path / "a.wav")
    with create_audio(tmp_path / "b.wav", audio, rate=16000) as writer:
        writer.write(audio.samples[:, ::3])
    found = chunks_of(tmp_path / "b.wav")
    assert found[b"bext"] == bext(16000 * 3600)
    assert found[b"LIST"] == INFO and b"cue " not in found


def test_chunks_in_rf64(tmp_path: Path) -> None:
    recorded(tmp_path / "a.wav", CHUNKS)
    audio = read_audio(tmp_path / "a.wav")
    write_audio(tmp_path / "b.rf64", audio)
    back = read_audio(tmp_path / "b.rf64")
    assert back.stored.format == "RF64" and back.stored.carried == audio.stored.carried
    assert np.array_equal(back.samples, audio.samples)
    data = (tmp_path / "b.rf64").read_bytes()
    assert data[:4] == b"RF64" and struct.unpack_from("<Q", data, 20)[0] == len(data) - 8


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "opus", "mp3", "caf", "rf64"])
def test_texts_between_formats(tmp_path: Path, suffix: str) -> None:
    tags = {name: f"{name} é" for name in NAMES}
    audio = Audio(sound()[None], 16000, Stored("W64", "PCM_16", tags=tags))
    write_audio(tmp_path / f"a.{suffix}", audio)
    back = read_audio(tmp_path / f"a.{suffix}")
    assert {name: back.stored.tags[name] for name in NAMES} == tags


@pytest.mark.parametrize("suffix", ["au", "w64"])
def test_formats_without_a_place_for_texts(tmp_path: Path, suffix: str) -> None:
    tags = {"title": "A talk"}
    write_audio(
        tmp_path / f"a.{suffix}", Audio(sound()[None], 16000, Stored("WAV", "PCM_16", tags=tags))
    )
    assert read_audio(tmp_path / f"a.{suffix}").stored.tags == {}


def commented(audio: Audio) -> Audio:
    tags = {**audio.stored.tags, "comment": "made by é"}
    return Audio(audio.samples, audio.rate, replace(audio.stored, tags=tags))


def test_a_comment_joins_the_texts_of_a_wav_file(tmp_path: Path) -> None:
    recorded(tmp_path / "a.wav", CHUNKS)
    write_audio(tmp_path / "b.wav", commented(read_audio(tmp_path / "a.wav")))
    added = chunk(b"ICMT", "made by é".encode() + b"\0")
    found = chunks_of(tmp_path / "b.wav")
    assert found[b"LIST"] == INFO + added and found[b"bext"] == CHUNKS[0][1]
    tags = read_audio(tmp_path / "b.wav").stored.tags
    assert (tags["title"], tags["comment"]) == ("A talk", "made by é")


def test_comments_and_pictures_of_flac(tmp_path: Path) -> None:
    """Blocks by RFC 9639: a type (128 more for the last), 24 bits of size, bytes."""

    def block(kind: int, data: bytes, last: bool = False) -> bytes:
        return bytes([kind + 128 * last]) + len(data).to_bytes(3, "big") + data

    texts = [b"TITLE=A talk", b"REPLAYGAIN_TRACK_GAIN=-3.20 dB", "SPEAKER=Zoé".encode()]
    comments = struct.pack("<I", 4) + b"ours" + struct.pack("<I", 3)
    comments += b"".join(struct.pack("<I", len(text)) + text for text in texts)
    picture = struct.pack(">II9sI", 3, 9, b"image/png", 0) + struct.pack(">5I", 1, 1, 24, 0, 80)
    picture += bytes(range(80))
    marks = bytes(128 + 8 + 1 + 258) + b"\1" + struct.pack(">QB", 1000, 255) + bytes(12 + 14 + 1)
    soundfile.write(tmp_path / "a.flac", sound(), 16000, "PCM_16")
    data = (tmp_path / "a.flac").read_bytes()
    at, frames = 4 + 4 + 34, 4  # after the description of the samples
    while True:
        last, size = data[frames] & 128, int.from_bytes(data[frames + 1 : frames + 4], "big")
        frames += 4 + size
        if last:
            break
    head = data[:4] + bytes([data[4] & 127]) + data[5:at]
    made = head + block(5, marks) + block(6, picture) + block(4, comments, True)
    (tmp_path / "a.flac").write_bytes(made + data[frames:])

    audio = read_audio(tmp_path / "a.flac")
    write_audio(tmp_path / "b.flac", audio)
    written = (tmp_path / "b.flac").read_bytes()
    assert all(part in written for part in (*texts, picture, marks))
    back = read_audio(tmp_path / "b.flac")
    assert back.stored == audio.stored and np.array_equal(back.samples, audio.samples)

    write_audio(tmp_path / "c.flac", commented(audio))
    back = read_audio(tmp_path / "c.flac")
    assert back.stored.tags == {**audio.stored.tags, "comment": "made by é"}
    assert np.array_equal(back.samples, audio.samples)
    assert texts[1] in (tmp_path / "c.flac").read_bytes()
    with create_audio(tmp_path / "d.flac", audio, rate=8000) as writer:
        writer.write(audio.samples[:, ::2])
    written = (tmp_path / "d.flac").read_bytes()
    assert picture in written and marks not in written
    assert soundfile.info(tmp_path / "d.flac").frames == 500


@pytest.mark.parametrize("version", [3, 4])
def test_the_tag_of_an_mp3_file(tmp_path: Path, version: int) -> None:
    """A tag by id3.org: `ID3`, version, flags, a size of four times 7 bits, frames, zeros."""

    def frame(name: bytes, data: bytes) -> bytes:
        return name + len(data).to_bytes(4, "big") + b"\0\0" + data  # below 128 both alike

    frames = frame(b"TIT2", b"\0A talk") + frame(b"APIC", b"\0image/png\0\3\0" + bytes(range(80)))
    frames += bytes(50)
    tag = b"ID3" + bytes([version, 0, 0, 0, 0, len(frames) >> 7, len(frames) & 127]) + frames
    soundfile.write(tmp_path / "a.mp3", sound(4000), 16000)
    (tmp_path / "a.mp3").write_bytes(tag + (tmp_path / "a.mp3").read_bytes())

    audio = read_audio(tmp_path / "a.mp3")
    assert audio.stored.tags["title"] == "A talk" and audio.frames == 4000
    write_audio(tmp_path / "b.mp3", audio)
    assert (tmp_path / "b.mp3").read_bytes()[: len(tag)] == tag
    assert read_audio(tmp_path / "b.mp3").frames == 4000
    write_audio(tmp_path / "c.mp3", commented(audio))
    back = read_audio(tmp_path / "c.mp3")
    assert back.frames == 4000 and back.stored.tags["comment"] == "made by é"
    assert bytes(range(80)) in (tmp_path / "c.mp3").read_bytes()
    write_audio(tmp_path / "d.mp3", back)
    assert read_audio(tmp_path / "d.mp3").stored.carried == back.stored.carried
