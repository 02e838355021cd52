"""Spectrograms through a model and its sampler: padding, noise by frame, StoRM, chunks."""

import math

import pytest
import torch
from torch import Tensor, nn

from undrift.common.denoisers import Denoiser, Scaling
from undrift.common.errors import InputError, UsageError
from undrift.common.networks.build import build_network
from undrift.common.noise import Noise
from undrift.common.processes import OUVE, SchroedingerBridge
from undrift.speech.bridge import BridgeSampler
from undrift.speech.chunks import Chunked
from undrift.speech.enhancers import SpectrogramEnhancer
from undrift.speech.padded_frames import pad_frames
from undrift.speech.sgmse import STORM, ScoreSampler
from undrift.speech.storm import repaired, two_stages

SCALING = Scaling(0.1, 0.0, 0.1)
ROOT = math.sqrt(2)
PROCESS = OUVE(1.5, 0.05 / ROOT, 0.5 / ROOT)


class Local(nn.Module):
    """Looks at one frame at a time, so that chunks can be compared frame by frame."""

    reach = 0

    def forward(self, inputs: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
        x, y = inputs.chunk(2, 1)
        return 0.3 * x - 0.2 * y.flip(2) + 0.1 * torch.sin(psi)[:, None, None, None]


class Stages(nn.Module):
    """A first stage that halves, and a second that is told the noisy signal."""

    def first(self, y: Tensor) -> Tensor:
        return y / 2

    def given(self, y: Tensor) -> nn.Module:
        return Told(y)


class Told(Local):
    def __init__(self, y: Tensor):
        super().__init__()
        self.y = y

    def forward(self, inputs: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
        return super().forward(inputs, psi, level) + self.y


def denoiser(network: nn.Module) -> Denoiser:
    return Denoiser(network, PROCESS, "eps", SCALING)


def noisy(frames: int, seed: int = 0) -> Tensor:
    return 0.1 * torch.randn(1, 2, 6, frames, generator=torch.Generator().manual_seed(seed))


SAMPLER = ScoreSampler(steps=4)


@pytest.mark.parametrize("frames", [1, 2, 5, 33, 64, 65])
@pytest.mark.parametrize("padding", ["zero", "reflect", "replicate"])
def test_any_number_of_frames_comes_back(frames: int, padding: str) -> None:
    """Also clips shorter than the mirror image that is added, where the authors' program fails."""
    enhance = SpectrogramEnhancer(denoiser(Local()), SAMPLER, Noise(0), padding=padding)
    out = enhance(noisy(frames))
    assert out.shape == (1, 2, 6, frames)
    assert bool(out.isfinite().all())


def test_what_is_added_behind_the_end() -> None:
    x = torch.arange(3.0).reshape(1, 1, 1, 3)
    expected = {"zero": [0, 1, 2, 0, 0, 0, 0, 0], "replicate": [0, 1, 2, 2, 2, 2, 2, 2]}
    expected["reflect"] = [0, 1, 2, 1, 0, 1, 2, 1]
    for mode, values in expected.items():
        assert pad_frames(x, 8, mode).flatten().tolist() == values
    assert pad_frames(x, 3).shape == x.shape
    with pytest.raises(UsageError, match=r"padding 'reflection' .* did you mean 'reflect'"):
        pad_frames(x, 8, "reflection")


def test_noise_belongs_to_the_absolute_frame() -> None:
    """A piece of the recording, told where it begins, is the piece of the whole."""
    y = noisy(120)
    enhance = SpectrogramEnhancer(denoiser(Local()), SAMPLER, Noise(3, "a.wav"))
    whole = enhance(y)
    torch.testing.assert_close(enhance(y[..., 37:90], 37), whole[..., 37:90], rtol=0, atol=1e-6)
    assert float((enhance(y[..., 37:90], 0) - whole[..., 37:90]).abs().max()) > 0.01


@pytest.mark.parametrize("length", [40, 64, 100])
def test_chunks_of_any_length_give_the_whole(length: int) -> None:
    y = noisy(150)
    enhance = SpectrogramEnhancer(denoiser(Local()), SAMPLER, Noise(1))
    chunked = Chunked(enhance, length, 16)
    out = torch.cat([*(chunked.push(part) for part in y.split(23, -1)), chunked.finish()], -1)
    torch.testing.assert_close(out, enhance(y), rtol=0, atol=1e-6)


def test_storm_goes_from_its_first_estimate_and_is_told_the_noisy_signal() -> None:
    y, sampler = noisy(64), STORM
    enhance = SpectrogramEnhancer(denoiser(Stages()), sampler, Noise(0))
    assert enhance.calls == 21
    noise = Noise(0)
    second = denoiser(Told(y))
    by_hand = sampler(second, PROCESS, y / 2, lambda k: noise(y.shape, k))
    torch.testing.assert_close(enhance(y), by_hand, rtol=0, atol=1e-6)
    untold = sampler(denoiser(Told(0 * y)), PROCESS, y / 2, lambda k: noise(y.shape, k))
    assert float((untold - by_hand).abs().max()) > 1e-3


def test_a_bridge_needs_no_noise_for_its_ode() -> None:
    bridge = Denoiser(Local(), SchroedingerBridge(c=0.2), "x0", SCALING)
    outs = [
        SpectrogramEnhancer(bridge, BridgeSampler("ode", 3), Noise(seed))(noisy(20))
        for seed in (0, 1)
    ]
    assert torch.equal(*outs)
    assert SpectrogramEnhancer(bridge, BridgeSampler("ode", 3), Noise(0)).calls == 3


def test_one_stage_is_no_storm() -> None:
    with pytest.raises(InputError, match="Local has no predictive first stage"):
        two_stages(denoiser(Local()))


def test_the_published_network_of_two_stages_is_one() -> None:
    tiny = {"width": 8, "multipliers": [1, 1], "depth": 1, "attention": [], "rows": 32}
    process = {"name": "ouve", "params": {"theta": 1.5, "low": 0.05 / ROOT, "high": 0.5 / ROOT}}
    network = build_network(
        "ncsnpp-storm",
        {
            "denoiser": {**tiny, "channels": 2, "timed": False},
            "score": {**tiny, "channels": 6, "division": "before"},
            "process": process,
        },
    )
    y = 0.1 * torch.randn(1, 2, 32, 10, generator=torch.Generator().manual_seed(0))
    storm = ScoreSampler(steps=2, corrector="none")
    with torch.no_grad():
        out = repaired(denoiser(network), storm, y, lambda k: torch.zeros_like(y))
    assert out.shape == y.shape
    assert bool(out.isfinite().all())
