"""What the general training loop asks of models of fields; see `scientific.training`.

task          what is learned
atmos-prior   fields alone
atmos-mean    the mean of a fine field given a coarse one, and sensors where `sensors` is set
atmos-residual  what the mean leaves open; `mean` names the weights of that
"""

from collections.abc import Callable
from pathlib import Path

from pydantic import Field
from torch import Tensor

from undrift.common.config import Strict, load
from undrift.common.denoisers import Denoiser
from undrift.common.errors import InputError
from undrift.common.training.recipe import Recipe
from undrift.common.training.run import Objective, denoising_loss
from undrift.scientific.atmosphere.banks import GROUP, StateSettings, state_bank
from undrift.scientific.atmosphere.mean import Mean, WithMaps
from undrift.scientific.atmosphere.samples import States
from undrift.scientific.atmosphere.signal import read_signal
from undrift.scientific.atmosphere.validation import Validation, ValidationSettings

_TRIAL = {"count": GROUP, "states": 1, "spin_up": 1.0}  # of a bank that is thrown away


class DataSettings(Strict):
    """The section `data` of a recipe. bank: of states, see `banks`. sensors: the most of them a
    sample, None for a network without. mean: id or path of the weights of a regression."""

    bank: StateSettings = Field(default_factory=StateSettings)
    sensors: int | None = Field(None, ge=0)
    mean: str = ""


def open_samples(recipe: Recipe, trial: Path | None = None) -> States:
    """The samples of a recipe; trial: a folder for a bank of one group that is hardly spun up.

    Raises InputError for an unknown key, and for data that do not fit the task.
    """
    data, signal = load(DataSettings, recipe.data, "data"), read_signal(recipe.signal)
    pairs = recipe.task != "atmos-prior"
    if (recipe.task == "atmos-residual") != bool(data.mean) or (not pairs and data.sensors):
        raise InputError(
            f"data of the task {recipe.task}: mean={data.mean!r}, sensors={data.sensors}; expected "
            "a mean for atmos-residual alone, and sensors for atmos-mean alone"
        )
    settings = data.bank.model_copy(update={"channels": signal.channels})
    if trial is not None:
        settings = settings.model_copy(update=_TRIAL)
    states = state_bank(settings, "train", trial).whole()
    mean = open_mean(data.mean) if data.mean else None
    return States(states, signal, pairs, data.sensors, mean, recipe.schedule.seed)


def open_mean(name: str) -> Mean:
    """A finished regression by id or path. Raises InputError for other weights."""
    from undrift.common.weights.files import load_denoiser
    from undrift.common.weights.model import find_weights

    denoiser, settings = load_denoiser(find_weights(name))
    if settings.task != "atmos-mean":
        raise InputError(f"mean: {name} is of the task {settings.task}; expected atmos-mean")
    return Mean(denoiser.eval().requires_grad_(False))


def open_objective(recipe: Recipe) -> Objective | None:
    """The general one; for networks that are shown maps, the same around them."""
    data = load(DataSettings, recipe.data, "data")
    return None if data.sensors is None else _with_maps


def _with_maps(
    denoiser: Denoiser, batch: dict[str, Tensor], recipe: Recipe, iteration: int
) -> Tensor:
    shown = denoiser.with_network(WithMaps(denoiser.network, batch["maps"]))
    return denoising_loss(shown, batch, recipe, iteration)


def open_validation(
    settings: dict[str, object], recipe: Recipe
) -> Callable[[Denoiser, Path], dict[str, float]]:
    """Scores a denoiser on states with seeds of validation."""
    chosen = load(ValidationSettings, settings, "validation")
    data = load(DataSettings, recipe.data, "data")
    mean = open_mean(data.mean) if data.mean else None
    return Validation(
        chosen, data.bank, read_signal(recipe.signal), recipe.task, data.sensors, mean
    )
