"""What the smoke runs of papers on picture restoration do to a picture, by name of the task.

uint8 (h, w, 3) and the number of the picture to the same kind; the number is the seed of what is
drawn. Rain is that of the recipe of degradations of this name; low light is the curve of `mrs`.
"""

import numpy as np

from undrift.restoration.papers.mrs_smoke import darken

_SCALE, _LENGTH, _SHARE, _CELL = 4, 9, 0.3, 4


def enlarged(picture: np.ndarray, number: int) -> np.ndarray:
    """Four times smaller, in 8 bits, and enlarged again, both bicubic."""
    import torch

    from undrift.common.resize import upscale
    from undrift.restoration.degrade import Bicubic

    small = Bicubic(_SCALE)(torch.from_numpy(picture.transpose(2, 0, 1) / 255.0))
    return _bytes(upscale(small, _SCALE).numpy().transpose(1, 2, 0))


def blurred(picture: np.ndarray, number: int) -> np.ndarray:
    """Moved by nine pixels along the rows."""
    from scipy.ndimage import uniform_filter1d

    return _bytes(uniform_filter1d(picture / 255, _LENGTH, axis=1, mode="reflect"))


def rained(picture: np.ndarray, number: int) -> np.ndarray:
    """Streaks of rain, drawn for the picture."""
    from undrift.restoration.chains.recipes import find_recipe

    size = (picture.shape[0], picture.shape[1])
    chain = find_recipe("rain").draw(size, np.random.default_rng(number))
    return _bytes(chain(picture.transpose(2, 0, 1).astype(np.float32) / 255).transpose(1, 2, 0))


def holed(picture: np.ndarray, number: int) -> np.ndarray:
    """Squares of four pixels are black, three of ten."""
    rng = np.random.default_rng(number)
    cells = rng.random([-(-n // _CELL) for n in picture.shape[:2]]) < _SHARE
    missing = np.kron(cells, np.ones((_CELL, _CELL), bool))[: picture.shape[0], : picture.shape[1]]
    return np.where(missing[..., None], 0, picture).astype(np.uint8)


def darkened(picture: np.ndarray, number: int) -> np.ndarray:
    """Low light."""
    return darken(picture)


DAMAGE = {
    "rain": rained, "super-resolution": enlarged, "blur": blurred, "holes": holed,
    "low light": darkened,
}  # fmt: skip


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.rint(255 * np.clip(values, 0, 1)).astype(np.uint8)
