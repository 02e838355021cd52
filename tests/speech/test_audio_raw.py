"""Bare PCM: against soundfile's reader of it, through a pipe that gives a few bytes at a time."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from undrift.common.errors import InputError, UsageError
from undrift.speech.audio import Raw, read_raw, spooled, write_audio

SUBTYPES = ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"]


class Pipe(io.BytesIO):
    """Gives at most seven bytes at once."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(7 if size is None or size < 0 else min(size, 7))


@pytest.mark.parametrize("subtype", SUBTYPES)
def test_bytes_mean_what_they_mean_elsewhere(tmp_path: Path, subtype: str) -> None:
    samples = np.random.default_rng(0).uniform(-1, 0.99, (2, 501)).astype(np.float32)
    raw = Raw(16000, 2, subtype)
    data = raw.encode(samples)
    assert len(data) == 501 * raw.frame
    (tmp_path / "a.raw").write_bytes(data)
    read, _ = soundfile.read(
        tmp_path / "a.raw", dtype="float32", samplerate=16000, channels=2, subtype=subtype,
        endian="LITTLE", format="RAW",
    )  # fmt: skip
    bits = {"PCM_U8": 8, "PCM_16": 16, "PCM_24": 24}.get(subtype, 30)
    assert np.abs(read.T - samples).max() <= 2.0**-bits
    assert np.array_equal(raw.decode(data), read.T)
    blocks = list(read_raw(Pipe(data), raw, 100))
    assert [block.shape for block in blocks] == [(2, 100)] * 5 + [(2, 1)]
    assert np.array_equal(np.concatenate(blocks, 1), read.T)
    assert raw.encode(raw.decode(data)) == data


def test_beyond_full_scale_ends_of_the_range_are_kept() -> None:
    for subtype, ends in [("PCM_16", (-32768, 32767)), ("PCM_32", (-(2**31), 2**31 - 1))]:
        data = Raw(8000, 1, subtype).encode(np.array([[-2, 2]], np.float32))
        assert tuple(np.frombuffer(data, "<i2" if subtype == "PCM_16" else "<i4")) == ends


def test_a_stream_for_two_passes(tmp_path: Path) -> None:
    raw = Raw(16000, 2)
    data = raw.encode(np.random.default_rng(0).uniform(-1, 1, (2, 999)).astype(np.float32))
    with spooled(Pipe(data), raw) as reader:
        first, again = (np.concatenate(list(reader.blocks(64)), 1) for _ in range(2))
        assert (reader.rate, reader.channels, reader.frames) == (16000, 2, 999)
        assert np.array_equal(first, again) and raw.encode(first) == data
        write_audio(tmp_path / "a.wav", reader.read())
        path = reader.path
    assert not path.exists()
    assert soundfile.info(tmp_path / "a.wav").subtype == "PCM_16"


def test_half_a_sample_and_unknown_words() -> None:
    with pytest.raises(InputError, match="ends within a sample: 3 bytes of 4"):
        list(read_raw(io.BytesIO(bytes(11)), Raw(8000, 2), 10))
    told = r"11 bytes are no multiple of 4 \(2 channels of PCM_16\)"
    with pytest.raises(InputError, match=told), spooled(io.BytesIO(bytes(11)), Raw(8000, 2)):
        pass
    with pytest.raises(UsageError, match="did you mean 'PCM_16'"):
        Raw(8000, 1, "PCM16")
    with pytest.raises(InputError, match="positive rate"):
        Raw(0)
