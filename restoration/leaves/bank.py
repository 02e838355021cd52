"""A bank of synthetic pictures on disc: one uint8 .npy array (count, size, size, 3).

Picture i depends on (seed, i) only: its own stream is Philox with key (seed, i), and its textures
come from the pool of its block of 64 pictures.  So banks are the same for any number of workers,
and a longer bank starts with the shorter one.
"""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from undrift.common.errors import InputError
from undrift.common.files import write_atomically
from undrift.restoration.leaves.rich import rich_scene
from undrift.restoration.leaves.scene import scene
from undrift.restoration.leaves.textures import Textures

BLOCK = 64
VERSION = 1  # raise when the generator's pictures change, so that old banks are not reused


@lru_cache(maxsize=2)
def _pool(seed: int, block: int, rich: bool) -> Textures:
    stream = np.random.Philox(key=np.array([seed, block + 2**63], np.uint64))
    return Textures(np.random.Generator(stream), rich=rich)


def picture(index: int, size: int, seed: int, rich: bool = False) -> np.ndarray:
    """Picture `index` of the bank of `seed`: uint8 (size, size, 3)."""
    rng = np.random.Generator(np.random.Philox(key=np.array([seed, index], np.uint64)))
    draw = rich_scene if rich else scene
    image = draw(size, rng, _pool(seed, index // BLOCK, rich))
    return np.rint(image.transpose(1, 2, 0) * 255).astype(np.uint8)


def _part(start: int, stop: int, size: int, seed: int, rich: bool) -> tuple[int, np.ndarray]:
    return start, np.stack([picture(k, size, seed, rich) for k in range(start, stop)])


def _parts(
    count: int, size: int, seed: int, workers: int, rich: bool
) -> Iterator[tuple[int, np.ndarray]]:
    spans = [(k, min(k + BLOCK, count)) for k in range(0, count, BLOCK)]
    if workers <= 1 or len(spans) == 1:
        for start, stop in spans:
            yield _part(start, stop, size, seed, rich)
        return
    with ProcessPoolExecutor(min(workers, len(spans)), mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(_part, start, stop, size, seed, rich) for start, stop in spans]
        for job in jobs:
            yield job.result()


def _complete(path: Path, shape: tuple[int, ...]) -> bool:
    if not path.is_file():
        return False
    try:
        found = np.load(path, mmap_mode="r")
    except (ValueError, OSError):
        return False
    return found.shape == shape and found.dtype == np.uint8


def make_bank(
    count: int, size: int, seed: int, folder: Path, workers: int = 1, rich: bool = False
) -> Path:
    """Make, or reuse, the bank of `count` pictures of `size` x `size` pixels of `seed`.

    Writes `folder/leaves-v{version}-{size}px-seed{seed}-{count}.npy`, uint8 (count, size, size, 3)
    RGB, whole or not at all, and returns its path; a complete file of that name is reused.  rich:
    of `rich_scene`, as `leaves-rich-v...`.  The result does not depend on `workers` (processes).
    Raises InputError for count < 1, size < 16 or
    a negative seed.
    """
    if count < 1 or size < 16 or not 0 <= seed < 2**63:
        raise InputError(
            f"make_bank got count={count}, size={size}, seed={seed}; expected count >= 1, "
            "size >= 16 and 0 <= seed < 2**63; change the value that is out of range"
        )
    shape = (count, size, size, 3)
    kind = "leaves-rich" if rich else "leaves"
    path = Path(folder) / f"{kind}-v{VERSION}-{size}px-seed{seed}-{count}.npy"
    if _complete(path, shape):
        return path
    path.parent.mkdir(parents=True, exist_ok=True)

    def write(target: Path) -> None:
        bank = np.lib.format.open_memmap(target, mode="w+", dtype=np.uint8, shape=shape)
        for start, pictures in _parts(count, size, seed, workers, rich):
            bank[start : start + len(pictures)] = pictures
        bank.flush()

    write_atomically(path, write)
    return path
