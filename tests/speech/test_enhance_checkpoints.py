"""A converted checkpoint in `enhance`: its authors' sampler, chunks, peak-normalised sound."""

from pathlib import Path

import lightning_files as files
import numpy as np
import pytest
import torch
from lightning_files import DNN, converted
from tiny_speech import voice

from undrift.common.errors import UsageError
from undrift.common.noise import Noise
from undrift.speech.enhancers import enhancer_of
from undrift.speech.spectrogram import to_channels, to_complex
from undrift.speech.stream import Streamer
from undrift.speech.tasks import enhance


def test_it_is_sampled_as_its_authors_do(tmp_path: Path) -> None:
    checkpoint = converted(tmp_path, DNN, files.SGMSE)
    model = str(tmp_path / "x.safetensors")
    sound = 0.3 * voice(16000, 3200)
    done = enhance(sound, rate=16000, model=model, steps=2, seed=5)
    assert done.info["nfe"] == 4  # a corrector and a predictor a step
    peak = float(np.abs(sound).max())
    spectrogram = checkpoint.spectrogram
    y = to_channels(spectrogram.forward(torch.from_numpy(sound / peak)[None]))
    x0 = enhancer_of(checkpoint, Noise(5), 2)(y)
    truth = peak * spectrogram.inverse(to_complex(x0), 3200)[0].numpy()
    np.testing.assert_allclose(done.value, truth, atol=1e-4 * np.abs(truth).max())
    parts = enhance(sound, rate=16000, model=model, steps=2, seed=5, chunk=0.15, overlap=0.05)
    assert parts.value.shape == sound.shape
    assert 0 < np.abs(parts.value - done.value).max() < 2 * np.abs(truth).max()


def test_it_cannot_stream(tmp_path: Path) -> None:
    converted(tmp_path, DNN, files.SGMSE)
    with pytest.raises(UsageError, match="cannot stream"):
        Streamer(str(tmp_path / "x.safetensors"), steps=2)
