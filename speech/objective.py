"""The loss of speech models with data prediction: three views of one estimate.

    (1 - m) |S_est - S|^2 + m (|S_est| - |S|)^2   compressed spectrograms, over sigma_d^2
    + w |wave_est - wave|                         mean absolute error, over the model's level

The second term forgives the phase and keeps the level of the estimate up where the phase cannot be
known (Braun & Tashev 2021, Eq. 5); the third counts what SI-SDR counts.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from undrift.common.config import Strict
from undrift.common.denoisers import Denoiser
from undrift.common.processes.process import marginal
from undrift.common.training.recipe import Recipe
from undrift.common.training.run import Objective
from undrift.speech.perceived import estoi_distance, log_distance
from undrift.speech.signal import read_signal
from undrift.speech.spectrogram import to_complex


class SpeechLoss(Strict):
    """magnitude: m, the share of the second term. wave: w.

    estoi, log: weights of 1 - ESTOI and of the log-spectral distance in units of 10 dB.

    own: share of the items whose state lies between y and the network's own first estimate, at
    time `own_time`, as the sampler's second call meets it. What a network makes of its own mistakes
    is not what it makes of the truth (Lay et al. 2024, who train through the last step, too).
    """

    name: Literal["three-views"] = "three-views"
    magnitude: float = Field(0.5, ge=0, le=1)
    wave: float = Field(0.25, ge=0)
    estoi: float = Field(0.0, ge=0)
    log: float = Field(0.0, ge=0)
    own: float = Field(0.0, ge=0, lt=1)
    own_time: float = Field(0.3, gt=0, lt=1)


def states(
    denoiser: Denoiser, batch: dict[str, Tensor], recipe: Recipe, settings: SpeechLoss
) -> tuple[Tensor, Tensor]:
    """The states (b, 2, bins, frames) and times (b,) at which the network is asked."""
    x0, y, u, process = batch["x0"], batch["y"], batch["u"], denoiser.process
    own = u < settings.own
    drawn = ((u - settings.own) / (1 - settings.own)).clamp(min=0)
    t = recipe.times.draw(process, drawn, recipe.scaling.sigma_d)
    t = torch.where(own, torch.full_like(t, settings.own_time), t)
    x = marginal(process, x0, y, t, batch["noise"]).to(x0.dtype)
    if bool(own.any()):
        with torch.no_grad():
            first = denoiser(y[own], torch.ones_like(t[own]), y[own]).x0.to(x0.dtype)
            x[own] = marginal(process, first, y[own], t[own], torch.zeros_like(first)).to(x0.dtype)
    return x, t


def speech_objective(recipe: Recipe, settings: SpeechLoss) -> Objective:
    """The loss above, at times drawn as the recipe says."""
    signal = read_signal(recipe.signal)
    spectrogram, level = signal.spectrogram, signal.amplitude

    def objective(
        denoiser: Denoiser, batch: dict[str, Tensor], recipe: Recipe, iteration: int
    ) -> Tensor:
        x0, y = batch["x0"], batch["y"]
        x, t = states(denoiser, batch, recipe, settings)
        estimate = denoiser(x, t, y).x0.float()
        unit = recipe.scaling.sigma_d**2
        whole = (estimate - x0).square().mean() / unit
        size = (_size(estimate) - _size(x0)).square().mean() / unit
        loss = (1 - settings.magnitude) * whole + settings.magnitude * size
        if settings.wave or settings.estoi or settings.log:
            with torch.autocast(x0.device.type, enabled=False):
                both = spectrogram.expand(to_complex(torch.cat([estimate, x0])))
                samples = spectrogram.hop * (x0.shape[-1] - 1)
                made, true = (spectrogram.istft(both, samples) / level).chunk(2)
                loss = loss + _of_waves(made, true, spectrogram.rate, settings)
        return loss

    return objective


def _of_waves(made: Tensor, true: Tensor, rate: int, settings: SpeechLoss) -> Tensor:
    """The terms of waves (b, samples) at the model's level 1."""
    loss = settings.wave * (made - true).abs().mean()
    if settings.estoi:
        loss = loss + settings.estoi * estoi_distance(made, true, rate)
    if settings.log:
        loss = loss + settings.log / 10 * log_distance(made, true, rate)
    return loss


def _size(channels: Tensor) -> Tensor:
    return (channels.square().sum(1) + 1e-10).sqrt()
