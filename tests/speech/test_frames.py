"""Frames from blocks, and back: what torch gives for the whole signal, whatever the blocks."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from undrift.speech.frames import Analysis, Synthesis
from undrift.speech.spectrogram import SPECTROGRAM_16K, SPECTROGRAM_48K, Spectrogram

SETTINGS = {
    "16k": SPECTROGRAM_16K,
    "48k": SPECTROGRAM_48K,
    "odd": Spectrogram(n_fft=401, hop=100),
    "root": Spectrogram(n_fft=512, hop=128, window="sqrthann"),
}


def cut(x: Tensor, sizes: list[int]) -> Iterator[Tensor]:
    """Blocks of these sizes in turn, for ever."""
    start, number = 0, 0
    while start < x.shape[-1]:
        size = sizes[number % len(sizes)]
        yield x[..., start : start + size]
        start, number = start + size, number + 1


def whole(wave: Tensor, spectrogram: Spectrogram) -> Tensor:
    """torch's own centred transform."""
    window = torch.hann_window(spectrogram.n_fft)
    window = window.sqrt() if spectrogram.window == "sqrthann" else window
    return torch.stft(
        wave, spectrogram.n_fft, spectrogram.hop, window=window, center=True, return_complex=True
    )


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("sizes", [[1, 7, 130], [128], [4000], [100000], [255, 1]])
def test_blocks_give_the_frames_of_the_whole(name: str, sizes: list[int]) -> None:
    spectrogram = SETTINGS[name]
    wave = torch.randn(2, 9001, generator=torch.Generator().manual_seed(1))
    analysis = Analysis(spectrogram)
    made = [analysis.push(block) for block in cut(wave, sizes)]
    frames = torch.cat([*made, analysis.finish()], -1)
    assert frames.shape[-1] == spectrogram.frames(9001) == analysis.frames
    torch.testing.assert_close(frames, whole(wave, spectrogram), rtol=0, atol=2e-5)


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("sizes", [[1, 2, 9], [33], [1000]])
def test_frames_in_blocks_give_the_samples_back(name: str, sizes: list[int]) -> None:
    spectrogram = SETTINGS[name]
    wave = torch.randn(3, 9001, generator=torch.Generator().manual_seed(2))
    frames = whole(wave, spectrogram)
    changed = frames * torch.rand(frames.shape, generator=torch.Generator().manual_seed(3))
    synthesis = Synthesis(spectrogram)
    made = [synthesis.push(block) for block in cut(changed, sizes)]
    out = torch.cat([*made, synthesis.finish(9001)], -1)
    assert out.shape == wave.shape
    torch.testing.assert_close(out, spectrogram.istft(changed, 9001), rtol=0, atol=2e-5)


@pytest.mark.parametrize("samples", [1, 2, 127, 254, 255, 256, 257, 300, 511, 640])
def test_short_signals_come_back(samples: int) -> None:
    wave = torch.randn(1, samples, generator=torch.Generator().manual_seed(4))
    analysis, synthesis = Analysis(SPECTROGRAM_16K), Synthesis(SPECTROGRAM_16K)
    frames = torch.cat([analysis.push(wave), analysis.finish()], -1)
    torch.testing.assert_close(frames, SPECTROGRAM_16K.stft(wave), rtol=0, atol=1e-5)
    out = torch.cat([synthesis.push(frames), synthesis.finish(samples)], -1)
    torch.testing.assert_close(out, wave, rtol=0, atol=1e-5)


def test_memory_does_not_grow_with_the_signal() -> None:
    analysis, synthesis = Analysis(SPECTROGRAM_16K), Synthesis(SPECTROGRAM_16K)
    held = []
    for _ in range(40):
        synthesis.push(analysis.push(torch.randn(1, 1000)))
        kept = (analysis._held, synthesis._sum, synthesis._squares)
        held.append(sum(value.numel() for value in kept if value is not None))
    assert max(held[5:]) <= 2 * 510 + 2 * 4 * 128 + 1000
