"""Coarse fields of fine ones, and back: what a global model gives and what is to be found.

A coarse value is the mean over its cells weighted by their areas, A x; on a plane all areas are
alike, on a grid of latitudes they go with the difference of the sines of the edges
(`common.operators.coarse`). Going back, `interpolated` draws a cubic through the centres of the
coarse cells, periodic where the field is: the field that a network gets, and the simplest rival.
"""

from functools import cache

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators.coarse import CoarseGrain, areas

FACTORS = (4, 8)  # that models are trained for


def coarse_grain(
    shape: tuple[int, int, int], factor: int, latitudes: Tensor | None = None
) -> CoarseGrain:
    """The operator (channels, rows, columns) -> the same with rows and columns / factor.

    latitudes: (rows,) in degrees, where rows are latitudes; cells then count by their area. Raises
    InputError for a factor that does not divide the sides, or latitudes that do not fit the rows.
    """
    if latitudes is None:
        return CoarseGrain(shape, factor)
    if latitudes.shape != (shape[1],):
        raise InputError(
            f"got {tuple(latitudes.shape)} latitudes for {shape[1]} rows; expected one for each row"
        )
    return CoarseGrain(shape, factor, areas(latitudes))


def interpolated(coarse: Tensor, factor: int, periodic: tuple[bool, bool] = (True, True)) -> Tensor:
    """(b, c, rows, columns) -> the same with rows and columns times factor, by Catmull-Rom cubics.

    The centre of a coarse cell is that of its block. periodic: of rows and columns; where not, the
    outermost values go on beyond the edge. Raises InputError for a factor below 1.
    """
    if factor < 1:
        raise InputError(f"factor is {factor}; expected a whole number from 1")
    fine = coarse
    for axis, around in zip((-2, -1), periodic, strict=True):
        weights = _weights(coarse.shape[axis], factor, around).to(fine)
        fine = (weights @ fine) if axis == -2 else (fine @ weights.T)
    return fine


@cache
def _weights(n: int, factor: int, around: bool) -> Tensor:
    """(n factor, n) weights of coarse values in fine ones, float64."""
    with torch.inference_mode(False):
        place = (torch.arange(n * factor, dtype=torch.float64) + 0.5) / factor - 0.5
        low = place.floor()
        t = place - low
        cubic = torch.stack([  # Catmull-Rom: values at -1, 0, 1, 2
            ((2 - t) * t - 1) * t / 2, ((3 * t - 5) * t * t + 2) / 2,
            ((4 - 3 * t) * t + 1) * t / 2, (t - 1) * t * t / 2,
        ])  # fmt: skip
        out = torch.zeros(n * factor, n, dtype=torch.float64)
        for k in range(4):
            index = low.long() + k - 1
            index = index.remainder(n) if around else index.clamp(0, n - 1)
            out.scatter_add_(1, index[:, None], cubic[k][:, None])
        return out
