"""A scanned volume as one operator: every slice by the beams of its own plane.

    (1, x, y, z) of attenuation per mm  ->  (z, angles, cells) of line integrals

The axes are those of a volume, RAS+; a slice is seen with x to the right and y up. In units of a
network, u with HU = low + (u + 1) (high - low) / 2, attenuation is an affine function of u, so that
p - A(mu(0)) is linear in u: `in_numbers`.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.stored import StoredBeams, stored
from undrift.medical.ct.geometry import Geometry
from undrift.medical.ct.units import MU_WATER
from undrift.medical.intensity import HuWindow

Values = npt.NDArray[np.float32]


class ScannedSlices(LinearOperator):
    """geometry: one that knows its image. count: of slices. scale: what a value of 1 attenuates,
    per mm. Slices are columns of one sparse product, or channels of the beams if those are huge.
    """

    def __init__(self, geometry: Geometry, count: int, scale: float = 1.0):
        rows, columns = geometry.image
        self.beams = stored(geometry.beams())
        self.scale = float(scale)
        super().__init__(
            (1, columns, rows, count), (count, len(geometry.angles), geometry.cells), "real"
        )

    def _forward(self, x: Tensor) -> Tensor:
        return self._each(x[:, 0].permute(0, 3, 2, 1).flip(2), "_forward")

    def _adjoint(self, v: Tensor) -> Tensor:
        return self._each(v, "_adjoint").flip(2).permute(0, 3, 2, 1)[:, None].contiguous()

    def _each(self, value: Tensor, function: str) -> Tensor:
        b, z = value.shape[:2]
        if isinstance(self.beams, StoredBeams):
            value = value.reshape(1, b * z, *value.shape[2:])
        else:
            value = value.reshape(b * z, 1, *value.shape[2:])
        found = getattr(self.beams, function)(value * self.scale)
        return found.reshape(b, z, *found.shape[2:])


def in_numbers(
    geometry: Geometry, count: int, window: HuWindow, water: float = MU_WATER
) -> tuple[ScannedSlices, Tensor]:
    """The operator on a network's numbers u, and A(mu(u = 0)), (z, angles, cells) float64."""
    half = (window.high - window.low) / 2
    per_number = water * half / 1000
    at_zero = water * (1 + (window.low + half) / 1000)
    operator = ScannedSlices(geometry, count, per_number)
    ones = torch.ones((*operator.shape_in[:3], 1), dtype=torch.float64)
    one = ScannedSlices(geometry, 1)(ones) * at_zero
    return operator, one.expand(operator.shape_out)


def to_rows(volume: Values) -> Values:
    """(x, y, z) -> (z, rows, columns) as an image is seen: x to the right, y up."""
    return np.ascontiguousarray(volume.transpose(2, 1, 0)[:, ::-1])


def from_rows(slices: Values) -> Values:
    """(z, rows, columns) -> (x, y, z); undoes `to_rows`."""
    return np.ascontiguousarray(slices[:, ::-1].transpose(2, 1, 0))
