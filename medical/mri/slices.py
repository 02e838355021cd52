"""A prior of slices as one of volumes: every slice along each axis, and the mean of what is found.

A network for slices (b, 2, h, w) restores a volume (1, 2, X, Y, Z) slice by slice across each of
`axes`; each of these estimates of x0 knows two of the three directions, and their mean knows them
all. All slices of a volume are restored at the same time of the process, in lock step, from one
noise volume, so that neighbours stay together.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.solvers.loop import Denoise

_AT_A_TIME = 2**20  # voxels a call of the network


@dataclass(frozen=True)
class AcrossSlices:
    """denoise: of slices (b, 2, h, w). axes: the axes across which slices are taken, 0 to 2."""

    denoise: Denoise
    axes: tuple[int, ...] = (0, 1, 2)

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        """x: (1, 2, X, Y, Z); y, level: None."""
        total = torch.zeros_like(x)
        for axis in self.axes:
            slices = x[0].movedim(axis + 1, 0)
            many = max(1, _AT_A_TIME // slices[0, 0].numel())
            found = torch.cat([self.denoise(s, t, None, None).x0 for s in slices.split(many)])
            total[0] += found.movedim(0, axis + 1)
        return Estimate(total / len(self.axes))
