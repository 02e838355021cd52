"""A bank of tiles cut from photographs: one uint8 .npy array (count, size, size, 3).

Photographs from a camera's file are soft and have been compressed: their finest scale is not what a
restored picture should look like. So each tile is cut from a window 1.6 to 4 times as large (less
only where the photograph is too small) and shrunk to size by the antialiased bicubic kernel, which
averages noise and blocks away and shows the same scene at many scales. Of two windows drawn, the
one with more detail is kept: skies and backgrounds teach little.
Tile i depends on (seed, i) and on the list of photographs only.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from undrift.common.errors import InputError
from undrift.common.files import write_atomically
from undrift.common.resize import bicubic
from undrift.restoration.degrade import quantise
from undrift.restoration.sources import TILES, Folder

VERSION = 1  # raise when tiles are cut otherwise, so that old banks are not reused
FACTORS = (1.6, 4.0)  # how many times a window is larger than its tile


def make_tiles(
    files: Sequence[Path], name: str, count: int, size: int, seed: int, folder: Path
) -> Path:
    """Makes, or reuses, the bank of `count` tiles of `size` x `size` pixels from `files`.

    Writes `folder/tiles-{name}-v{version}-{size}px-seed{seed}-{count}.npy`, whole or not at all,
    and returns its path. Photograph k gives the tiles i with i mod len(files) = k.
    Raises InputError for no files, count < 1, size < 16, and photographs smaller than a tile.
    """
    if count < 1 or size < 16 or not files:
        raise InputError(
            f"make_tiles got {len(files)} files, count={count}, size={size}; expected files, "
            "count >= 1 and size >= 16"
        )
    path = Path(folder) / f"{TILES}{name}-v{VERSION}-{size}px-seed{seed}-{count}.npy"
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    photographs = Folder(path.parent, list(files))

    def write(target: Path) -> None:
        shape = (count, size, size, 3)
        bank = np.lib.format.open_memmap(target, mode="w+", dtype=np.uint8, shape=shape)
        for k in range(len(files)):
            for index in range(k, count, len(files)):
                bank[index] = tile(photographs, k, index, size, seed)
        bank.flush()

    write_atomically(path, write)
    return path


def tile(photographs: Folder, k: int, index: int, size: int, seed: int) -> np.ndarray:
    """Tile `index`, of photograph k: uint8 (size, size, 3)."""
    height, width = photographs.size(k)
    if min(height, width) < size:
        raise InputError(
            f"{photographs.name(k)} is {height} x {width} pixels, smaller than a tile of {size}"
        )
    rng = np.random.Generator(np.random.Philox(key=np.array([seed, index], np.uint64)))
    top = min(FACTORS[1], min(height, width) / size)
    factor = math.exp(rng.uniform(math.log(min(FACTORS[0], top)), math.log(top)))
    side = min(round(size * factor), height, width)
    candidates = [_shrunk(photographs, k, side, size, rng) for _ in range(2)]
    best = max(candidates, key=_detail)
    return np.rint(best.transpose(1, 2, 0) * 255).astype(np.uint8)


def _shrunk(
    photographs: Folder, k: int, side: int, size: int, rng: np.random.Generator
) -> np.ndarray:
    height, width = photographs.size(k)
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    window = torch.from_numpy(photographs.crop(k, top, left, side, side))
    return quantise(bicubic(window, (size, size))).numpy()


def _detail(x: np.ndarray) -> float:
    """Mean absolute step between neighbours."""
    return float(np.abs(np.diff(x, axis=1)).mean() + np.abs(np.diff(x, axis=2)).mean())
