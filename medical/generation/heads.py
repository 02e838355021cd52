"""Whole heads for the training of a generator: one contrast of phantoms, no patch, few voxels.

A generator has to know where it is: a patch of a brain is a brain nowhere. So voxels are coarse
enough for a network to see all of a volume at once, as medforj does at a millimetre with a GPU
(arXiv 2510.26834). Numbers are the contrast in thousandths of its robust maximum through the window
`signal.scale`: its ends are -1, air, and 1, all above it, fat of the scalp and marrow. Heads are
mirrored by chance, left and right; what a sample is depends on the seed and its number alone.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor
from torch.utils.data import Dataset

from undrift.common.config import Strict, load
from undrift.common.errors import InputError
from undrift.common.files import cache_folder, fingerprint, write_atomically
from undrift.common.training.recipe import Recipe
from undrift.common.training.run import Objective, denoising_loss
from undrift.medical.banks import PROTOCOLS, TRAINING_SEEDS, BrainSettings, brain_arrays
from undrift.medical.signal import Scale, Signal, read_signal

VERSION = 1
_TRIAL = 2  # heads of a recipe that is only tried
Half = npt.NDArray[np.float16]


class HeadData(Strict):
    """The section `data` of such a recipe: heads of seeds `first` .. `first` + `count` - 1.

    shift: of the grid's middle from the head's, mm. Grid and spacing are those of the signal.
    """

    kind: Literal["head-phantoms"] = "head-phantoms"
    count: int = Field(600, gt=0)
    first: int = Field(0, ge=0)
    shift: float = Field(6.0, ge=0)


class Heads(Dataset[dict[str, Tensor]]):
    """x0, noise (1, x, y, z) and u ()."""

    def __init__(self, numbers: npt.NDArray[np.float32], seed: int):
        self.numbers, self.seed = numbers, seed

    def __getitem__(self, n: int) -> dict[str, Tensor]:
        rng = np.random.Generator(np.random.Philox(key=np.array([self.seed, n], np.uint64)))
        head = self.numbers[int(rng.integers(len(self.numbers)))]
        head = head[::-1] if rng.random() < 0.5 else head
        noise = rng.standard_normal(head.shape, dtype=np.float32)
        return {
            "x0": torch.from_numpy(np.ascontiguousarray(head))[None],
            "noise": torch.from_numpy(noise)[None],
            "u": torch.tensor(rng.random(dtype=np.float32)),
        }


def open_samples(recipe: Recipe, trial: Path | None = None) -> Heads:
    """The samples of a recipe, after making the heads that are not cached yet.

    Raises InputError for an unknown key, seeds that are kept for validation, and a signal without
    grid, scale or a known source.
    """
    data, signal = load(HeadData, recipe.data, "data"), read_signal(recipe.signal)
    count = min(data.count, _TRIAL) if trial else data.count
    if data.first + count > TRAINING_SEEDS:
        raise InputError(
            f"heads of seeds {data.first} to {data.first + count - 1}: training has those below "
            f"{TRAINING_SEEDS}; the others are kept for validation and test"
        )
    place = trial or cache_folder() / "medical" / "banks"
    pictures = head_bank(signal, data.model_copy(update={"count": count}), place)
    return Heads(to_numbers(pictures, signal), recipe.schedule.seed)


def open_objective(recipe: Recipe) -> Objective:
    """The error at times drawn as the recipe says."""
    return denoising_loss


def head_bank(signal: Signal, data: HeadData, place: Path) -> Half:
    """(count, x, y, z) in units of the robust maximum; one file a head below `place`."""
    _, grid = _window(signal)
    settings = BrainSettings(
        count=data.count, first=data.first, grid=grid, spacing=signal.spacing, shift=data.shift
    )
    content = {"version": VERSION, "contrast": signal.source, **settings.model_dump()}
    folder = place / f"heads-{fingerprint({**content, 'count': None})}"
    channel = PROTOCOLS.index(signal.source)
    return np.stack(
        [
            _kept(folder / f"{n:05d}.npy", lambda n=n: brain_arrays(n, settings)[channel])
            for n in range(data.count)
        ]
    )


def to_numbers(pictures: Half, signal: Signal) -> npt.NDArray[np.float32]:
    """Units of the robust maximum to [-1, 1]."""
    scale, _ = _window(signal)
    shares = (1000 * pictures.astype(np.float32) - scale.low) / (scale.high - scale.low)
    return 2 * shares.clip(0, 1) - 1


def _window(signal: Signal) -> tuple[Scale, tuple[int, int, int]]:
    if signal.scale is None or signal.grid is None or signal.source not in PROTOCOLS:
        raise InputError(
            "whole heads need signal.grid, signal.scale in thousandths of the brightest tissue, "
            f"and signal.source among {', '.join(PROTOCOLS)}; got {signal.grid}, {signal.scale}, "
            f"{signal.source!r}"
        )
    return signal.scale, signal.grid


def _kept(path: Path, make: Callable[[], Half]) -> Half:
    """The array of a file, which is made where it is not there."""

    def write(part: Path) -> None:
        with part.open("wb") as file:
            np.save(file, make())

    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, write)
    found: Any = np.load(path)
    return found
