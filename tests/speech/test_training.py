"""Training of speech models: samples, the loss, recipes, on voices made of harmonics."""

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import nn

from undrift.common.denoisers import Denoiser, Scaling
from undrift.common.errors import InputError
from undrift.common.processes import SchroedingerBridge
from undrift.common.training.optimise import optimise
from undrift.common.training.recipes import read_recipe
from undrift.common.training.session import open_session
from undrift.speech.data import Mixtures, Windows, model_gain
from undrift.speech.objective import SpeechLoss, speech_objective, states
from undrift.speech.signal import read_signal
from undrift.speech.simulate.levels import active_power
from undrift.speech.training import open_samples
from undrift.speech.validation import Validation, ValidationSettings

TINY = (
    "network.params={inputs: 4, outputs: 2, bins: 256, fold: 8, widths: [8, 8], dilations: [1, 2]}",
    "schedule.batch=2", "schedule.decay=0", "schedule.precision=no", "schedule.warmup=1",
    "schedule.rate=0.003", 'start=""',
    "data.seconds=1.0", "data.source.noises=4", "data.source.noise_seconds=2.5",
    "data.source.rooms=2", "data.source.recorded=[]", "data.source.without=[c]",
    "validation.only=[c]",
    "validation.count=2", "validation.seconds=2.0",
)  # fmt: skip


def voices(folder: Path, rate: int = 16000) -> Path:
    """Three speakers of two utterances: syllables of harmonics, 1.5 s each."""
    t = np.arange(int(1.5 * rate)) / rate
    for number, name in enumerate("abc"):
        (folder / name).mkdir(parents=True)
        for part in range(2):
            pitch = 110 * 1.3**number + 5 * np.sin(2 * math.pi * (2 + part) * t)
            phase = 2 * math.pi * np.cumsum(pitch) / rate
            wave = sum(np.sin(k * phase) / k for k in range(1, 12))
            syllables = np.clip(np.sin(2 * math.pi * 3 * t + part), 0, 1)
            soundfile.write(folder / name / f"{part}.wav", 0.1 * wave * syllables, rate)
    return folder


def recipe_for(folder: Path, *more: str):
    chosen = (f"data.source.paths=[{folder}]", f"validation.path={folder}")
    return read_recipe("speech-regenerate", (*TINY, *chosen, *more))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UNDRIFT_CACHE", str(tmp_path / "cache"))
    return voices(tmp_path / "voices")


def test_samples_are_functions_of_their_number(cache: Path) -> None:
    recipe = recipe_for(cache)
    first, again = open_samples(recipe), open_samples(recipe)
    for name, value in first[5].items():
        assert torch.equal(value, again[5][name])
    assert not torch.equal(first[5]["y"], first[6]["y"])
    assert first[5]["y"].shape == (2, 256, 63)  # 1 s in hops of 256


def test_windows_come_at_the_models_level(cache: Path) -> None:
    recipe = recipe_for(cache, "data.spread=0")
    data = open_samples(recipe)
    assert isinstance(data, Windows)
    signal = read_signal(recipe.signal)
    _, noisy = data.source.pair(3, np.random.default_rng(0))
    gain = model_gain(noisy, signal)
    level = 10 * math.log10(active_power(noisy * np.float32(gain), 16000))
    assert level == pytest.approx(-25, abs=1e-3)
    y = data[3]["y"]
    back = signal.spectrogram.inverse(torch.complex(y[0], y[1])[None], len(noisy))
    torch.testing.assert_close(
        back[0], torch.from_numpy(noisy * np.float32(gain)), rtol=0, atol=1e-5
    )


def test_recorded_noises_join_the_made_ones(cache: Path) -> None:
    folder = cache.parent / "noises" / "bell"
    folder.mkdir(parents=True)
    tone = 0.2 * np.sin(2 * math.pi * 3000 / 16000 * np.arange(64000))
    soundfile.write(folder / "a.wav", tone, 16000)
    keys = (f"data.source.recorded=[{folder.parent}]", "data.source.recorded_noises=3")
    data = open_samples(recipe_for(cache, *keys))
    assert isinstance(data, Windows) and isinstance(data.source, Mixtures)
    noise = data.source.mixer.noise
    assert noise is not None and noise.rows.shape == (4 + 3, 40000)
    assert [row["family"] == "recorded" for row in noise.about] == [False] * 4 + [True] * 3
    spectrum = np.abs(np.fft.rfft(noise.rows[4, 0:16000].astype(np.float64)))
    assert 2350 < np.argmax(spectrum) < 3760  # 3 kHz at 0.8 to 1.25 times its speed


class Constant(nn.Module):
    """A network that says the same everywhere; x0 = y + sigma_d of it."""

    def __init__(self, value: float):
        super().__init__()
        self.value = value

    def forward(self, x, psi, level=None):
        return torch.full_like(x[:, :2], self.value)


def test_the_loss_has_the_stated_three_parts() -> None:
    """x0 = 0, estimate 1 in both channels: |1 + i|^2 a value, sqrt(2)^2 in size, and the wave's."""
    recipe = read_recipe("speech-regenerate")
    process = SchroedingerBridge(c=0.005)
    denoiser = Denoiser(Constant(2.0), process, "x0", Scaling(0.5, 0.0, 1.0))
    zeros = torch.zeros(1, 2, 256, 8)
    batch = {"x0": zeros, "y": zeros, "noise": zeros, "u": torch.zeros(1)}
    signal = read_signal(recipe.signal)
    wave = signal.spectrogram.inverse(torch.full((1, 256, 8), 1 + 1j), 7 * 256)
    unit = recipe.scaling.sigma_d**2
    for magnitude, weight in ((0.0, 0.0), (1.0, 0.0), (0.25, 2.0)):
        loss = speech_objective(
            recipe, SpeechLoss.model_validate({"magnitude": magnitude, "wave": weight})
        )
        complex_part, size_part = 1 / unit, 2 / unit  # a mean over channels; one over bins
        expected = (1 - magnitude) * complex_part + magnitude * size_part
        expected += weight * float(wave.abs().mean()) / 10 ** (-25 / 20)
        assert float(loss(denoiser, batch, recipe, 0)) == pytest.approx(expected, rel=1e-3)


def test_a_share_of_the_states_is_made_of_the_networks_own_estimate() -> None:
    """For u below the share: x = a D + b y at the given time, without noise; else the bridge's."""
    recipe = read_recipe("speech-regenerate", ("data.loss.own=0.5",))
    process = SchroedingerBridge(c=0.005)
    denoiser = Denoiser(Constant(2.0), process, "x0", Scaling(0.5, 0.0, 1.0))  # D = y + 1
    y = torch.randn(2, 2, 256, 8)
    noise = torch.ones_like(y)
    batch = {"x0": torch.zeros_like(y), "y": y, "noise": noise, "u": torch.tensor([0.1, 0.9])}
    x, t = states(denoiser, batch, recipe, SpeechLoss.model_validate({"own": 0.5, "own_time": 0.3}))
    a = float(process.a(torch.tensor(0.3, dtype=torch.float64)))
    assert float(t[0]) == 0.3
    torch.testing.assert_close(x[0], y[0] + a)
    assert float(t[1]) == 1  # u = .8 of the rest: the share at the top
    torch.testing.assert_close(x[1], y[1])


def test_a_short_training_lowers_the_loss_and_validates(cache: Path, tmp_path: Path) -> None:
    given = (
        f"data.source.paths=[{cache}]", f"validation.path={cache}", "schedule.iterations=25",
        "data.source.law={snr: [0, 5], no_noise: 0, reverberant: 0}",
    )  # fmt: skip
    session = open_session("speech-regenerate", tmp_path / "run", (*TINY, *given), cpu=True)
    run = session.run
    parts = [session.dataset[1000 + n] for n in range(8)]
    fixed = {name: torch.stack([part[name] for part in parts]) for name in parts[0]}
    before = float(run.objective(run.denoiser, fixed, run.recipe, 0).detach())
    assert len(list(optimise(run, session.dataset, 25))) == 25
    after = float(run.objective(run.denoiser, fixed, run.recipe, 25).detach())
    assert after < 0.8 * before
    assert session.validate is not None
    scores = session.validate(session.run.denoiser.eval().requires_grad_(False), tmp_path)
    assert set(scores) == {"si_sdr", "estoi", "lsd", "si_sdr_gain"}


def test_the_recipe_for_48_khz_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDRIFT_CACHE", str(tmp_path / "cache"))
    folder = voices(tmp_path / "voices", 48000)
    network = (
        "network.params={inputs: 4, outputs: 2, bins: 768, fold: 24, widths: [8, 8], "
        "dilations: [1]}"
    )
    given = (network, *TINY[1:], f"data.source.paths=[{folder}]", f"validation.path={folder}")
    session = open_session("speech-regenerate-48k", tmp_path / "run", given, cpu=True)
    losses = list(optimise(session.run, session.dataset, 2))
    assert session.dataset[0]["x0"].shape == (2, 768, 63)
    assert all(math.isfinite(loss) for loss in losses)


def test_the_test_speech_cannot_choose_a_checkpoint() -> None:
    settings = ValidationSettings.model_validate({"path": "cache:speech/debian-speech-heldout"})
    with pytest.raises(InputError, match="kept for the test"):
        Validation(settings, read_signal({}))


def test_speech_at_another_rate_is_told(cache: Path) -> None:
    soundfile.write(cache / "a" / "0.wav", np.zeros(800), 8000)
    with pytest.raises(InputError, match=r"0\.wav has 8000 Hz; expected 16000"):
        open_samples(recipe_for(cache))
