"""Files beyond 4 GB, and hours in little memory."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from undrift.speech.audio import Audio, Stored, create_audio, open_audio


def noise(channels: int, frames: int) -> Audio:
    drawn = np.random.default_rng(1).uniform(-0.9, 0.9, (channels, frames))
    return Audio(drawn.astype(np.float32), 16000)


@pytest.mark.slow
def test_more_than_four_gigabytes(tmp_path: Path) -> None:
    block = noise(8, 1 << 20).samples
    like = Audio(block[:, :1], 48000, Stored("WAV", "FLOAT"))
    count = 129  # 4.3e9 bytes
    path = tmp_path / "a.wav"
    with create_audio(path, like, frames=count << 20) as writer:
        for number in range(count):
            writer.write(block if number == count - 1 else 0 * block)
    assert path.stat().st_size > 1 << 32
    found = soundfile.info(path)
    assert (found.format, found.subtype, found.frames) == ("RF64", "FLOAT", count << 20)
    with soundfile.SoundFile(path) as file:
        file.seek((count - 1) << 20)
        assert np.array_equal(file.read(dtype="float32").T, block)
    with open_audio(path) as reader:
        assert reader.frames == count << 20
    path.unlink()


@pytest.mark.slow
def test_minutes_of_ogg_in_one_block(tmp_path: Path, environment: dict[str, str]) -> None:
    """libvorbis keeps what it is given on the stack: 10 MB at once end the process."""
    code = """
import sys
import numpy as np
from undrift.speech.audio import Audio, write_audio
write_audio(sys.argv[1], Audio(np.full((1, 3_000_000), 0.1, np.float32), 48000))
"""
    command = [sys.executable, "-c", code, str(tmp_path / "a.ogg")]
    subprocess.run(command, check=True, env=environment)
    assert soundfile.info(tmp_path / "a.ogg").frames == 3_000_000


COPY = """
import resource, sys
import torch
from undrift.speech.audio import create_audio, open_audio
from undrift.speech.levels import LevelMeter
from undrift.speech.loudness import LoudnessMeter
from undrift.speech.resample import Resampler
torch.set_num_threads(1)
source, target = sys.argv[1:]
with open_audio(source) as reader, create_audio(target, reader, frames=reader.frames) as writer:
    level, loudness = LevelMeter(reader.rate), LoudnessMeter(reader.rate)
    down, up = Resampler(reader.rate, 16000), Resampler(16000, reader.rate)
    for block in reader.blocks(65536):
        level.push(block)
        loudness.push(block)
        writer.write(up.push(down.push(torch.from_numpy(block))).numpy())
    writer.write(up.push(down.finish()).numpy())
    writer.write(up.finish(reader.frames).numpy())
    loudness.integrated(), level.levels()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length(tmp_path: Path, environment: dict[str, str]) -> None:
    """Reading, both meters, both resamplers, the limiter and writing: half and ten minutes."""
    peaks = []
    for seconds in (30, 600):
        like = Audio(noise(2, 1).samples, 44100, Stored("FLAC", "PCM_16"))
        with create_audio(tmp_path / "a.flac", like, frames=seconds * 44100) as writer:
            for _ in range(seconds):
                writer.write(noise(2, 44100).samples)
        command = [sys.executable, "-c", COPY, str(tmp_path / "a.flac"), str(tmp_path / "b.flac")]
        out = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        peaks.append(int(out.stdout) / 1024)  # MiB
        assert soundfile.info(tmp_path / "b.flac").frames == seconds * 44100
    print(f"peak memory {peaks[0]:.0f} and {peaks[1]:.0f} MiB")
    assert peaks[1] - peaks[0] < 30  # the samples of ten minutes are 202 MiB
