"""The way of samples through resamplers and frames: exact counts, exact times, any blocks."""

import math
from typing import Literal

import pytest
import torch
from torch import Tensor

from undrift.speech.line import Line
from undrift.speech.resample import resample
from undrift.speech.spectra import Spectra
from undrift.speech.spectrogram import SPECTROGRAM_16K, Spectrogram
from undrift.speech.stages import Unchanged

WIDE_HOP = Spectrogram(hop=256)


class Late:
    """Gives frames times `gain`, `delay` frames late, as networks that look ahead do."""

    def __init__(self, delay: int, gain: float = 1.0):
        self.delay, self.gain = delay, gain
        self.held = torch.zeros(0)

    def push(self, frames: Tensor) -> Tensor:
        whole = frames if self.held.ndim == 1 else torch.cat([self.held, frames], -1)
        ready = max(0, whole.shape[-1] - self.delay)
        self.held = whole[..., ready:]
        return self.gain**0.5 * whole[..., :ready]  # frames are compressed by a root

    def finish(self) -> Tensor:
        return self.gain**0.5 * self.held


def line(rate: int, stages: list, **settings: object) -> Line:
    spectrogram = settings.pop("spectrogram", SPECTROGRAM_16K)
    gain = settings.pop("gain", torch.tensor([2.0, 0.5]))
    kept = {name: settings.pop(name) for name in ("linked", "each") if name in settings}
    spectra = Spectra(spectrogram, stages, gain, **kept)  # type: ignore[arg-type]
    return Line(rate, spectra, **settings)  # type: ignore[arg-type]


def through(way: Line, wave: Tensor, size: int) -> Tensor:
    made = [way.push(block) for block in wave.split(size, -1)]
    return torch.cat([*made, way.finish()], -1)


def noise(samples: int, channels: int = 2) -> Tensor:
    return 0.1 * torch.randn(channels, samples, generator=torch.Generator().manual_seed(samples))


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("spectrogram", [SPECTROGRAM_16K, WIDE_HOP], ids=["128", "256"])
def test_what_is_not_changed_comes_out_at_its_time(rate: int, spectrogram: Spectrogram) -> None:
    for samples in (1, 7, 160, 255, 256, 511, 1000, rate // 2 + 13):
        wave = noise(samples)
        out = through(line(rate, [Late(3)], spectrogram=spectrogram), wave, 300)
        assert out.shape == (1, 2, samples)
        if rate >= 16000:
            torch.testing.assert_close(out[0], wave, rtol=0, atol=2e-6)


def test_8_khz_comes_back_but_for_the_edge_of_its_band() -> None:
    time = torch.arange(8000, dtype=torch.float64) / 8000
    wave = 0.3 * torch.sin(2 * torch.pi * 700 * time)[None].float()
    out = through(line(8000, [Unchanged()], gain=torch.ones(1)), wave, 999)
    torch.testing.assert_close(out[0, :, 400:-400], wave[:, 400:-400], rtol=0, atol=1e-5)


@pytest.mark.parametrize("rate", [16000, 44100])
def test_blocks_change_nothing(rate: int) -> None:
    wave = noise(rate // 2)
    whole = through(line(rate, [Late(5, 0.3)]), wave, rate)
    for size in (61, 1000, 8192):
        parts = through(line(rate, [Late(5, 0.3)]), wave, size)
        torch.testing.assert_close(parts, whole, rtol=0, atol=1e-6)


def test_the_gain_of_a_stage_is_the_gain_of_the_result() -> None:
    wave = noise(16000)
    out = through(line(16000, [Late(2, 0.25)]), wave, 4000)
    torch.testing.assert_close(out[0], 0.25 * wave, rtol=0, atol=2e-6)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1.0), (0.5, 0.625), (1.0, 0.25)])
def test_the_share_mixes_the_recording_in(share: float, expected: float) -> None:
    wave = noise(44100)
    out = through(line(44100, [Late(2, 0.25)], share=share), wave, 5000)
    if share == 0:
        assert torch.equal(out[0], wave)
    # White noise in all of the band: the high band is scaled by the gain of the upper half.
    inner = slice(2000, -2000)
    torch.testing.assert_close(out[0, :, inner], expected * wave[:, inner], rtol=0, atol=2e-3)


@pytest.mark.parametrize(("high", "gain"), [("keep", 1.0), ("drop", 0.0), ("scale", 0.25)])
def test_what_is_above_the_model(high: str, gain: float) -> None:
    """A tone at 12 kHz beside noise that the stage lowers by 12 dB."""
    rate = 48000
    tone = 0.2 * torch.sin(2 * torch.pi * 12000 * torch.arange(rate) / rate)[None]
    low = noise(rate // 3, 1)
    wave = tone + resample(low, 16000, rate, rate)
    out = through(line(rate, [Late(2, 0.25)], high=high, gain=torch.ones(1)), wave, 4096)
    found = 2 * (out[0, 0] * torch.exp(2j * torch.pi * 12000 * torch.arange(rate) / rate)).mean()
    assert abs(abs(found) / 0.2 - gain) < 0.01


def test_samples_their_mean_and_their_spread() -> None:
    wave = noise(16000)
    way = line(16000, [Late(2, 0.2), Late(2, 0.6)], each=True)
    out = through(way, wave, 3000)
    for number, gain in enumerate((0.4, 0.2, 0.6)):
        torch.testing.assert_close(out[number], gain * wave, rtol=0, atol=2e-6)
    # deviations of .2 x and .6 x: |.2 x| sqrt(2), over the mean .4 x
    assert way.spectra.heard.disagreement == pytest.approx(0.5**0.5, rel=1e-4)
    assert way.spectra.heard.snr == pytest.approx(20 * math.log10(4 / 6), rel=1e-3)


def test_silence_stays_silence() -> None:
    class Loud:
        def push(self, frames: Tensor) -> Tensor:
            return frames + 1

        def finish(self) -> Tensor:
            return torch.zeros(0)

    for rate in (16000, 44100):
        out = through(line(rate, [Loud()]), torch.zeros(2, rate), 5000)
        assert out.abs().max() == 0
    wave = torch.zeros(2, 16000)
    wave[:, 8000:9000] = noise(1000)
    out = through(line(16000, [Loud()]), wave, 5000)
    assert out[..., :7400].abs().max() == 0
    assert out[..., 8000:9000].abs().max() > 1


def test_linked_channels_share_the_gains_of_their_middle() -> None:
    """Gains of 1/4: differences in level and phase between the channels stay."""
    first = noise(16000, 1)
    wave = torch.cat([first, 0.3 * first.roll(5, -1)])
    out = through(line(16000, [Late(2, 0.25)], linked=True), wave, 3000)
    torch.testing.assert_close(out[0], 0.25 * wave, rtol=0, atol=2e-6)
    opposite = torch.cat([first, -first])
    out = through(line(16000, [Late(2, 0.25)], linked=True), opposite, 3000)
    torch.testing.assert_close(out[0], opposite, rtol=0, atol=2e-6)


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_the_declared_latency_is_kept_and_close(rate: int) -> None:
    wave = noise(rate // 2)
    way = line(rate, [Late(3)], window=64)
    latency, came, worst = way.latency(3), 0, 0
    for pushed, block in enumerate(wave.split(50, -1), 1):
        came += way.push(block).shape[-1]
        worst = max(worst, 50 * pushed - came)
    assert worst <= latency + 50
    assert worst > latency - 50 - 0.05 * rate


class Seen(Unchanged):
    """Keeps the frames that come."""

    def __init__(self) -> None:
        self.frames: list[Tensor] = []

    def push(self, frames: Tensor) -> Tensor:
        self.frames.append(frames)
        return frames


@pytest.mark.parametrize("window", ["hann", "sqrthann"])
def test_a_constant_offset_never_reaches_a_model(window: Literal["hann", "sqrthann"]) -> None:
    """The frames of x + 0.3 are those of x; without the wish they are others."""
    spectrogram = Spectrogram(hop=256, window=window)
    wave = noise(8000, 1)
    X, shifted = spectrogram.stft(wave), spectrogram.stft(wave + 0.3)
    for offset in (False, True):
        stages = Seen(), Seen()
        for stage, value in zip(stages, (X, shifted), strict=True):
            Spectra(spectrogram, [stage], torch.ones(1), offset=offset).push(value)
        gap = float((stages[0].frames[0] - stages[1].frames[0]).abs().max())
        assert gap > 0.1 if offset else gap < 2e-3  # the root of single precision near 0
