"""Samples as they come: what `enhance` gives for all of them, at the declared delay."""

import io
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tiny_speech import voice, write_speech_model

from undrift.cli import main
from undrift.common.errors import InputError, UsageError
from undrift.speech.stream import Streamer, run_stream
from undrift.speech.tasks import enhance


def through(streamer: Streamer, sound: np.ndarray, size: int) -> np.ndarray:
    blocks = [sound[..., start : start + size] for start in range(0, sound.shape[-1], size)]
    made = [streamer.push(block) for block in blocks]
    assert all(one.shape == block.shape for one, block in zip(made, blocks, strict=True))
    whole = np.concatenate([*made, streamer.finish().reshape(*sound.shape[:-1], -1)], -1)
    assert not whole[..., : streamer.latency].any()
    return whole[..., streamer.latency :]


@pytest.mark.parametrize("rate", [16000, 8000, 44100])
@pytest.mark.parametrize("settings", [{}, {"steps": 2, "solver": "auto"}], ids=["1", "2"])
def test_a_stream_is_what_enhance_gives(
    rate: int, settings: dict[str, Any], speech_model: str
) -> None:
    sound = np.stack([voice(rate, rate // 2), voice(rate, rate // 2, 1)])
    truth = enhance(sound, rate=rate, model=speech_model, input_level=-20, **settings).value
    assert np.abs(truth - sound).max() > 1e-3
    for size in (37, 320, 4096):
        streamer = Streamer(speech_model, rate=rate, channels=2, input_level=-20, **settings)
        np.testing.assert_allclose(through(streamer, sound, size), truth, atol=1e-5)


@pytest.mark.parametrize("method", ["wiener", "spectral-subtraction"])
def test_filters_stream_too(method: str) -> None:
    sound = voice(48000, 24000)
    truth = enhance(sound, rate=48000, method=method, strength=0.8).value
    streamer = Streamer(rate=48000, method=method, strength=0.8)
    np.testing.assert_allclose(through(streamer, sound, 480), truth, atol=1e-5)


def test_the_latency_is_that_of_window_network_and_filters(speech_model: str) -> None:
    """n_fft samples and `ahead` frames a call; the filters add a few milliseconds."""
    assert Streamer(speech_model).latency == 510 + 2 * 256
    assert Streamer(speech_model, steps=3, solver="auto").latency == 510 + 3 * 2 * 256
    assert Streamer(method="wiener").latency == 510
    late = Streamer(method="wiener", rate=48000).latency - 3 * 510
    assert 0 < late < 0.03 * 48000


def test_no_more_than_the_past_is_needed(speech_model: str) -> None:
    """What comes later than the latency does not change what has come out."""
    sound = voice(16000, 8000)
    other = sound.copy()
    other[5000:] = 0.5 * np.random.default_rng(0).standard_normal(3000)
    one, two = (Streamer(speech_model).push(x) for x in (sound, other))
    np.testing.assert_array_equal(one[:5000], two[:5000])
    assert np.abs(one[5000:] - two[5000:]).max() > 1e-3


def test_kinds_and_empty_blocks(speech_model: str) -> None:
    streamer = Streamer(speech_model)
    assert isinstance(streamer.push(torch.zeros(100)), torch.Tensor)
    assert streamer.push(np.zeros((1, 50))).dtype == np.float64
    assert streamer.push(np.zeros(0, np.float32)).shape == (0,)
    unused = Streamer(speech_model)
    assert unused.finish().shape == (1, unused.latency)


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"samples": 3}, UsageError, "one sample"),
        ({"input_level": "auto"}, UsageError, "is a number"),
        ({"channels": 1, "level": "loud"}, UsageError, "-23LUFS"),
        ({"nothing": 3}, UsageError, "unknown keyword"),
    ],
)
def test_mistakes(settings: dict[str, Any], error: type, said: str, speech_model: str) -> None:
    with pytest.raises(error, match=said):
        Streamer(speech_model, **settings)


def test_a_network_that_sees_the_whole_is_refused(tmp_path: Path) -> None:
    params = {"inputs": 4, "outputs": 2, "unshuffle": 2, "widths": [8], "depths": [1]}
    network = {"name": "local-nafnet", "params": params}
    model = write_speech_model(tmp_path / "m.safetensors", network=network)
    with pytest.raises(UsageError, match="cannot stream"):
        Streamer(model)


@pytest.mark.parametrize(
    ("block", "said"),
    [
        (np.zeros((2, 10), np.float32), r"expected floats \(1, n\)"),
        (np.zeros(10, np.int16), "expected floats"),
        (np.array([np.nan], np.float32), "not finite"),
        ([0.0], "got a list"),
    ],
)
def test_bad_blocks(block: Any, said: str, speech_model: str) -> None:
    with pytest.raises(InputError, match=said):
        Streamer(speech_model).push(block)


def test_pipes_keep_the_number_of_samples(speech_model: str) -> None:
    sound = np.rint(voice(16000, 5001) * 32767).astype("<i2")
    target = io.BytesIO()
    streamer = Streamer(speech_model)
    samples, spent = run_stream(streamer, io.BytesIO(sound.tobytes()), target, "PCM_16", 320)
    made = np.frombuffer(target.getvalue(), "<i2")
    assert (samples, len(made)) == (5001, 5001)
    assert spent > 0
    truth = enhance(sound, rate=16000, model=speech_model, preset="fast", input_level=-26).value
    assert np.abs(made.astype(int) - truth).max() <= 1


def test_the_command(
    speech_model: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sound = np.ascontiguousarray(np.stack([voice(16000, 3000), voice(16000, 3000, 1)]).T)
    pipe = SimpleNamespace(buffer=io.BytesIO(sound.tobytes()), isatty=lambda: False)
    out = SimpleNamespace(buffer=io.BytesIO(), write=lambda _: None, flush=lambda: None)
    monkeypatch.setattr(sys, "stdin", pipe)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        words = "speech stream --rate 16000 --channels 2 --subtype FLOAT --input-level -20"
        assert main([*words.split(), "--model", speech_model]) == 0
    made = np.frombuffer(out.buffer.getvalue(), "<f4").reshape(-1, 2).T
    truth = enhance(sound.T, rate=16000, model=speech_model, preset="fast", input_level=-20).value
    np.testing.assert_allclose(made, truth, atol=1e-5)
    said = capsys.readouterr().err
    assert f"{1000 * (510 + 2 * 256) / 16000:.0f} ms late" in said
    assert "real-time factor" in said
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    assert main(["speech", "stream", "--rate", "16000"]) == 2
