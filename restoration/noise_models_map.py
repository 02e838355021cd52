"""Maps of noise: the standard deviation of each pixel, from an array or a file.

Numbers are taken as they are stored, on the 0..255 scale: an 8-bit 12 and a float 12.0 both mean a
deviation of 12/255 of white. A file lies as the picture does once it is upright.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from undrift.common.errors import InputError


def read_map(given: Any, shape: tuple[int, ...]) -> Tensor:
    """(1, 1 or c, h, w) float32 in the unit of the pixels, of an array, a tensor or a path.

    given: (h, w) or (h, w, c) for arrays and files, (h, w) or (c, h, w) for tensors; shape:
    (c, h, w) of the picture. Raises InputError for files that cannot be read, another size, and
    values that are not finite or negative.
    """
    name = "the map of noise"
    if isinstance(given, str | Path):
        name = str(given)
        values = _from_file(Path(given).expanduser())
    elif isinstance(given, torch.Tensor):
        plain = given.detach().cpu().float().numpy()
        values = plain if plain.ndim != 3 else plain.transpose(1, 2, 0)
    else:
        values = np.asarray(given)
    return torch.from_numpy(_checked(values, shape, name) / np.float32(255))[None]


def _from_file(path: Path) -> np.ndarray:
    """(h, w) or (h, w, c), the numbers as they are stored."""
    if path.suffix.lower() == ".npy":
        try:
            return np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise InputError(f"{path}: cannot be read as numbers: {error}") from error
    from undrift.restoration.images import read_picture
    from undrift.restoration.pictures.values import stored

    picture = read_picture(path)
    return stored(picture.pixels, None, picture.depth, picture.value_range)


def _checked(values: np.ndarray, shape: tuple[int, ...], name: str) -> np.ndarray:
    """(1 or c, h, w) float32; raises InputError if it is no map for a picture of `shape`."""
    channels, height, width = shape
    if values.dtype.kind not in "iuf":
        raise InputError(f"{name} holds {values.dtype}; expected numbers on the 0..255 scale")
    planes = values[None] if values.ndim == 2 else np.moveaxis(values, -1, 0)
    if planes.ndim != 3 or planes.shape[1:] != (height, width) or len(planes) not in (1, channels):
        raise InputError(
            f"{name} has shape {values.shape}; expected one standard deviation for each pixel of "
            f"the picture: ({height}, {width}) or ({height}, {width}, {channels})"
        )
    planes = planes.astype(np.float32)
    if not np.isfinite(planes).all() or planes.min() < 0:
        raise InputError(
            f"{name} holds values that are negative or not finite; expected standard deviations "
            "of 0 or more on the 0..255 scale"
        )
    return np.ascontiguousarray(planes)
