"""What inputs of a training look like: the ranges that `guards` compares a volume with.

A recipe says which phantoms it is trained on. The first of them are made into inputs by the law of
the samples (shading, noise, with and without skull), whole, as a task will see a volume; the least
and the largest of each number of `histogram` over all of them are the ranges. They go into the
header of the weights when a run ends.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from undrift.common.config import load
from undrift.common.training.recipe import Recipe
from undrift.common.weights.settings import Settings
from undrift.medical.banks import LOW, PROTOCOLS, TRUTH, Bank
from undrift.medical.data import ComplexImages, Contrasts, Magnitudes
from undrift.medical.honesty.histogram import inside_ratios, seen_quantiles
from undrift.medical.received import rician
from undrift.medical.signal import Range, Signal, read_signal
from undrift.medical.training import DataSettings, open_bank
from undrift.medical.volumes.volume import Values

Shown = tuple[Values, tuple[float, float, float]]  # a volume and its spacing, mm
CUBES = (1.0, 1.0, 1.0)  # mm; depths are relative, and voxels of banks are cubes
_MOST = 24  # subjects
_NOISE = 0.1  # of magnitudes that a prior takes noise from, over their robust maximum
_LAWS = {"pair": Contrasts, "magnitudes": Magnitudes, "prior": ComplexImages}


def finisher(recipe: Recipe) -> Callable[[Settings], Settings]:
    """A function that adds the ranges to the settings of a recipe's weights; measured once."""
    found = functools.cache(lambda: training_ranges(recipe))

    def finish(settings: Settings) -> Settings:
        return settings.model_copy(update={"signal": {**settings.signal, **found()}})

    return finish


def training_ranges(recipe: Recipe, most: int = _MOST) -> dict[str, dict[float, Range]]:
    """Of a signal section: "quantiles" and, for one contrast of MR, "inside", over `most` subjects.

    {} for recipes without whole volumes of phantoms. Makes their bank where it is not cached.
    """
    signal = read_signal(recipe.signal)
    if recipe.task == "lesion":
        shown = _chests(recipe, min(most, 8))
    elif recipe.task in ("deform", "synthesis"):
        return {}
    else:
        data = load(DataSettings, recipe.data, "data")
        count = min(most, data.source.count)
        bank = open_bank(data.source.model_copy(update={"count": count}))
        shown = _brains(bank, data, signal) if data.source.kind == "brains" else _scans(bank, data)
    rows: dict[str, list[dict[float, float]]] = {"quantiles": [], "inside": []}
    for array, spacing in shown:
        rows["quantiles"].append(seen_quantiles(array, signal))
        if signal.source:
            rows["inside"].append(inside_ratios(array, signal, spacing))
    return {name: ranges for name, found in rows.items() if (ranges := _ranges(found))}


def _ranges(rows: list[dict[float, float]]) -> dict[float, Range]:
    shares = sorted({share for row in rows for share in row})
    ends = {share: [row[share] for row in rows if share in row] for share in shares}
    return {share: (round(min(v), 3), round(max(v), 3)) for share, v in ends.items()}


def _brains(bank: Bank, data: DataSettings, signal: Signal) -> Iterator[Shown]:
    """Each subject in each contrast of the law, with its skull and without, shaded and noisy."""
    law = _LAWS[data.what]
    names = [signal.source] if data.what == "pair" else list(PROTOCOLS)
    bias = float(_of(law, data.law, "bias"))
    noise = float(_of(law, data.law, "noise")) if data.what == "pair" else _NOISE
    for k in range(len(bank)):
        rng = np.random.default_rng(k)
        whole = np.asarray(bank[k], np.float32)
        for name in names:
            for mask in (1.0, whole[-1]):
                shade = np.exp(np.float32(bias * rng.random()) * whole[-2])
                clean = whole[PROTOCOLS.index(name)] * mask * shade
                yield rician(clean, noise * float(rng.random()), rng), CUBES


def _scans(bank: Bank, data: DataSettings) -> Iterator[Shown]:
    for k in range(len(bank)):
        whole = np.asarray(bank[k], np.float32)
        for array in whole[[TRUTH]] if data.what == "scan-alone" else whole[LOW:]:
            yield array, CUBES


def _chests(recipe: Recipe, count: int) -> Iterator[Shown]:
    """Whole chests as `lesions.training` makes them."""
    from undrift.medical.lesions.training import LesionData, chest

    data = load(LesionData, recipe.data, "data")
    for k in range(min(count, data.subjects)):
        yield np.asarray(chest(data.first + k, data.spacing).hu, np.float32), CUBES


def _of(law: Any, given: dict[str, Any], name: str) -> Any:
    """A number of a law: as the recipe has it, else its default."""
    return given.get(name, law.__dataclass_fields__[name].default)
