"""What the general training loop asks of this domain: samples, and validation.

`data` in a recipe names a source: the synthetic `leaves` bank, tiles of photographs, both mixed
(all made once and cached), the user's own folder (clean pictures, or clean/ and degraded/ for the
task "paired"), or a data set on disc by its card.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from pydantic import Field
from torch import Tensor
from torch.utils.data import Dataset

from undrift.common.config import Strict, load
from undrift.common.denoisers import Denoiser
from undrift.common.errors import InputError, nearest
from undrift.common.files import cache_folder
from undrift.common.training.recipe import Recipe
from undrift.common.training.run import Objective
from undrift.restoration.data import TASKS, Crops, Scales
from undrift.restoration.self_supervised.data import NoisySettings, open_noisy
from undrift.restoration.self_supervised.objective import SELF_SUPERVISED, blind_spot_objective
from undrift.restoration.sources import picture_files
from undrift.restoration.validation import Validation, ValidationSettings

_TRIAL = 4  # pictures of a bank that is thrown away


class LeavesSource(Strict):
    """A bank of `count` synthetic pictures of `size` pixels; see `undrift.restoration.leaves`.

    rich: with fur, cloth, specimens, depth of field and tone curves besides.
    """

    kind: Literal["leaves"] = "leaves"
    count: int = Field(1536, gt=0)
    size: int = Field(256, ge=64)
    seed: int = Field(1, ge=0)
    rich: bool = False


class FolderSource(Strict):
    """The user's own pictures."""

    kind: Literal["folder"]
    path: str


class TilesSource(Strict):
    """`count` tiles of `size` pixels from the photographs below `path`; see `tiles`.

    The path may begin with `cache:`, the folder of this program's cache, where
    `undrift data make` puts a card's pictures.
    """

    kind: Literal["tiles"]
    path: str
    count: int = Field(2944, gt=0)
    size: int = Field(256, ge=64)
    seed: int = Field(1, ge=0)


class MixedSource(Strict):
    """Several sources, each as likely as it has pictures."""

    kind: Literal["mixed"]
    parts: list[LeavesSource | TilesSource] = Field(min_length=1)


class DatasetSource(Strict):
    """A data set on disc by its card; see `undrift.restoration.datasets.dataset`."""

    kind: Literal["dataset"]
    card: str
    root: str
    split: str = "train"
    view: str | None = None


class ScaleSettings(Strict):
    """See `undrift.restoration.data.Scales`."""

    whole: list[int] = Field([2, 3, 4], min_length=1)
    real: tuple[float, float] = (2.0, 4.0)
    real_probability: float = Field(0.5, ge=0, le=1)


class DataSettings(Strict):
    """The section `data` of a recipe of this domain."""

    source: LeavesSource | FolderSource | TilesSource | MixedSource | DatasetSource = Field(
        discriminator="kind"
    )
    crop: int = Field(64, ge=16)
    grey: float = Field(0.25, ge=0, le=1)
    scales: ScaleSettings = ScaleSettings.model_validate({})
    degradation: str | dict[str, Any] | None = Field(
        None, description="a name of `undrift degrade --list`, a YAML file, or its steps"
    )


def open_samples(recipe: Recipe, trial: Path | None = None) -> Dataset[dict[str, Tensor]]:
    """The samples of a recipe; see `open_data`."""
    return open_data(recipe.data, recipe.task, recipe.schedule.seed, trial)


def open_data(
    settings: dict[str, object], task: str, seed: int, trial: Path | None = None
) -> Dataset[dict[str, Tensor]]:
    """Opens the samples of a recipe, making the synthetic bank if it is not cached yet.

    trial: a folder; the bank is then a small one in it. Raises InputError for an unknown key or
    task, or a source that does not fit.
    """
    if task == SELF_SUPERVISED:
        return open_noisy(load(NoisySettings, settings, "data"), seed)
    data = load(DataSettings, settings, "data")
    _check(task)
    scales = Scales(data.scales.whole, data.scales.real, data.scales.real_probability)
    if isinstance(data.source, DatasetSource):
        from undrift.restoration.datasets.dataset import CardData

        given = data.source
        opened = CardData(given.card, given.root, given.split, given.view).source()
        return Crops(opened, task, data.crop, seed, data.grey, scales, degradation=data.degradation)
    parts = data.source.parts if isinstance(data.source, MixedSource) else [data.source]
    paths = [_place(source, trial) for source in parts]
    place = paths[0] if len(paths) == 1 else paths
    return Crops(place, task, data.crop, seed, data.grey, scales, degradation=data.degradation)


def _place(source: LeavesSource | FolderSource | TilesSource, trial: Path | None) -> Path:
    """The bank or folder of a source; banks are made if they are not cached yet."""
    if isinstance(source, FolderSource):
        return Path(source.path).expanduser()
    count = source.count if trial is None else min(source.count, _TRIAL)
    if isinstance(source, TilesSource):
        from undrift.restoration.tiles import make_tiles

        inside = source.path.removeprefix("cache:")
        folder = cache_folder() / inside if inside != source.path else Path(inside).expanduser()
        if not folder.is_dir():
            raise InputError(
                f"data.source.path: {folder} is not a folder; make it first, for a data card with "
                f"`undrift data make {folder.name} -o {folder}`"
            )
        return make_tiles(
            picture_files(folder), folder.name, count, source.size, source.seed,
            trial or cache_folder() / "tiles",
        )  # fmt: skip
    from undrift.restoration.leaves import make_bank

    place = trial or cache_folder() / "leaves"
    return make_bank(count, source.size, source.seed, place, 2, source.rich)


def open_objective(recipe: Recipe) -> Objective | None:
    """The loss of tasks that have one of their own."""
    return blind_spot_objective(recipe) if recipe.task == SELF_SUPERVISED else None


def open_validation(
    settings: dict[str, object], recipe: Recipe
) -> Callable[[Denoiser, Path], dict[str, float]]:
    """Returns a function that scores a denoiser and writes before/after strips into a folder.

    Raises InputError for an unknown key, a card or a folder that cannot serve.
    """
    _check(recipe.task)
    degradation: Any = recipe.data.get("degradation")
    given = load(ValidationSettings, settings, "validation")
    return Validation(given, recipe.task, degradation)


def _check(task: str) -> None:
    if task not in TASKS:
        raise InputError(f"task: {task!r} is not one of {', '.join(TASKS)}{nearest(task, TASKS)}")
