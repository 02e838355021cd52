"""The recipes of SGMSE+, StoRM, SB-VE and BBED: settings of the papers, and that they train."""

import math
from pathlib import Path

import pytest
import torch

from undrift.common.noise import Noise
from undrift.common.processes import BBED, OUVE, Process, SchroedingerBridge
from undrift.common.reproduce.smoke import train_briefly
from undrift.common.training.recipes import read_recipe
from undrift.common.weights.model import load_model
from undrift.speech.bridge import BridgeSampler
from undrift.speech.checkpoints import SAMPLERS
from undrift.speech.enhancers import SpectrogramEnhancer
from undrift.speech.papers.small import tiny
from undrift.speech.papers.tones import write_pairs
from undrift.speech.sgmse import BBED_HALF, SGMSE_PLUS, STORM

PUBLISHED: dict[str, tuple[Process, object]] = {
    "sgmse-plus": (OUVE(1.5, 0.05, 0.5), SGMSE_PLUS),
    "storm": (OUVE(1.5, 0.05, 0.5), STORM),
    "bbed": (BBED(2.6, 0.52), BBED_HALF),
    "sb-ve": (SchroedingerBridge("ve", 0.4, 2.6), BridgeSampler("ode", 50)),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_process_and_sampler_are_those_of_the_paper(name: str) -> None:
    """Deviations are of one channel of two: the published ones over the root of two."""
    recipe, (process, sampler) = read_recipe(name), PUBLISHED[name]
    times = torch.linspace(0.03, 0.99, 20, dtype=torch.float64)
    small = read_recipe(name, tiny(name, Path()))
    ours = small.settings({}).build().process
    for function in ("a", "b", "phi"):
        torch.testing.assert_close(
            getattr(ours, function)(times), getattr(process, function)(times)
        )
    torch.testing.assert_close(ours.s(times), process.s(times) / math.sqrt(2))
    assert recipe.sampler is not None
    assert SAMPLERS[recipe.sampler.name](**recipe.sampler.params) == sampler
    # the network is told the process it is trained on, and the scale of its denoiser
    assert recipe.network.params["process"] == recipe.process.model_dump()
    assert recipe.network.params["sigma_d"] == recipe.scaling.sigma_d
    assert recipe.scaling.mean == 0
    assert recipe.scaling.std == 1


def test_the_window_is_256_frames_with_a_peak_of_one(tmp_path: Path) -> None:
    from undrift.speech.training import open_samples

    folder = write_pairs(tmp_path / "pairs", 1, 3.0, 0)
    given = (f"data.source.root={folder}", "data.source.card=null", "data.source.split=null")
    recipe = read_recipe("sgmse-plus", given)
    item = open_samples(recipe)[0]
    assert item["x0"].shape == item["y"].shape == item["noise"].shape == (2, 256, 256)


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
def test_a_small_one_learns_and_is_sampled(name: str, tmp_path: Path) -> None:
    """240 steps; then the weights, read back from their file, enhance by the paper's sampler."""
    pairs = write_pairs(tmp_path / "pairs", 6, 2.0, 1)
    trained = train_briefly(name, tmp_path / "run", "cpu", tiny(name, pairs))
    assert trained.steps >= 200
    assert trained.before / trained.after > 1.5
    model = load_model(tmp_path / "run" / f"{name}.safetensors")
    assert model.settings.sampler is not None
    sampler = SAMPLERS[model.settings.sampler.name](**{**model.settings.sampler.params, "steps": 4})
    y = 0.1 * torch.randn(1, 2, 32, 30, generator=torch.Generator().manual_seed(0))
    out = SpectrogramEnhancer(model.denoiser, sampler, Noise(0))(y)
    assert out.shape == y.shape
    assert bool(out.isfinite().all())
