"""Training of one entrant: the recipe `own-pairs` with its process, and the same for all the rest.

Items of a batch depend on the seed and their number alone, so every network sees the same crops
with the same noise; only the process decides how they are mixed, and when.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from undrift.common.config import load
from undrift.common.console import Console
from undrift.common.errors import InputError
from undrift.common.resize import bicubic
from undrift.common.training.loop import train
from undrift.common.training.recipe import Recipe
from undrift.common.training.recipes import read_recipe
from undrift.common.training.run import prepare
from undrift.restoration.contest.drawing import Item
from undrift.restoration.contest.split import names_of
from undrift.restoration.data import Crops
from undrift.restoration.sources import Bank, Folder, Pairs, Together
from undrift.restoration.training import DataSettings

BASE = "own-pairs"
REGRESSION = "regression"
_MEASURED = 128  # crops


@dataclass
class PairCrops(Crops):
    """Training items of pairs that are open already, such as a part of a folder."""

    pairs: Pairs | None = None

    def _open(self, path: Path) -> Bank | Folder | Together | Pairs:
        return super()._open(path) if self.pairs is None else self.pairs


def crops(recipe: Recipe, pairs: Pairs) -> PairCrops:
    """The items of a recipe, cut from these pairs."""
    data = load(DataSettings, recipe.data, "data")
    place = pairs.clean.folder.parent
    return PairCrops(place, "paired", data.crop, recipe.schedule.seed, data.grey, pairs=pairs)


def spread(items: Crops) -> float:
    """Root mean square of x0 - y of the first items, to three digits."""
    total = sum(float((items[n]["x0"] - items[n]["y"]).square().mean()) for n in range(_MEASURED))
    value = float(f"{math.sqrt(total / _MEASURED):.3g}")
    if value == 0:
        raise InputError("clean and degraded pictures are the same; there is nothing to learn")
    return value


def recipes(
    processes: Sequence[str], pairs: Pairs, iterations: int, seed: int, assignments: Sequence[str]
) -> dict[str, Recipe]:
    """Process -> its recipe. assignments: KEY=VALUE for all of them, such as schedule.batch=8."""
    common = (
        f"data.source.path={json.dumps(str(pairs.clean.folder.parent))}",
        "validation={}",
        f"schedule.iterations={iterations}",
        f"schedule.decay={round(0.4 * iterations)}",
        f"schedule.warmup={min(200, iterations // 10)}",
        f"schedule.seed={seed}",
        "schedule.workers=0",
        *assignments,
    )
    measured = spread(crops(read_recipe(f"{BASE}+{REGRESSION}", common), pairs))
    scaled = (*common[: -len(assignments) or None], f"scaling.sigma_d={measured}", *assignments)
    return {name: read_recipe(f"{BASE}+{name}", scaled) for name in processes}


def trained(recipe: Recipe, pairs: Pairs, folder: Path, cpu: bool, console: Console) -> Path:
    """Trains to the end, or goes on; returns the weights."""
    run = prepare(recipe, folder, cpu=cpu)
    if run.iteration < recipe.schedule.iterations:
        console.note(f"{recipe.id} begins at iteration {run.iteration} in {folder}")
    return train(run, crops(recipe, pairs), console=console)


def items(pairs: Pairs, largest: int = 0) -> list[Item]:
    """Whole pictures, or their central `largest` pixels a side, as the network is shown them."""
    found = []
    for k, name in enumerate(names_of(pairs)):
        s = pairs.scale(k)
        height, width = pairs.degraded.size(k)
        high, wide = (min(n, largest // s) if largest else n for n in (height, width))
        top, left = (height - high) // 2, (width - wide) // 2
        y = torch.from_numpy(pairs.degraded.crop(k, top, left, high, wide))[None]
        x0 = torch.from_numpy(pairs.clean.crop(k, s * top, s * left, s * high, s * wide))[None]
        y = y if s == 1 else bicubic(y, (x0.shape[-2], x0.shape[-1]))
        found.append(Item(name, x0, y, torch.tensor([[math.log2(s) / 2]])))
    return found
