"""Training with the losses of `losses`: what `data.loss` of a recipe names.

Times are those of the recipe, moved from (0, 1] to (least, most]: the papers train from t_eps, .03,
below which the noise is too small to be told from rounding, and BBED, pinned at 1, up to .999.
Losses are divided by the number of values of an item, so that `schedule.clip` means the same for
every length of crop; Adam does not mind. Noise is that of one real channel, whose score is twice
the one of complex noise while s^2 is half of it: products and ratios are the same.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from undrift.common.config import Strict
from undrift.common.denoisers import Denoiser
from undrift.common.processes.process import marginal, over
from undrift.common.training.recipe import Recipe
from undrift.common.training.run import Objective
from undrift.speech.losses import (
    Wave,
    data_prediction,
    denoiser_loss,
    score_matching,
    storm_loss,
)
from undrift.speech.signal import read_signal
from undrift.speech.spectrogram import Spectrogram, to_complex
from undrift.speech.storm import two_stages

Batch = dict[str, Tensor]


class PublishedLoss(Strict):
    """name: which loss. least, most: range of the times.

    weighting, spread, as_coded: of "denoiser", see there. l1, pesq: weights of the terms on the
    waveform of "data-prediction". predictive: weight of the first stage of "storm".
    """

    name: Literal["score-matching", "denoiser", "data-prediction", "storm"]
    least: float = Field(0.03, gt=0, lt=1)
    most: float = Field(1.0, gt=0, le=1)
    weighting: Literal["1", "sigma^2", "edm"] = "1"
    spread: float = Field(0.1, gt=0)
    as_coded: bool = False
    l1: float = Field(0.001, ge=0)
    pesq: float = Field(0.0, ge=0)
    predictive: float = Field(0.5, ge=0, le=1)


def published_objective(recipe: Recipe, settings: PublishedLoss) -> Objective:
    """The loss that the settings name; raises InputError where the network has no first stage."""
    if settings.name == "data-prediction":
        return _data_prediction(recipe, settings)
    if settings.name == "storm":
        return _storm(settings)

    def objective(denoiser: Denoiser, batch: Batch, recipe: Recipe, iteration: int) -> Tensor:
        t = _times(settings, denoiser, batch, recipe)
        x0, y, z = batch["x0"], batch["y"], batch["noise"]
        x = marginal(denoiser.process, x0, y, t, z).to(x0.dtype)
        s = denoiser.process.s(t).to(x0.dtype)
        score = -_noise(denoiser, x, t, y) / over(s, x)
        if settings.name == "score-matching":
            return score_matching(score, z, s) / x0[0].numel()
        loss = denoiser_loss(
            score, z, s, settings.weighting, spread=settings.spread, as_coded=settings.as_coded
        )
        return loss / x0[0].numel()

    return objective


def _data_prediction(recipe: Recipe, settings: PublishedLoss) -> Objective:
    spectrogram = read_signal(recipe.signal).spectrogram
    wave = waves_of(spectrogram)

    def objective(denoiser: Denoiser, batch: Batch, recipe: Recipe, iteration: int) -> Tensor:
        t = _times(settings, denoiser, batch, recipe)
        x0, y = batch["x0"], batch["y"]
        x = marginal(denoiser.process, x0, y, t, batch["noise"]).to(x0.dtype)
        estimate = denoiser(x, t, y).x0.float()
        with torch.autocast(x0.device.type, enabled=False):  # transforms are in full precision
            return data_prediction(
                estimate, x0, wave, l1=settings.l1, pesq=settings.pesq, rate=spectrogram.rate
            )

    return objective


def _storm(settings: PublishedLoss) -> Objective:
    def objective(denoiser: Denoiser, batch: Batch, recipe: Recipe, iteration: int) -> Tensor:
        network = two_stages(denoiser)
        t = _times(settings, denoiser, batch, recipe)
        x0, y, z = batch["x0"], batch["y"], batch["noise"]
        rough = network.first(y)
        x = marginal(denoiser.process, x0, rough, t, z).to(x0.dtype)
        second = denoiser.with_network(network.given(y))
        residue = z - _noise(second, x, t, rough)
        return storm_loss(rough, x0, residue, settings.predictive) / x0.numel()

    return objective


def waves_of(spectrogram: Spectrogram) -> Wave:
    """The inverse transform of channels, (frames - 1) hops long."""

    def wave(channels: Tensor) -> Tensor:
        samples = (channels.shape[-1] - 1) * spectrogram.hop
        return spectrogram.inverse(to_complex(channels), samples)

    return wave


def _times(settings: PublishedLoss, denoiser: Denoiser, batch: Batch, recipe: Recipe) -> Tensor:
    t = recipe.times.draw(denoiser.process, batch["u"], recipe.scaling.sigma_d)
    return settings.least + (settings.most - settings.least) * t


def _noise(denoiser: Denoiser, x: Tensor, t: Tensor, y: Tensor) -> Tensor:
    """What a denoiser takes for the unit noise in x."""
    process = denoiser.process
    a, b, s = (over(f(t).to(x.dtype), x) for f in (process.a, process.b, process.s))
    return (x - a * denoiser(x, t, y).x0 - b * y) / s
