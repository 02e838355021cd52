"""What the general training loop asks of models of cubes; see `scientific.training`."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from undrift.common.config import Strict, load
from undrift.common.denoisers import Denoiser
from undrift.common.files import cache_folder
from undrift.common.losses import output_error, time_weight
from undrift.common.processes.process import marginal
from undrift.common.training.recipe import Recipe
from undrift.common.training.run import Objective
from undrift.scientific.hyperspectral import own_scene
from undrift.scientific.hyperspectral.banks import PairSettings, open_bank
from undrift.scientific.hyperspectral.samples import Coefficients
from undrift.scientific.hyperspectral.signal import read_signal
from undrift.scientific.hyperspectral.validation import Validation, ValidationSettings
from undrift.scientific.hyperspectral.voxels import Boxes, boxes

_FLOOR = 0.01  # of errors, below which nothing is gained
_TRIAL = 2  # scenes of a bank that is thrown away


class DataSettings(Strict):
    """The section `data` of a recipe. patch: pixels a side. bands: of a box, for voxels.

    least: directions of a scene's subspace that are kept, also where noise hides them.
    """

    count: int = 160
    first: int = 0
    side: int = 80
    patch: int = 64
    bands: int = 24
    least: int = 8


def open_samples(recipe: Recipe, trial: Path | None = None) -> Dataset[dict[str, Tensor]]:
    """The samples of a recipe; trial: a folder for a bank of two scenes."""
    if _own(recipe):
        return own_scene.open_samples(recipe)
    data, signal = load(DataSettings, recipe.data, "data"), read_signal(recipe.signal)
    count = data.count if trial is None else min(_TRIAL, data.count)
    settings = PairSettings(
        count=count,
        first=data.first,
        side=data.side,
        channels=signal.channels,
        least=data.least,
        guess=signal.guess,
    )
    place = trial or cache_folder() / "scientific" / "banks"
    if signal.space == "voxels":
        bank = open_bank(settings, place, kind="voxels", make=boxes)
        return Boxes(bank, (data.bands, data.patch, data.patch), recipe.schedule.seed)
    bank = open_bank(settings, place)
    return Coefficients(bank, data.patch, recipe.schedule.seed)


def open_objective(recipe: Recipe) -> Objective | None:
    """`log_error`, or that of a scene without a clean version."""
    return own_scene.noisy_error if _own(recipe) else log_error


def _own(recipe: Recipe) -> bool:
    return recipe.data.get("kind") == "own-scene"


def log_error(
    denoiser: Denoiser, batch: dict[str, Tensor], recipe: Recipe, iteration: int
) -> Tensor:
    """Mean over items of ln(error + floor), the error of x0 in units of sigma_d^2.

    Scores are decibels, and errors differ a hundredfold from a cube with white noise to one with
    stripes that nobody found: of the plain mean the network would learn the latter alone.
    """
    process, sigma_d = denoiser.process, recipe.scaling.sigma_d
    t = recipe.times.draw(process, batch["u"], sigma_d)
    x0, y, noise = (batch[name] for name in ("x0", "y", "noise"))
    x = marginal(process, x0, y, t, noise).to(x0.dtype)
    output = denoiser.output(x, t, y, batch.get("level"))
    error = output_error(output, denoiser.target(x0, t, y, noise), recipe.loss.kind)
    weight = time_weight(process, t, sigma_d, recipe.loss.weighting, 2)
    return torch.log(weight.to(error) * error + _FLOOR).mean()


def open_validation(
    settings: dict[str, object], recipe: Recipe
) -> Callable[[Denoiser, Path], dict[str, float]]:
    """Scores a denoiser on scenes with seeds of validation, or on held rows of the user's own."""
    if _own(recipe):
        return own_scene.open_validation(recipe)
    chosen = load(ValidationSettings, settings, "validation")
    return Validation(chosen, read_signal(recipe.signal))
