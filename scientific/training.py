"""What the general training loop asks of this domain: the task of a recipe says who answers.

Each answering module has `open_samples`, `open_objective` and `open_validation`; see
`undrift.common.training.session`.
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.utils.data import Dataset

from undrift.common.denoisers import Denoiser
from undrift.common.errors import InputError, nearest
from undrift.common.training.recipe import Recipe
from undrift.common.training.run import Objective

_OF_TASK = {
    "hsi-denoise": "undrift.scientific.hyperspectral.training",
    "atmos-prior": "undrift.scientific.atmosphere.training",
    "atmos-mean": "undrift.scientific.atmosphere.training",
    "atmos-residual": "undrift.scientific.atmosphere.training",
}


def open_samples(recipe: Recipe, trial: Path | None = None) -> Dataset[dict[str, Tensor]]:
    """The samples of a recipe, made where they are not cached yet; trial: a folder for few."""
    return _module(recipe).open_samples(recipe, trial)


def open_objective(recipe: Recipe) -> Objective | None:
    """The loss of tasks that have one of their own."""
    return _module(recipe).open_objective(recipe)


def open_validation(
    settings: dict[str, object], recipe: Recipe
) -> Callable[[Denoiser, Path], dict[str, float]]:
    """A function that scores a denoiser on data for validation."""
    return _module(recipe).open_validation(settings, recipe)


def _module(recipe: Recipe) -> Any:
    if recipe.task not in _OF_TASK:
        raise InputError(
            f"task: {recipe.task!r} cannot be trained{nearest(recipe.task, _OF_TASK)}; there are "
            f"{', '.join(_OF_TASK)}"
        )
    return importlib.import_module(_OF_TASK[recipe.task])
