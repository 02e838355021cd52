"""What the general training loop asks of models of cubes; see `scientific.training`."""

from collections.abc import Callable
from pathlib import Path

from torch import Tensor
from torch.utils.data import Dataset

from undrift.common.config import Strict, load
from undrift.common.denoisers import Denoiser
from undrift.common.files import cache_folder
from undrift.common.training.recipe import Recipe
from undrift.common.training.run import Objective
from undrift.scientific.hyperspectral.banks import PairSettings, open_bank
from undrift.scientific.hyperspectral.samples import Coefficients
from undrift.scientific.hyperspectral.signal import read_signal
from undrift.scientific.hyperspectral.validation import Validation, ValidationSettings
from undrift.scientific.hyperspectral.voxels import Boxes, boxes

_TRIAL = 2  # scenes of a bank that is thrown away


class DataSettings(Strict):
    """The section `data` of a recipe. patch: pixels a side. fresh: see `Coefficients`; bands: of a
    box, where the network sees voxels."""

    count: int = 160
    first: int = 0
    side: int = 80
    patch: int = 64
    fresh: float = 0.5
    bands: int = 24


def open_samples(recipe: Recipe, trial: Path | None = None) -> Dataset[dict[str, Tensor]]:
    """The samples of a recipe; trial: a folder for a bank of two scenes."""
    data, signal = load(DataSettings, recipe.data, "data"), read_signal(recipe.signal)
    count = data.count if trial is None else min(_TRIAL, data.count)
    settings = PairSettings(
        count=count, first=data.first, side=data.side, channels=signal.channels, least=signal.least
    )
    place = trial or cache_folder() / "scientific" / "banks"
    if signal.space == "voxels":
        bank = open_bank(settings, place, kind="voxels", make=boxes)
        return Boxes(bank, (data.bands, data.patch, data.patch), recipe.schedule.seed)
    bank = open_bank(settings, place)
    return Coefficients(bank, data.patch, data.fresh, recipe.schedule.seed)


def open_objective(recipe: Recipe) -> Objective | None:
    """The general one."""
    return None


def open_validation(
    settings: dict[str, object], recipe: Recipe
) -> Callable[[Denoiser, Path], dict[str, float]]:
    """Scores a denoiser on scenes with seeds of validation."""
    chosen = load(ValidationSettings, settings, "validation")
    return Validation(chosen, read_signal(recipe.signal))
