"""Has a generator kept a volume it was trained on?  The nearest neighbour of each sample.

Samples and training volumes are turned to RAS, brought to one coarse grid and compared by Pearson's
correlation, also mirrored left and right. What is near has to be told from what is merely alike, as
all heads are: the measure is how near training volumes are to one another. A sample that is
nearer to one of them than any two of them are is a copy or close to one, as are images that
diffusion models were shown to repeat (Carlini et al., USENIX Security 2023). Copies of a part of a
volume, or moved ones, are missed.
"""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError
from undrift.medical.volumes.geometry import turned
from undrift.medical.volumes.volume import Volume

SIDE = 32  # voxels of the coarse grid
Rows = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Neighbour:
    """Of one sample: the number of the nearest training volume, and their correlation.

    usual: the largest correlation of two training volumes.
    """

    number: int
    correlation: float
    usual: float

    @property
    def suspicious(self) -> bool:
        """Whether the sample is nearer than training volumes are to one another."""
        return self.correlation > self.usual


def nearest_neighbours(
    samples: Sequence[Volume], training: Sequence[Volume]
) -> tuple[Neighbour, ...]:
    """The nearest training volume of each sample; volumes (x, y, z) of any grids.

    Raises InputError for fewer than three training volumes, or one of a single value.
    """
    if len(training) < 3:
        raise InputError(
            f"{len(training)} training volumes: three at least tell how near they are anyway"
        )
    known = np.stack([_coarse(volume) for volume in training])
    among = np.maximum(_rows(known) @ _rows(known).T, _rows(known) @ _rows(known[:, ::-1]).T)
    np.fill_diagonal(among, -1)  # each is itself, and nearly its own mirror image
    usual = float(among.max())
    found = []
    for sample in samples:
        own = _coarse(sample)[None]
        both = np.maximum(_rows(own) @ _rows(known).T, _rows(own[:, ::-1]) @ _rows(known).T)[0]
        number = int(both.argmax())
        found.append(Neighbour(number, float(both[number]), usual))
    return tuple(found)


def _coarse(volume: Volume) -> npt.NDArray[Any]:
    """(SIDE, SIDE, SIDE), linear between voxels."""
    if volume.array.ndim != 3 or float(np.ptp(volume.array)) == 0:
        raise InputError(f"a volume of {volume.array.shape} with one value: nothing to compare")
    ndimage: Any = importlib.import_module("scipy.ndimage")
    array = turned(volume)[0].array
    widths = [n / SIDE / 2.355 if n > SIDE else 0.0 for n in array.shape]
    smooth = ndimage.gaussian_filter(array, widths)
    return ndimage.zoom(smooth, [SIDE / n for n in array.shape], order=1, grid_mode=True,
                        mode="nearest")  # fmt: skip


def _rows(volumes: npt.NDArray[Any]) -> Rows:
    """Each as a vector of mean 0 and length 1, whose products are correlations."""
    rows = volumes.reshape(len(volumes), -1).astype(np.float64)
    rows = rows - rows.mean(1, keepdims=True)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
