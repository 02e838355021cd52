"""The training of lesion models: crops of CT phantoms around their nodules, made once and kept."""

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.utils.data import Dataset

from undrift.common.config import Strict, load
from undrift.common.errors import InputError
from undrift.common.files import cache_folder, fingerprint, write_atomically
from undrift.common.training.recipe import Recipe
from undrift.common.training.run import Objective
from undrift.medical.lesions.histogram import BINS, measure
from undrift.medical.lesions.objective import Normalise, lesion_objective
from undrift.medical.lesions.places import labelled
from undrift.medical.signal import Signal, read_signal
from undrift.medical.simulate.ct import CtPhantom, ct_phantom
from undrift.medical.simulate.ct_law import LABELS

VERSION = 1
_LEAST = 30  # voxels of a nodule


class LesionData(Strict):
    """The section `data` of such a recipe: chests of seeds `first` .. `first` + `subjects` - 1.

    side: voxels of a crop. spacing: mm of the phantoms. normalise: see `objective`.
    """

    kind: Literal["lesion-phantoms"] = "lesion-phantoms"
    subjects: int = Field(48, gt=0)
    first: int = Field(0, ge=0)
    side: int = Field(32, ge=16)
    spacing: float = Field(1.8, gt=0)
    normalise: Normalise = "mask"


class Nodules(Dataset[dict[str, Tensor]]):
    """x0, mask, noise (1, side, side, side), level (bins,), u; sample n depends on seed and n."""

    def __init__(self, crops: np.ndarray, masks: np.ndarray, signal: Signal, seed: int):
        self.crops, self.masks, self.signal, self.seed = crops, masks, signal, seed

    def __getitem__(self, n: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([self.seed, n])
        k = int(rng.integers(len(self.crops)))
        hu = self.crops[k].astype(np.float32) + np.float32(8 * rng.standard_normal())
        numbers, mask = self.signal.intensity_map(hu).forward(hu), self.masks[k]
        axes = tuple(int(a) for a in rng.permutation(3))
        flips = tuple(slice(None, None, -1 if rng.random() < 0.5 else 1) for _ in range(3))
        numbers, mask = (v.transpose(axes)[flips] for v in (numbers, mask))
        noise = rng.standard_normal(numbers.shape, dtype=np.float32)
        return {
            "x0": torch.from_numpy(np.ascontiguousarray(numbers))[None],
            "mask": torch.from_numpy(np.ascontiguousarray(mask, np.float32))[None],
            "noise": torch.from_numpy(noise)[None],
            "level": torch.from_numpy(measure(numbers, mask)).float(),
            "u": torch.tensor(rng.random()),
        }


def open_samples(recipe: Recipe, trial: Path | None = None) -> Nodules:
    """The samples of a recipe; its crops are made where they are not cached yet.

    trial: a folder for throw-away crops of two subjects. Raises InputError for an unknown key.
    """
    data = load(LesionData, recipe.data, "data")
    if len(recipe.levels) != BINS:
        raise InputError(f"levels: expected {BINS}, one for each bin of the histogram")
    if trial is not None:
        data = data.model_copy(update={"subjects": min(data.subjects, 2), "first": data.first + 1})
    crops, masks = nodule_crops(data, trial or cache_folder() / "medical" / "lesions")
    return Nodules(crops, masks, read_signal(recipe.signal), recipe.schedule.seed)


def open_objective(recipe: Recipe) -> Objective:
    """The lesion-focused loss."""
    return lesion_objective


def nodule_crops(data: LesionData, place: Path) -> tuple[np.ndarray, np.ndarray]:
    """HU int16 and masks uint8, (nodules, side, side, side) each, kept in a file below `place`.

    Raises InputError where no subject has a nodule.
    """
    asked = [data.subjects, data.first, data.side, data.spacing, VERSION]
    path = place / f"nodules-{fingerprint(asked)}.npz"
    if not path.is_file():
        found = [crop for k in range(data.subjects) for crop in _crops(data.first + k, data)]
        if not found:
            raise InputError(f"no nodule in {data.subjects} subjects from {data.first}; take more")
        crops, masks = (np.stack(part) for part in zip(*found, strict=True))

        def write(part: Path) -> None:
            with part.open("wb") as file:
                np.savez_compressed(file, crops=crops, masks=masks)

        write_atomically(path, write)
    with np.load(path) as stored:
        return stored["crops"], stored["masks"]


def chest(seed: int, step: float) -> CtPhantom:
    """A whole chest of cubic voxels of `step` mm."""
    x, y, z = (round(length / step) for length in (360.0, 360.0, 190.0))
    return ct_phantom(seed, (x, y, z), (step, step, step), "chest")


def _crops(seed: int, data: LesionData) -> list[tuple[np.ndarray, np.ndarray]]:
    phantom = chest(seed, data.spacing)
    marks, count = labelled(phantom.label == LABELS["nodule"])
    half, found = data.side // 2, []
    for number in range(1, count + 1):
        places = np.argwhere(marks == number)
        if len(places) < _LEAST:
            continue
        middle = np.rint(places.mean(0)).astype(int)
        middle = np.clip(middle, half, np.array(phantom.hu.shape) - half)
        cut = tuple(slice(m - half, m - half + data.side) for m in middle)
        found.append((np.rint(phantom.hu[cut]).astype(np.int16),
                      (marks[cut] == number).astype(np.uint8)))  # fmt: skip
    return found
