"""The terms of the loss that follow metrics: closed forms, and the metrics themselves."""

import numpy as np
import pytest
import torch

from undrift.speech.metrics.intelligibility import estoi
from undrift.speech.perceived import estoi_distance, log_distance

RATE = 16_000


def _speech_like(seconds: float = 3.0) -> np.ndarray:
    """Harmonics in syllables, louder and softer."""
    t = np.arange(round(seconds * RATE)) / RATE
    voice = sum(np.sin(2 * np.pi * 140 * k * t + k) / k for k in range(1, 40))
    syllables = np.clip(np.sin(2 * np.pi * 3 * t), 0.02, None) * (1 + 0.5 * np.sin(2 * t))
    return (voice * syllables).astype(np.float32)


def _tensors(*waves: np.ndarray) -> list[torch.Tensor]:
    return [torch.from_numpy(wave.astype(np.float32))[None] for wave in waves]


@pytest.mark.parametrize("gain", [0.1, 0.5, 3.0])
def test_a_gain_is_its_decibels_and_no_loss_of_intelligibility(gain: float):
    noise = np.random.default_rng(1).standard_normal(2 * RATE)
    made, true = _tensors(gain * noise, noise)
    # The floor, 60 dB below the loudest, takes a little from the weakest bins.
    assert float(log_distance(made, true, RATE)) == pytest.approx(
        abs(20 * np.log10(gain)), rel=5e-3
    )
    assert float(estoi_distance(made, true, RATE)) == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("snr", [-5, 0, 5, 15])
def test_the_distance_is_that_of_extended_stoi(snr: float):
    clean = _speech_like()
    noise = np.random.default_rng(2).standard_normal(clean.size).astype(np.float32)
    noisy = clean + noise * np.float32(clean.std() / noise.std() * 10 ** (-snr / 20))
    made, true = _tensors(noisy, clean)
    measured = 1 - float(estoi_distance(made, true, RATE))
    assert measured == pytest.approx(estoi(clean, noisy, RATE), abs=0.03)


def test_gradients_are_finite_where_the_estimate_is_silent():
    clean = _speech_like()
    made = torch.zeros(1, clean.size, requires_grad=True)
    (true,) = _tensors(clean)
    loss = estoi_distance(made, true, RATE) + log_distance(made, true, RATE)
    loss.backward()
    assert made.grad is not None and bool(torch.isfinite(made.grad).all())


def test_an_item_without_enough_speech_counts_nothing():
    made, true = _tensors(np.ones(1000), np.ones(1000))
    assert float(estoi_distance(made, true, RATE)) == 0
