"""Training items cut from noisy pictures: a crop and the random choices that the losses need.

Item n is a function of (seed, n) alone, from its own Philox stream, as in `restoration.data`. Each
picture, and each of its channels, is brought to one mean and spread first, so that files of other
depths and exposures train one network; `statistics` are those numbers, and the same are used when
the network is applied.
"""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from undrift.common.config import Strict
from undrift.common.errors import InputError
from undrift.common.training.drawn import Drawn
from undrift.restoration.sources import CACHE_BYTES, picture_files

MEAN, STD = 0.5, 0.25  # of what a network sees
FLAT = 1e-6  # spreads below this are taken as this: a constant picture stays finite


class NoisyFolder(Strict):
    """A folder of noisy pictures, all of one number of channels."""

    kind: Literal["folder"] = "folder"
    path: str


class NoisySettings(Strict):
    """The section `data` of a recipe of the task self-supervised.

    method: which loss. crop: side of the items. stride: of the sub-pictures in training, larger
    than the noise is correlated (5 for camera pictures that were processed, 1 for noise that is
    independent from pixel to pixel). ramp: iterations over which C-BSN's open terms rise.
    normalise: by the numbers of each picture, or of each crop as the papers do.
    """

    source: NoisyFolder
    method: Literal["c-bsn", "sdap"] = "c-bsn"
    crop: int = Field(60, ge=8)
    stride: int = Field(5, ge=1, le=16)
    ramp: int = Field(200, ge=0)
    normalise: Literal["picture", "crop"] = "picture"

    @model_validator(mode="after")
    def _divisible(self) -> "NoisySettings":
        if self.crop % 2 or self.crop % self.stride:
            raise ValueError(f"crop {self.crop} must be divisible by 2 and by stride {self.stride}")
        return self


def statistics(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (c, 1, 1) of each channel of (c, h, w)."""
    wide = x.astype(np.float64)
    mean, std = wide.mean((1, 2), keepdims=True), wide.std((1, 2), keepdims=True)
    return mean.astype(np.float32), np.maximum(std, FLAT).astype(np.float32)


def normalised(x: np.ndarray) -> np.ndarray:
    """(c, h, w) with mean .5 and standard deviation .25 in each channel."""
    mean, std = statistics(x)
    return ((x - mean) / std * STD + MEAN).astype(np.float32)


class NoisyCrops(Drawn):
    """Map-style dataset of items {x0, pick, order}; x0 is the noisy crop (c, crop, crop).

    pictures: files, or float arrays (c, h, w) of any number of channels.
    Raises InputError, naming the picture, where the channels differ from the first one's, or from
    `channels` where that is given, where one is smaller than a crop, or holds no finite numbers.
    """

    length = 2**31 - 1

    def __init__(
        self,
        pictures: Sequence[Path | np.ndarray],
        settings: NoisySettings,
        seed: int = 0,
        channels: int | None = None,
    ):
        if not pictures:
            raise InputError("no noisy pictures to train on; give one or more")
        self.pictures, self.settings, self.seed = list(pictures), settings, seed
        self._cache: OrderedDict[int, np.ndarray] = OrderedDict()
        first = self._read(0).shape[0]
        self.channels = first if channels is None else channels
        for k in range(len(self.pictures)):
            self._check(k, self._read(k))

    def draw(self, n: int, rng: np.random.Generator) -> dict[str, Tensor]:
        s = self.settings
        x = self._read(int(rng.integers(len(self.pictures))))
        top, left = (int(rng.integers(side - s.crop + 1)) for side in x.shape[1:])
        x = x[:, top : top + s.crop, left : left + s.crop]
        x = normalised(x) if s.normalise == "crop" else x
        turn = int(rng.integers(8))
        x = np.rot90(x, turn % 4, (1, 2))
        x = x[:, :, ::-1] if turn >= 4 else x
        pick = rng.integers(4, size=(s.crop // 2, s.crop // 2))
        cells = s.crop // s.stride
        order = rng.random((cells, cells, s.stride**2)).argsort(-1)
        return {
            "x0": torch.from_numpy(np.ascontiguousarray(x)),
            "pick": torch.from_numpy(pick.astype(np.uint8)),
            "order": torch.from_numpy(order.astype(np.uint8)),
        }

    def _read(self, k: int) -> np.ndarray:
        if k in self._cache:
            self._cache.move_to_end(k)
            return self._cache[k]
        given = self.pictures[k]
        if not isinstance(given, np.ndarray):
            from undrift.restoration.images import read_picture

            given = read_picture(given).pixels
        if given.ndim != 3 or 0 in given.shape or not np.isfinite(given).all():
            raise InputError(
                f"{self._name(k)}: expected finite numbers (c, h, w), got shape {given.shape}"
            )
        pixels = normalised(np.asarray(given, np.float32))
        self._cache[k] = pixels
        while len(self._cache) > 1 and sum(p.nbytes for p in self._cache.values()) > CACHE_BYTES:
            self._cache.popitem(last=False)
        return pixels

    def _check(self, k: int, x: np.ndarray) -> None:
        crop = self.settings.crop
        if x.shape[0] != self.channels:
            raise InputError(
                f"{self._name(k)} has {x.shape[0]} channels, the network {self.channels}; train on "
                "pictures of one kind (in a recipe set network.params.inputs and outputs)"
            )
        if min(x.shape[1:]) < crop:
            raise InputError(
                f"{self._name(k)} is {x.shape[2]} x {x.shape[1]} pixels but items of {crop} are "
                "cut; use a smaller crop or leave the picture out"
            )

    def _name(self, k: int) -> str:
        given = self.pictures[k]
        return f"picture {k + 1}" if isinstance(given, np.ndarray) else str(given)


def open_noisy(settings: NoisySettings, seed: int, channels: int | None = None) -> NoisyCrops:
    """The items of a recipe; raises InputError for a folder that cannot serve."""
    folder = Path(settings.source.path).expanduser()
    if not folder.is_dir():
        raise InputError(f"data.source.path: {folder} is no folder of noisy pictures")
    return NoisyCrops(picture_files(folder), settings, seed, channels)
