"""Papers on speech: the stored scores of the fixed pair, runs on folders, and the smoke runs."""

import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor, nn

from undrift.cli import main
from undrift.common.denoisers import Denoiser, Scaling
from undrift.common.errors import InputError
from undrift.common.noise import Noise
from undrift.common.processes import SchroedingerBridge
from undrift.common.reproduce.paper import Task
from undrift.common.reproduce.papers import find_paper
from undrift.speech.bridge import BridgeSampler
from undrift.speech.enhancers import SpectrogramEnhancer
from undrift.speech.pairs import Named
from undrift.speech.papers.fixed_pair import syllables
from undrift.speech.papers.runs import Run, _result, enhance_wave, measure_tables, scores
from undrift.speech.papers.tables import FIXED
from undrift.speech.papers.tones import noisy_pair
from undrift.speech.spectrogram import SPECTROGRAM_16K

PAPERS = ("sgmse-plus", "storm")


class Silent(nn.Module):
    def forward(self, inputs: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
        return torch.zeros_like(inputs[:, :2])


def test_the_stored_ratio_is_that_of_whole_numbers() -> None:
    clean, degraded = ([int(v) for v in wave] for wave in syllables())
    energy = sum(v * v for v in clean)
    common = sum(u * v for u, v in zip(clean, degraded, strict=True))
    speech = Fraction(common * common, energy)
    rest = sum(v * v for v in degraded) - speech
    assert 10 * math.log10(speech / rest) == pytest.approx(FIXED["SI-SDR"], abs=1e-7)


def test_the_protocol_gives_the_stored_scores() -> None:
    clean, degraded = (wave / 32768 for wave in syllables())
    found = scores(clean, degraded, tuple(FIXED))
    assert found == pytest.approx(FIXED, abs=1e-6)
    louder = scores(clean, 3 * degraded, tuple(FIXED))
    assert louder == pytest.approx(found)


def test_the_fixed_pair_is_of_whole_numbers_that_fit() -> None:
    for wave in syllables():
        assert wave.dtype == np.int16
        assert 7000 < np.abs(wave.astype(int)).max() < 32767


def test_a_recording_comes_back_at_its_own_level() -> None:
    """A bridge whose network trusts the noisy one returns it, whatever its peak."""
    _, noisy = noisy_pair(1.0, 5.0, np.random.default_rng(0))
    trusting = Denoiser(Silent(), SchroedingerBridge(c=0.2), "x0", Scaling(0.1, 0.0, 1.0))
    enhancer = SpectrogramEnhancer(trusting, BridgeSampler("ode", 2), Noise(0))
    for gain in (1.0, 0.01):
        made = enhance_wave(enhancer, SPECTROGRAM_16K, gain * noisy, "cpu")
        np.testing.assert_allclose(made, gain * noisy, atol=2e-6 * gain)


def test_enhanced_recordings_of_others_must_fit(tmp_path: Path) -> None:
    item = Named("p1", tmp_path / "clean" / "p1.wav", tmp_path / "noisy" / "p1.wav")
    wave = np.linspace(-0.5, 0.5, 48000).astype(np.float32)
    soundfile.write(tmp_path / "p1.wav", wave[:16000], 16000, subtype="FLOAT")
    assert np.array_equal(_result(tmp_path, item, 16000), wave[:16000])
    with pytest.raises(InputError, match=r"p1\.wav: 1 channels of 16000 samples .* one of 8000"):
        _result(tmp_path, item, 8000)
    soundfile.write(tmp_path / "p1.wav", wave, 48000, subtype="FLOAT")
    assert _result(tmp_path, item, 16000).shape == (16000,)


def mixed(ratio: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(clean, noisy), 1.5 s at 16 kHz, whose SI-SDR is `ratio` dB: the noise is orthogonal."""
    rng = np.random.default_rng(seed)
    clean, noisy = noisy_pair(1.5, 0.0, rng)
    noise = noisy - clean
    noise -= clean * (noise @ clean) / (clean @ clean)
    noise *= np.sqrt((clean @ clean) / (noise @ noise)) * 10 ** (-ratio / 20)
    return 0.4 * clean, 0.4 * (clean + noise)


def save(path: Path, wave: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, 16000, subtype="FLOAT")


def test_a_whole_run_on_a_folder_in_the_real_layout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recordings that somebody enhanced, by 9 and 12 dB; the noisy ones have 1 and 4."""
    monkeypatch.setenv("UNDRIFT_CACHE", str(tmp_path))
    root, results = tmp_path / "papers/wsj0-reverb/audio/test", tmp_path / "papers/p/table/results"
    for k, ratio in enumerate((1.0, 4.0)):
        clean, noisy = mixed(ratio, k)
        save(root / f"anechoic/{k}.wav", clean)
        save(root / f"reverb/{k}.wav", noisy)
        save(results / f"{k}.wav", mixed(ratio + 8, k)[1])
    runs = {
        "input": Run("wsj0-reverb", "noisy", columns=("SI-SDR", "ESTOI"), noisy=True),
        "table": Run("wsj0-reverb", "ours", columns=("SI-SDR",)),
    }
    task = Task(False, "cpu", tmp_path, ("input", "table"), print)
    found = {(m.table, m.row, m.column): m for m in measure_tables(task, "p", runs)}
    assert found["input", "noisy", "SI-SDR"].value == pytest.approx(2.5, abs=1e-4)
    assert found["table", "ours", "SI-SDR"].value == pytest.approx(10.5, abs=1e-4)
    assert 0 < found["input", "noisy", "ESTOI"].value < 1
    assert found["table", "ours", "SI-SDR"].half is not None


@pytest.mark.parametrize("name", PAPERS)
def test_only_numbers_that_can_be_looked_up_are_entered(name: str) -> None:
    paper = find_paper(name)
    assert not paper.whole
    for table in paper.of("run"):
        assert table.figures or "not entered" in table.source
        assert any(need.name.startswith("papers/") for need in table.needs)


def test_list_and_show_know_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", "list"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in PAPERS)
    assert main(["reproduce", "show", "sgmse-plus"]) == 0
    shown = capsys.readouterr().out
    assert "2.93 ± 0.05" in shown
    assert "undrift data show voicebank-demand" in shown


@pytest.mark.slow
@pytest.mark.parametrize("name", PAPERS)
def test_the_smoke_run_meets_its_figures(name: str, tmp_path: Path) -> None:
    arguments = ["reproduce", "run", name, "--smoke", "-q", "--device", "cpu", "-o", str(tmp_path)]
    assert main(arguments) == 0
    tables = json.loads((tmp_path / f"{name}-smoke.json").read_text())["tables"]
    found = {(c["row"], c["column"]): c["measured"] for c in tables[0]["figures"]}
    assert found["training", "steps"] >= 200
    assert found["training", "loss falls by"] > 2
