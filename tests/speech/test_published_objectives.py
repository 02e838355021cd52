"""The losses as recipes name them: their value at known networks, and that training lowers them."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from undrift.common.denoisers import Denoiser, Scaling
from undrift.common.errors import InputError
from undrift.common.processes import BBED, OUVE, Process, SchroedingerBridge
from undrift.common.training.recipes import read_recipe
from undrift.speech.published_objectives import PublishedLoss, published_objective, waves_of
from undrift.speech.spectrogram import Spectrogram

RECIPE = read_recipe("speech-regenerate")
PROCESSES: dict[str, Process] = {"ouve": OUVE(), "bbed": BBED(), "sb-ve": SchroedingerBridge(c=0.2)}


class Constant(nn.Module):
    """Gives one value, whatever it is shown."""

    def __init__(self, value: float | Tensor = 0.0):
        super().__init__()
        self.value = value

    def forward(self, inputs: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
        return self.value + torch.zeros_like(inputs[:, :2])


class Stages(Constant):
    def first(self, y: Tensor) -> Tensor:
        return y / 2

    def given(self, y: Tensor) -> nn.Module:
        return Constant(self.value)


def batch(frames: int = 5, bins: int = 256) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x0, y, noise = 0.1 * torch.randn(3, 3, 2, bins, frames, generator=generator)
    return {"x0": x0, "y": y, "noise": 10 * noise, "u": torch.tensor([0.1, 0.5, 0.9])}


def loss(process: Process, network: nn.Module, prediction: str = "eps", **given: Any) -> float:
    recipe = RECIPE.model_copy(
        update={"times": RECIPE.times.model_copy(update={"top": 0.0, "uniform": 1.0})}
    )
    denoiser = Denoiser(network, process, prediction, Scaling(0.07, 0.0, 0.1))
    objective = published_objective(recipe, PublishedLoss(**given))
    return float(objective(denoiser, batch(), recipe, 0))


@pytest.mark.parametrize("name", ["ouve", "bbed"])
def test_score_matching_is_half_the_squared_error_of_the_noise(name: str) -> None:
    known = {"name": "score-matching", "most": 0.999}
    noise = batch()["noise"]
    right = loss(PROCESSES[name], Constant(noise), **known)
    assert right == pytest.approx(0, abs=1e-6)
    half = float(noise.square().mean()) / 2
    assert loss(PROCESSES[name], Constant(), **known) == pytest.approx(half, rel=1e-4)


def test_weights_of_the_denoiser_are_those_of_its_times() -> None:
    """u maps to t = least + (1 - least)(1 - u); a silent network is wrong by s z."""
    process, data = PROCESSES["ouve"], batch()
    t = 0.03 + 0.97 * (1 - data["u"].double())
    s2 = process.s(t) ** 2
    each = data["noise"].double().square().flatten(1).mean(1) / 2
    for weighting, weight in {"1": s2, "sigma^2": s2**2, "edm": (s2 + 0.01) / 0.01}.items():
        found = loss(process, Constant(), name="denoiser", weighting=weighting)
        assert found == pytest.approx(float((weight * each).mean()), rel=1e-4), weighting


def test_data_prediction_sees_spectrum_and_wave() -> None:
    """A network that gives y itself (F = 0 is x0 = y, the centre): by hand through the inverse."""
    data = batch()
    gap = data["y"] - data["x0"]
    plain = float(gap.square().flatten(1).sum(1).mean()) / (2 * 256 * 5)
    wave = waves_of(Spectrogram(hop=256))
    l1 = float((wave(data["y"]) - wave(data["x0"])).abs().mean()) / 2
    process = PROCESSES["sb-ve"]
    without = loss(process, Constant(), "x0", name="data-prediction", l1=0.0)
    assert without == pytest.approx(plain, rel=1e-5)
    whole = loss(process, Constant(), "x0", name="data-prediction", l1=0.1)
    assert whole == pytest.approx(plain + 0.1 * l1, rel=1e-5)


def test_storm_joins_both_stages() -> None:
    data, process = batch(), PROCESSES["ouve"]
    first = float((data["y"] / 2 - data["x0"]).square().mean()) / 2
    second = float(data["noise"].square().mean()) / 2
    for weight in (0.0, 0.5, 1.0):
        found = loss(process, Stages(), name="storm", predictive=weight)
        assert found == pytest.approx(weight * first + (1 - weight) * second, rel=1e-4)
    with pytest.raises(InputError, match="has no predictive first stage"):
        loss(process, Constant(), name="storm")


def test_times_stay_in_their_range() -> None:
    seen: list[float] = []

    class Spy(OUVE):
        def s(self, t: Tensor) -> Tensor:
            seen.extend(t.flatten().tolist())
            return super().s(t)

    loss(Spy(), Constant(), name="score-matching", least=0.2, most=0.6)
    inside = [t for t in seen if not math.isclose(t, 1.0)]
    assert min(inside) >= 0.2
    assert max(inside) <= 0.6
