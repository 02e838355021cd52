"""What the general training loop asks of this domain: samples and validation.

`data` in a recipe names a source of phantoms (`banks`) and what becomes of them (`data`).
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field
from torch import Tensor
from torch.utils.data import Dataset

from undrift.common.config import Strict, load
from undrift.common.denoisers import Denoiser
from undrift.common.files import cache_folder
from undrift.common.training.recipe import Recipe
from undrift.common.training.run import Objective
from undrift.common.weights.settings import Settings
from undrift.medical.banks import Bank, BrainSettings, ScanSettings, brain_bank, scan_bank
from undrift.medical.data import Patches, What, open_source
from undrift.medical.signal import read_signal
from undrift.medical.validation import Validation, ValidationSettings

# Tasks whose samples and loss are their own: where `open_samples` and `open_objective` are.
_OF_TASK = {
    "deform": "undrift.medical.deformation.training",
    "synthesis": "undrift.medical.generation.heads",
    "lesion": "undrift.medical.lesions.training",
}
_TRIAL, _TRIAL_GRID = 1, 48  # subjects and voxels of banks that are thrown away


class BrainSource(BrainSettings):
    """A bank of brains; see `undrift.medical.banks`."""

    kind: Literal["brains"]


class ScanSource(ScanSettings):
    """A bank of CT scans; see `undrift.medical.banks`."""

    kind: Literal["scans"]


class DataSettings(Strict):
    """The section `data` of a recipe of this domain.

    patch: voxels along x, y and z. what: see `undrift.medical.data`. law: of its randomness.
    """

    source: Annotated[BrainSource | ScanSource, Field(discriminator="kind")]
    what: What
    patch: tuple[int, int, int] = (48, 48, 48)
    law: dict[str, Any] = Field(default_factory=dict)


def open_bank(source: BrainSource | ScanSource, trial: Path | None = None) -> Bank:
    """The bank of a source in the cache, or a small one in the folder `trial`."""
    place = trial or cache_folder() / "medical" / "banks"
    given: dict[str, Any] = source.model_dump(exclude={"kind"})
    if trial is not None:
        given["count"] = min(given["count"], _TRIAL)
    if isinstance(source, BrainSource):
        return brain_bank(BrainSettings(**given), place)
    return scan_bank(ScanSettings(**given), place)


def open_samples(recipe: Recipe, trial: Path | None = None) -> Dataset[dict[str, Tensor]]:
    """Opens the samples of a recipe, making its bank where it is not cached yet.

    trial: a folder; a bank of one subject is then made in it. Raises InputError for an unknown key
    or a source that does not fit the signal.
    """
    if recipe.task in _OF_TASK:
        return importlib.import_module(_OF_TASK[recipe.task]).open_samples(recipe, trial)
    data, signal = load(DataSettings, recipe.data, "data"), read_signal(recipe.signal)
    bank, schedule = open_bank(data.source, trial), recipe.schedule
    source = open_source(data.what, bank, signal, data.patch, schedule.batch, **data.law)
    return Patches(source, schedule.seed)


def open_objective(recipe: Recipe) -> Objective | None:
    """The loss of tasks that have one of their own."""
    if recipe.task not in _OF_TASK:
        return None
    return importlib.import_module(_OF_TASK[recipe.task]).open_objective(recipe)


def open_finish(recipe: Recipe) -> Callable[[Settings], Settings]:
    """Adds what the inputs of the training look like to the header of its weights."""
    from undrift.medical.honesty.training_ranges import finisher

    return finisher(recipe)


def open_validation(
    settings: dict[str, object], recipe: Recipe
) -> Callable[[Denoiser, Path], dict[str, float]]:
    """Returns a function that scores a denoiser on phantoms with seeds of validation."""
    data = load(DataSettings, recipe.data, "data")
    chosen = load(ValidationSettings, settings, "validation")
    return Validation(chosen, data.what, read_signal(recipe.signal))
