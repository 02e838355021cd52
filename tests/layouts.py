"""Data sets on disc for tests: small pictures under the names that the real archives use."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from undrift.common.card_views import View
from undrift.common.cards import card_paths, find_card
from undrift.common.view_files import fill

LEVELS = {"clean": 200, "degraded": 100, "mask": 255}


def level(side: str, k: int) -> int:
    """The grey value of every pixel of item k."""
    return LEVELS[side] - (0 if side == "mask" else k)


def draw(path: Path, value: int, size: tuple[int, int] = (8, 12)) -> Path:
    """Writes an even RGB picture of `size` (height, width), in the format of the suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (size[1], size[0]), (value,) * 3).save(path)
    return path


def lay_out(root: Path, files: Sequence[Mapping[str, str]], scale: int = 1) -> None:
    """Writes items given as side -> path below `root`; clean is `scale` times as large."""
    for k, sides in enumerate(files):
        for side, name in sides.items():
            factor = 1 if side == "degraded" else scale
            draw(root / name, level(side, k), (8 * factor, 12 * factor))


def words(view: View, k: int) -> dict[str, str]:
    """What stands for the {words} of a view in item k."""
    first = 0 if view.numbers is None else view.numbers[0]
    found = {name: f"w{k}" for name in re.findall(r"\{(\w+)\}", "".join(view.patterns.values()))}
    return {**found, "item": f"{first + k:05d}"}


def by_pattern(root: Path, view: View, count: int = 2) -> list[dict[str, str]]:
    """Writes `count` items of a view that keeps one picture a file; returns their {words}."""
    known = [words(view, k) for k in range(count)]
    files = [
        {s: fill(p, one).replace(".*", ".png").replace("*", "") for s, p in view.patterns.items()}
        for one in known
    ]
    lay_out(root, files, view.scale)
    return known


def matlab_blocks(path: Path, variable: str, value: int, lead: tuple[int, ...] = (2, 3)) -> None:
    """A MATLAB file of blocks of 8 x 12 pixels; block (i, j) has the grey value + 3 i + j."""
    from scipy.io import savemat

    index = np.arange(np.prod(lead), dtype=np.uint8).reshape(lead)
    blocks = np.uint8(value) + np.broadcast_to(index[..., None, None, None], (*lead, 8, 12, 3))
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {variable: blocks})


def matlab_photographs(root: Path, boxes: list[list[int]], count: int = 2) -> np.ndarray:
    """info.mat and images_srgb/ as MATLAB 7.3 writes them (HDF5, axes reversed); one photograph."""
    import h5py

    picture = np.random.default_rng(0).random((20, 30, 3), np.float32)  # height, width, channel
    (root / "images_srgb").mkdir(parents=True)
    with h5py.File(root / "info.mat", "w") as file:
        rows = file.create_dataset("info/boundingboxes", (1, count), dtype=h5py.ref_dtype)
        for k in range(count):
            table = file.create_dataset(f"#refs#/{k}", data=np.asarray(boxes, np.float64).T)
            rows[0, k] = table.ref
            with h5py.File(root / "images_srgb" / f"{k + 1:04d}.mat", "w") as image:
                image["InoisySRGB"] = picture.T
    return picture


@lru_cache
def with_views() -> set[str]:
    """The shipped cards of pictures that say how their files pair up."""
    blocks = [find_card(name).front.undrift for name in card_paths()]
    return {block.id for block in blocks if block.domain == "restoration" and block.views}


def views(card: str) -> list[View]:
    """The views of a shipped card."""
    return find_card(card).front.undrift.views
