"""What HIR-Diff's chain is pulled by: the misfit of the cube, and its total variation.

    eta1 |m (y - A x)|^2 / n  +  eta2 sum_d |w_d D_d x|_1 / n_d,     d = rows, columns, bands

D_d are differences to the next value. Denoising weighs them down where the three first singular
directions of y have edges: w_d = max / (|mean over bands of D_d y_3| + max / 2), divided by the
largest of all. Differences around the circle of bands add up to 0, so that the published program's
w of bands is a ratio of rounding errors; it is 2, hence 1 after the division, where it is exact.
Holes: n = the number of known values, no way around the edges, and each mean by itself.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.operators.operator import Operator

AXES = (-2, -1, -3)  # rows, columns, bands
_DELTA, _RANK = 0.5, 3
_ROUNDING = 1e-6  # of the largest value: no edge at all
ETA1, ETA2 = 256 * 64, 8 * 64  # what the published program multiplies its arguments by


@dataclass(frozen=True, eq=False)
class Guidance:
    """y: (1, bands, rows, columns), or what `operator` makes of such a cube. eta1, eta2: as above.

    mask: 1 where y is known, or None. weights: (3, rows, columns) of the differences, or None.
    """

    y: Tensor
    eta1: float
    eta2: float
    operator: Operator | None = None
    mask: Tensor | None = None
    weights: Tensor | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """The loss of a cube (1, bands, rows, columns), a number."""
        seen = x if self.operator is None else self.operator(x)
        left = self.y - seen if self.mask is None else self.mask * (self.y - seen)
        count = x.numel() if self.mask is None else self.mask.sum()
        smooth = x.new_zeros(())
        for number, axis in enumerate(AXES):
            step = differences(x, axis, around=self.mask is None).abs()
            if self.weights is not None:
                step = self.weights[number] * step
            smooth = smooth + step.mean()
        return self.eta1 * left.square().sum() / count + self.eta2 * smooth


def differences(x: Tensor, axis: int, around: bool = True) -> Tensor:
    """Next value less this one along an axis; around: the first follows the last."""
    return x.roll(-1, axis) - x if around else x.diff(dim=axis)


def edges(y: Tensor) -> Tensor:
    """(3, rows, columns) weights of differences along rows, columns and bands of y (1, c, ...)."""
    flat = y[0].flatten(1)
    left, values, right = torch.linalg.svd(flat, full_matrices=False)
    low = (left[:, :_RANK] * values[:_RANK] @ right[:_RANK]).reshape(y.shape)
    found = []
    for axis in AXES[:2]:
        size = differences(low, axis).mean(1).abs()[0]
        top = size.max()
        some = top > _ROUNDING * low.abs().max()
        found.append(top / (size + _DELTA * top) if some else torch.full_like(size, 1 / _DELTA))
    found.append(torch.full_like(found[0], 1 / _DELTA))
    weights = torch.stack(found)
    return weights / weights.max()
