"""The losses of SGMSE's family: the official values, and what they are least for."""

import importlib.util
import sys

import numpy as np
import pytest
import torch
from parity.case import REFERENCE
from torch import Tensor

from undrift.common.errors import MissingExtraError, UsageError
from undrift.common.processes.ouve import published
from undrift.common.processes.process import over
from undrift.speech.losses import (
    data_prediction,
    denoiser_loss,
    pesq_loss,
    score_matching,
    squares,
    storm_loss,
)
from undrift.speech.spectrogram import SPECTROGRAM_16K, to_channels, to_complex

PROCESS = published(16)


def official() -> dict[str, np.ndarray]:
    with np.load(REFERENCE / "speech_losses.npz") as data:
        return dict(data)


def parts(data: dict[str, np.ndarray]) -> tuple[Tensor, Tensor, Tensor]:
    """Score, noise and deviation of the fixture; complex (2, 1, 6, 5) and (2,)."""
    score, z = (torch.from_numpy(data[name].astype(np.complex128)) for name in ("forward_out", "z"))
    return score, z, PROCESS.s(torch.from_numpy(data["t"].astype(np.float64)))


def channels(value: Tensor) -> Tensor:
    """Complex (b, 1, f, t) -> real (b, 2, f, t)."""
    return to_channels(value[:, 0])


@pytest.mark.parametrize("real", [False, True])
def test_official_values_for_complex_values_and_their_channels(real: bool) -> None:
    data = official()
    score, z, s = parts(data)
    if real:
        score, z = channels(score), channels(z)
    found = {
        "score_matching": score_matching(score, z, s),
        "denoiser_w_1": denoiser_loss(score, z, s),
        "denoiser_w_sigma^2": denoiser_loss(score, z, s, "sigma^2"),
        "denoiser_w_edm": denoiser_loss(score, z, s, "edm", as_coded=True),
    }
    for key, value in found.items():
        assert float(value) == pytest.approx(float(data[key]), rel=2e-5), key


def test_edm_weights_belong_to_their_item() -> None:
    """By hand, item by item; the official program has 148.7 in its place."""
    score, z, s = parts(official())
    total = 0.0
    for k in range(2):
        weight = (float(s[k]) ** 2 + 0.01) / (float(s[k]) * 0.1) ** 2
        total += weight * float((s[k] ** 2 * score[k] + s[k] * z[k]).abs().square().sum()) / 2
    assert float(denoiser_loss(score, z, s, "edm")) == pytest.approx(total / 2)
    assert total / 2 == pytest.approx(35.3, abs=0.05)


def test_the_true_score_has_no_loss() -> None:
    _, z, s = parts(official())
    true = -z / over(s, z)
    assert float(score_matching(true, z, s)) == pytest.approx(0, abs=1e-25)
    for weighting in ("1", "sigma^2", "edm"):
        assert float(denoiser_loss(true, z, s, weighting)) == pytest.approx(0, abs=1e-25)


def test_storm_adds_both_stages_over_the_batch() -> None:
    generator = torch.Generator().manual_seed(0)
    predicted, x0, residue = torch.randn(3, 2, 2, 4, 5, generator=generator).double()
    by_hand = sum(0.25 * float(part.square().sum()) for part in (predicted - x0, residue))
    assert float(storm_loss(predicted, x0, residue)) == pytest.approx(by_hand)
    only = storm_loss(predicted, x0, residue, 1.0)
    assert float(only) == pytest.approx(float(squares(predicted - x0).sum()))


def test_an_unknown_weighting_names_the_known_ones() -> None:
    score, z, s = parts(official())
    with pytest.raises(UsageError, match=r"'sigma' is not one of 1, sigma\^2, edm; did you mean"):
        denoiser_loss(score, z, s, "sigma")


def test_without_torch_pesq_the_error_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch_pesq", None)
    with pytest.raises(MissingExtraError, match="pip install torch-pesq 'typeguard<3'"):
        pesq_loss(torch.zeros(1, 16000), torch.zeros(1, 16000))


@pytest.mark.skipif(importlib.util.find_spec("torch_pesq") is None, reason="needs torch-pesq")
def test_official_value_with_pesq() -> None:
    data = official()
    clean = torch.from_numpy(data["dp_wave_clean"].astype(np.float32))
    noisy = clean + torch.from_numpy(data["dp_wave_added"].astype(np.float32))
    x0, estimate = (to_channels(SPECTROGRAM_16K.forward(w)) for w in (clean, noisy))

    def wave(value: Tensor) -> Tensor:
        return SPECTROGRAM_16K.inverse(to_complex(value), (value.shape[-1] - 1) * 128)

    found = data_prediction(estimate, x0, wave, l1=0.001, pesq=5e-4)
    assert float(found) == pytest.approx(
        float(data["data_prediction_l1_0.001_pesq_5e-4"]), rel=2e-5
    )
