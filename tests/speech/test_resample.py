"""The resampler against its formula, against torchaudio, on tones, and block by block."""

import numpy as np
import pytest
import torch
from scipy.special import i0
from torch import Tensor

from undrift.common.errors import InputError
from undrift.speech import torchaudio_compat
from undrift.speech.resample import BETA, ROLLOFF, WIDTH, Resampler, resample

RATES = [
    (44100, 16000), (16000, 44100), (48000, 16000), (16000, 48000), (8000, 16000), (16000, 8000),
    (192000, 16000), (22050, 16000), (16000, 11025),
]  # fmt: skip


def noise(frames: int, channels: int = 1) -> Tensor:
    return torch.randn(channels, frames, generator=torch.Generator().manual_seed(0))


def tone(hertz: float, rate: int, frames: int) -> Tensor:
    """(1, frames) float64."""
    return torch.sin(2 * torch.pi * hertz * torch.arange(frames).double() / rate)[None]


@pytest.mark.parametrize(("rate", "to"), [*RATES, (16001, 16000)])
def test_samples_are_the_weighted_sums_of_the_formula(rate: int, to: int) -> None:
    x = noise(1500)
    y = resample(x, rate, to)
    assert y.shape == (1, -(-1500 * to // rate))
    signal, inputs = x[0].double().numpy(), np.arange(1500)
    for j in (0, 1, y.shape[1] // 2, y.shape[1] - 1):
        u = min(rate, to) * ROLLOFF * (inputs / rate - j / to)
        window = i0(BETA * np.sqrt(np.maximum(0, 1 - (u / WIDTH) ** 2))) / i0(BETA)
        weights = np.where(np.abs(u) <= WIDTH, np.sinc(u) * window, 0)
        expected = (weights * signal).sum() * ROLLOFF * min(rate, to) / rate
        assert y[0, j].item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("rate", "to"), RATES)
def test_equal_to_torchaudio(rate: int, to: int) -> None:
    torchaudio = torchaudio_compat.load()
    x = noise(4001, 2)
    expected = torchaudio.functional.resample(
        x.double(), rate, to, lowpass_filter_width=WIDTH, rolloff=ROLLOFF,
        resampling_method="sinc_interp_kaiser", beta=BETA,
    )  # fmt: skip
    assert torch.allclose(resample(x, rate, to), expected.float(), rtol=0, atol=3e-6)


@pytest.mark.parametrize(("rate", "to"), [*RATES, (9973, 8000)])
def test_any_blocks_give_the_same_bits(rate: int, to: int) -> None:
    x = noise(30011, 2)
    whole = resample(x, rate, to)
    for cuts in ([30011], [0, 1, 0, 8191, 1, 21818], [997] * 30 + [101]):
        resampler = Resampler(rate, to)
        parts = [resampler.push(part) for part in x.split(cuts, 1)]
        assert torch.equal(torch.cat([*parts, resampler.finish()], 1), whole)


def test_what_is_held_back_is_bounded() -> None:
    resampler = Resampler(44100, 16000, size=441)
    given = made = 0
    for _ in range(50):
        made += resampler.push(noise(441)).shape[1]
        given += 441
        assert given * 160 / 441 - made <= (resampler.latency + 441) * 160 / 441 + 1
    assert resampler.latency == 187  # 64 zero crossings of the lower rate


@pytest.mark.parametrize(("rate", "to"), RATES)
@pytest.mark.parametrize("frames", [1, 160, 1023, 4410])
def test_there_and_back_is_as_long(rate: int, to: int, frames: int) -> None:
    x = noise(frames)
    back = resample(resample(x, rate, to), to, rate, length=frames)
    assert back.shape == x.shape


@pytest.mark.parametrize(
    ("hertz", "bound"), [(100, 1e-6), (1000, 1e-6), (5000, 1e-6), (7000, 1e-6)]
)
def test_tones_of_the_band_come_through(hertz: float, bound: float) -> None:
    y = resample(tone(hertz, 44100, 44100).float(), 44100, 16000)
    expected = tone(hertz, 16000, 16000)
    inner = slice(200, -200)  # the ends have silence beyond them
    error = y[:, inner].double() - expected[:, inner]
    assert error.norm() / expected[:, inner].norm() < 1e-6


def test_a_tone_beyond_the_band_is_gone() -> None:
    y = resample(tone(8600, 44100, 44100).float(), 44100, 16000)[:, 200:-200]
    assert 20 * torch.log10(y.abs().max()) < -80


def test_there_and_back_keeps_what_is_below_the_band_of_the_lower_rate() -> None:
    x = (tone(440, 48000, 48000) + 0.3 * tone(6900, 48000, 48000)).float()
    back = resample(resample(x, 48000, 16000), 16000, 48000, length=48000)
    assert (back - x)[:, 1000:-1000].abs().max() < 5e-6


def test_the_same_rate_changes_nothing_and_shapes_are_kept() -> None:
    x = noise(100, 2)
    assert torch.equal(resample(x, 16000, 16000), x)
    for to in (16000, 8000):
        resampler = Resampler(16000, to)
        parts = [resampler.push(x[:, :0]), resampler.push(x), resampler.finish()]
        assert torch.equal(torch.cat(parts, 1), resample(x, 16000, to))
        empty = Resampler(16000, to)
        assert torch.cat([empty.push(x[:, :0]), empty.finish()], 1).shape == (2, 0)
    assert resample(x.reshape(2, 1, 100), 16000, 8000).shape == (2, 1, 50)
    assert resample(x[0], 16000, 8000).shape == (50,)
    assert resample(x[:, :0], 16000, 8000).shape == (2, 0)
    with pytest.raises(InputError, match="positive whole numbers, got 0 and 16000"):
        Resampler(0, 16000)
