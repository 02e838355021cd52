"""Filters without a network on signals whose answer is known."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from torch import Tensor

from undrift.common.errors import UsageError
from undrift.speech.classical import LEAST, METHODS, Classical, NoisePower
from undrift.speech.spectrogram import SPECTROGRAM_16K, to_channels
from undrift.speech.tasks import enhance


def white(samples: int, power: float = 1.0, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return math.sqrt(power) * torch.randn(samples, generator=generator)


def tracked(wave: Tensor) -> Tensor:
    """The noise power in every bin after the last frame."""
    noise = NoisePower()
    power = SPECTROGRAM_16K.stft(wave[None])[0].abs().square()
    return [noise.update(frame[None]) for frame in power.T][-1][0]


def settled() -> float:
    """Where the tracker comes to rest, over the true power: the noise in a bin is exponential.

    E[(1 - p(g / c)) (g - c)] = 0 for g of mean 1, since p is larger where g is.
    """
    g = np.linspace(0, 40, 400001)
    xi = 10**1.5

    def drift(c: float) -> float:
        chance = 1 / (1 + (1 + xi) * np.exp(-np.minimum(g / c * xi / (1 + xi), 80)))
        return float(np.trapezoid(np.exp(-g) * (1 - chance) * (g - c), g))

    return float(brentq(drift, 0.3, 1.5))  # type: ignore[arg-type]


def test_the_power_of_steady_noise_is_found_and_followed() -> None:
    """White noise of variance v has the power v sum w^2 in every bin but the first and last."""
    energy = float(torch.hann_window(510).square().sum())
    inner = slice(2, -2)
    first = tracked(white(32000, 0.01))[inner].mean()
    expected = 10 * math.log10(settled())
    assert -1.5 < expected < 0
    assert 10 * math.log10(first / (0.01 * energy)) == pytest.approx(expected, abs=0.5)
    louder = torch.cat([white(16000, 0.01), white(48000, 0.09, 1)])
    later = tracked(louder)[inner].mean()
    assert 10 * math.log10(later / (0.09 * energy)) == pytest.approx(expected, abs=0.5)


def test_speech_is_not_taken_for_noise() -> None:
    """Tones of a quarter of a second, 59 dB above the noise in their bin, every second."""
    time = torch.arange(64000) / 16000
    tone = torch.sin(2 * torch.pi * 1000 * time) * (time % 1 > 0.75)
    quiet = white(64000, 1e-4)
    energy = float(torch.hann_window(510).square().sum())
    found = tracked(tone + quiet)[31:34].mean()  # bins around 1 kHz
    assert 10 * math.log10(found / (1e-4 * energy)) < 6


@pytest.mark.parametrize("method", METHODS)
def test_noise_goes_down_and_tones_stay(method: str) -> None:
    time = np.arange(48000) / 16000
    clean = 0.3 * np.sin(2 * np.pi * 1000 * time) * (time % 1 > 0.5)
    noise = 0.02 * white(48000).numpy()
    found = enhance((clean + noise).astype(np.float32), rate=16000, method=method).value
    rest = slice(16000, 24000)  # the second pause
    floor = 20 * math.log10(np.std(found[rest]) / np.std(noise[rest]))
    assert 20 * math.log10(LEAST) - 1 < floor < (-12 if method == "wiener" else -9)
    spoken = slice(25000, 31000)
    kept = 2 * np.mean(found[spoken] * np.exp(-2j * np.pi * 1000 * time[spoken]))
    assert 20 * math.log10(abs(kept) / 0.3) == pytest.approx(0, abs=0.5)
    before = np.square(noise).sum()
    assert np.square(found - clean).sum() < 0.2 * before


def test_the_wiener_gain_of_pure_noise_is_the_least() -> None:
    frames = to_channels(SPECTROGRAM_16K.forward(white(32000, 0.01)[None]))
    out = Classical("wiener", SPECTROGRAM_16K).push(frames)
    energies = [v[..., 50:].abs().pow(4).sum() for v in (out, frames)]  # of the plain transform
    assert 10 * math.log10(energies[0] / energies[1]) == pytest.approx(-20, abs=2)


@pytest.mark.parametrize("method", METHODS)
def test_blocks_and_channels_change_nothing(method: str) -> None:
    frames = to_channels(SPECTROGRAM_16K.forward(torch.stack([white(9000), white(9000, 4, 1)])))
    whole = Classical(method, SPECTROGRAM_16K).push(frames)
    stage = Classical(method, SPECTROGRAM_16K)
    parts = torch.cat([stage.push(part) for part in frames.split(7, -1)], -1)
    torch.testing.assert_close(parts, whole, rtol=0, atol=1e-6)
    alone = Classical(method, SPECTROGRAM_16K).push(frames[1:])
    torch.testing.assert_close(alone, whole[1:], rtol=0, atol=1e-6)


def test_an_unknown_name_is_told() -> None:
    with pytest.raises(UsageError, match="did you mean 'wiener'"):
        Classical("weiner", SPECTROGRAM_16K)
